/**
 * A working folder with FITS files, state folders and a folder of streams,
 * in which the real command runs.
 * @module
 */

import { writeFits } from "../../src/fits/mod.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { DataType } from "../../src/stream/types.ts";
import { Folder, type Outcome, shmim } from "../_support/cli.ts";
import { Foreign } from "../_support/foreign.ts";

/** Where a user sits. */
export class Workplace {
  readonly #work: Folder;
  /** The folder of streams. */
  readonly streams: Folder;

  /**
   * @param work The current folder; it goes away with this.
   * @param streams The folder of streams; it does, too.
   */
  constructor(work = new Folder(), streams = new Folder()) {
    this.#work = work;
    this.streams = streams;
  }

  /** The current folder of the commands. */
  get path(): string {
    return this.#work.path;
  }

  /** A path in the current folder. */
  file(name: string): string {
    return this.#work.file(name);
  }

  /** Runs a command. */
  shmim(
    words: readonly string[],
    around: { flags?: string[]; env?: Record<string, string> } = {},
  ): Promise<Outcome> {
    return shmim(words, { folder: this.streams, cwd: this.path, ...around });
  }

  /** Runs a command that must do well, and returns its standard output. */
  async done(...words: string[]): Promise<string> {
    const { code, out, err } = await this.shmim(words);
    if (code !== 0) throw new Error(`shmim ${words.join(" ")}: ${err}`);
    return out;
  }

  /** Writes a file of 4x3 pixels of one value. */
  async fits(
    name: string,
    value: number,
    options: { type?: DataType; size?: number[]; filter?: string } = {},
  ): Promise<string> {
    const { type = "f32", size = [4, 3] } = options;
    const count = size.reduce((all, axis) => all * axis, 1);
    const data = type === "f32"
      ? new Float32Array(count).fill(value)
      : new Uint16Array(count).fill(value);
    await writeFits(this.file(name), { type, size, data }, {
      keywords: [{ name: "VALUE", type: "D", value, comment: "of all" }],
      ...options.filter === undefined
        ? {}
        : { cards: [{ keyword: "FILTER", value: options.filter }] },
    });
    return name;
  }

  /** A text file in the current folder. */
  text(name: string): string {
    return Deno.readTextFileSync(this.file(name));
  }

  /** Writes a text file in the current folder, with the folders above. */
  put(name: string, text: string): void {
    const path = this.file(name);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(path, text);
  }

  /** What a folder below the current one holds, sorted. */
  names(folder: string): string[] {
    try {
      return [...Deno.readDirSync(this.file(folder))].map(({ name }) => name)
        .sort();
    } catch (error) {
      if (
        error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory
      ) return [];
      throw error;
    }
  }

  /** Endings of the state files of a stem, sorted, with a blank between. */
  state(stem: string): string {
    return this.names("loadedSM")
      .filter((name) => name.startsWith(`${stem}.`))
      .map((name) => name.slice(stem.length + 1))
      .filter((ending) => !ending.includes(".tmp"))
      .join(" ");
  }

  /** First pixel, counter and keywords of a stream. */
  look(name: string): { pixel: number; cnt0: bigint; value: unknown } {
    using stream = this.open(name);
    const { pixels, cnt0 } = stream.read();
    const value = stream.keywords().find((one) => one.name === "VALUE")?.value;
    return { pixel: Number(pixels[0]), cnt0, value };
  }

  /** Opens a stream. */
  open(name: string, writable = false): Stream {
    return Stream.open(this.streams.stream(name), { writable });
  }

  /** Stores a pixel as a program does that counts nothing. */
  storeQuietly(name: string, value: number): void {
    using stream = this.open(name);
    using foreign = new Foreign(this.streams.stream(name));
    foreign.put(
      stream.layout.table.data,
      new Uint8Array(new Float32Array([value]).buffer),
    );
  }

  /** Everything below the current folder and in the folder of streams. */
  snapshot(): Record<string, string> {
    const found: Record<string, string> = {};
    const walk = (folder: string): void => {
      for (const { name, isDirectory, isSymlink } of Deno.readDirSync(folder)) {
        const path = `${folder}/${name}`;
        if (isSymlink) found[path] = `-> ${Deno.readLinkSync(path)}`;
        else if (isDirectory) {
          found[path] = "folder";
          walk(path);
        } else found[path] = Deno.readFileSync(path).toBase64();
      }
    };
    walk(this.path);
    walk(this.streams.path);
    return found;
  }

  [Symbol.dispose](): void {
    this.#work[Symbol.dispose]();
    this.streams[Symbol.dispose]();
  }
}
