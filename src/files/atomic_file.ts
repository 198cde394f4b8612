/** A file that appears whole or not at all. @module */

import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { removeIfThere, temporaryName, writeAll } from "./whole_file.ts";

/** Follows symbolic links to the file that shall be replaced. */
async function targetOf(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

/** Reads a file from where it stands to its end, 64 KiB at a time. */
async function* readAll(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = new Uint8Array(65_536);
    const count = await file.read(chunk);
    if (count === null) return;
    yield chunk.subarray(0, count);
  }
}

/**
 * A temporary file beside its target, renamed over it by `commit` and removed
 * by anything else. A target that is a symbolic link stays one: the file that
 * it leads to is replaced.
 */
export class AtomicFile {
  /** The path that the file will have. */
  readonly target: string;
  #temporary: string;
  #file: Deno.FsFile;
  #done = false;

  private constructor(target: string, temporary: string, file: Deno.FsFile) {
    this.target = target;
    this.#temporary = temporary;
    this.#file = file;
  }

  /**
   * Creates the temporary file. Needs the permission to read and write the
   * target's folder.
   *
   * @param path The path that the file shall have.
   * @returns The file, empty.
   */
  static async create(path: string): Promise<AtomicFile> {
    const target = await targetOf(path);
    const temporary = temporaryName(target);
    const file = await Deno.open(temporary, {
      write: true,
      read: true,
      createNew: true,
    });
    return new AtomicFile(target, temporary, file);
  }

  /**
   * Appends bytes.
   *
   * @param bytes What to write.
   */
  async append(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#file, bytes);
  }

  /**
   * Replaces bytes at the file's start; appending goes on behind them.
   *
   * @param bytes What to write.
   */
  async rewriteStart(bytes: Uint8Array): Promise<void> {
    await this.#file.seek(0, Deno.SeekMode.Start);
    await writeAll(this.#file, bytes);
    await this.#file.seek(0, Deno.SeekMode.End);
  }

  /** Packs what was written with gzip, into a second temporary file. */
  async #compress(): Promise<void> {
    const packed = temporaryName(this.target);
    const into = await Deno.open(packed, { write: true, createNew: true });
    try {
      await this.#file.seek(0, Deno.SeekMode.Start);
      await pipeline(
        readAll(this.#file),
        createGzip(),
        async (packedBytes: AsyncIterable<Uint8Array>): Promise<void> => {
          for await (const chunk of packedBytes) await writeAll(into, chunk);
        },
      );
      await into.sync();
    } catch (error) {
      await Deno.remove(packed);
      throw error;
    } finally {
      into.close();
    }
    await Deno.remove(this.#temporary);
    this.#temporary = packed;
  }

  /**
   * Brings the file to the disk and to its name.
   *
   * @param gzip Whether it is packed first.
   */
  async commit(gzip: boolean): Promise<void> {
    try {
      if (gzip) await this.#compress();
      else await this.#file.sync();
      this.#file.close();
      await Deno.rename(this.#temporary, this.target);
      this.#done = true;
    } finally {
      await this.discard();
    }
  }

  /** Removes what was written; does nothing after `commit`. */
  async discard(): Promise<void> {
    if (this.#done) return;
    this.#done = true;
    try {
      this.#file.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    await removeIfThere(this.#temporary);
  }
}
