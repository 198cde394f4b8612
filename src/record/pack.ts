/**
 * What becomes of a complete cube that is to be packed: a second file is made
 * of it, and the first goes when that is whole; where it fails, the first
 * stays.
 * @module
 */

import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { basename, dirname, join } from "@std/path";
import { OpenFile } from "../../ffi/files.ts";
import { removeIfThere, writeAll } from "../files/whole_file.ts";
import type { DataType } from "../stream/types.ts";

/** Makes a packed file of a plain one. */
export interface Packer {
  /** What the name gets at its end. */
  readonly suffix: string;
  /**
   * Whether it can pack frames of a type.
   *
   * @throws {RangeError} where it cannot.
   */
  check(type: DataType): void;
  /**
   * Packs.
   *
   * @param plain The file to read.
   * @param packed Takes what is packed; it is empty.
   * @returns A line for each thing that the packed file does not have.
   */
  pack(plain: string, packed: Deno.FsFile): Promise<readonly string[]>;
}

async function* chunksOf(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = new Uint8Array(1 << 18);
    const count = await file.read(chunk);
    if (count === null) return;
    yield chunk.subarray(0, count);
  }
}

/** The whole file with gzip, at its fastest. */
export const GZIP: Packer = {
  suffix: ".gz",
  check: () => {},
  async pack(plain, packed): Promise<readonly string[]> {
    using from = await Deno.open(plain, { read: true });
    await pipeline(
      chunksOf(from),
      createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 1 << 18 }),
      async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
        for await (const chunk of bytes) await writeAll(packed, chunk);
      },
    );
    return [];
  },
};

/** A complete file that was packed. */
export interface Packed {
  /** The packed file. */
  readonly file: string;
  /** A line for each thing that it does not have. */
  readonly losses: readonly string[];
}

/** What an unfinished packed file is called: hidden, beside the plain one. */
export function packingPath(packed: string): string {
  return join(dirname(packed), `.${basename(packed)}.part`);
}

/**
 * Packs a complete file.
 *
 * @param plain The file, which goes.
 * @param packer How.
 * @returns The packed file.
 */
export async function packFile(plain: string, packer: Packer): Promise<Packed> {
  const packed = plain + packer.suffix;
  const temporary = packingPath(packed);
  const file = await Deno.open(temporary, {
    read: true,
    write: true,
    createNew: true,
  });
  try {
    // Says to whoever tidies up that somebody is at work.
    using lock = OpenFile.open(temporary, { writable: true });
    while (!lock.lock()) await new Promise((resolve) => setTimeout(resolve, 1));
    const losses = await packer.pack(plain, file);
    await file.sync();
    await Deno.rename(temporary, packed);
    await Deno.remove(plain);
    return { file: packed, losses };
  } catch (error) {
    await removeIfThere(temporary);
    throw error;
  } finally {
    file.close();
  }
}
