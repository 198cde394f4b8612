/**
 * Where a command's data goes: standard output, or a file that appears when
 * it is whole.
 * @module
 */

import { CommandError } from "./errors.ts";
import type { Output } from "./output.ts";

/** The name that a file has while it is being written. */
export function partName(path: string): string {
  return `${path}.part`;
}

/** Takes bytes. */
export interface Sink {
  /** Writes bytes. */
  write(bytes: Uint8Array): void;
  /** Makes what was written final. */
  finish(): void;
  /** Throws it away where it is not final. */
  [Symbol.dispose](): void;
}

class StdoutSink implements Sink {
  readonly #out: Output;

  constructor(out: Output) {
    this.#out = out;
  }

  write(bytes: Uint8Array): void {
    this.#out.bytes(bytes);
  }

  finish(): void {}

  [Symbol.dispose](): void {}
}

/** Nothing is put in its place, however it is named. */
function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

class FileSink implements Sink {
  readonly #path: string;
  readonly #part: string;
  #file: Deno.FsFile | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#part = partName(path);
    try {
      if (isFolder(path)) throw new Error("it is a folder");
      this.#file = Deno.openSync(this.#part, {
        write: true,
        create: true,
        truncate: true,
      });
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      throw new CommandError(
        `Cannot write "${path}": ${(error as Error).message}`,
      );
    }
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      at += this.#file?.writeSync(bytes.subarray(at)) ?? bytes.length;
    }
  }

  finish(): void {
    this.#file?.close();
    this.#file = undefined;
    try {
      Deno.renameSync(this.#part, this.#path);
    } catch (error) {
      Deno.removeSync(this.#part);
      throw new CommandError(
        `Cannot write "${this.#path}": ${(error as Error).message}`,
      );
    }
  }

  [Symbol.dispose](): void {
    if (this.#file === undefined) return;
    this.#file.close();
    this.#file = undefined;
    Deno.removeSync(this.#part);
  }
}

/** Opens a file, or standard output where none is named. */
export function openSink(path: string | undefined, out: Output): Sink {
  return path === undefined ? new StdoutSink(out) : new FileSink(path);
}
