/**
 * What becomes of a complete cube: packed, or with its times as text beside
 * it. A packer makes a second file of the first, which goes when that is
 * whole; where it fails, the first stays.
 * @module
 */

import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { basename, dirname, join } from "@std/path";
import { ARRIVAL_ROW_BYTES } from "../fits/parts.ts";
import { removeIfThere, writeAll } from "./complete.ts";
import type { CubeFile } from "./cube_file.ts";

/** Makes a packed file of a plain one. */
export interface Packer {
  /** What the name gets at its end. */
  readonly suffix: string;
  /**
   * Packs.
   *
   * @param plain The file to read.
   * @param packed The file to write; it does not exist.
   */
  pack(plain: string, packed: string): Promise<void>;
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
  async pack(plain, packed): Promise<void> {
    using from = await Deno.open(plain, { read: true });
    using to = await Deno.open(packed, { write: true, createNew: true });
    await pipeline(
      chunksOf(from),
      createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 1 << 18 }),
      async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
        for await (const chunk of bytes) await writeAll(to, chunk);
      },
    );
    await to.sync();
  },
};

/**
 * Packs a complete file.
 *
 * @param plain The file, which goes.
 * @param packer How.
 * @returns The packed file.
 */
export async function packFile(plain: string, packer: Packer): Promise<string> {
  const packed = plain + packer.suffix;
  const temporary = join(dirname(packed), `.${basename(packed)}.part`);
  try {
    await packer.pack(plain, temporary);
    await Deno.rename(temporary, packed);
  } catch (error) {
    await removeIfThere(temporary);
    throw error;
  }
  await Deno.remove(plain);
  return packed;
}

const HEADING = [
  "Telemetry stream timing data",
  "",
  "col1 : datacube frame index",
  "col2 : Main index",
  "col3 : Time since cube origin (logging)",
  "col4 : Absolute time (logging)",
  "col5 : Absolute time (acquisition)",
  "col6 : stream cnt0 index",
  "col7 : stream cnt1 index",
  "",
];

const NS = 1_000_000_000n;

/** Seconds with nine decimals. */
function seconds(ns: bigint): string {
  const sign = ns < 0n ? "-" : "";
  const size = ns < 0n ? -ns : ns;
  const rest = (size % NS).toString().padStart(9, "0");
  return `${sign}${size / NS}.${rest}`;
}

/**
 * The times of a cube's frames as text, in the seven columns of milk's
 * telemetry format: the logging time is when a frame arrived. A time that is
 * not known is that of its arrival.
 *
 * @param rows The rows of the cube's table.
 * @param firstIndex How many frames were recorded before this cube.
 */
export function timesText(
  rows: Uint8Array<ArrayBuffer>,
  firstIndex: number,
): string {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const lines = HEADING.map((line) => `# ${line}`.trimEnd());
  const zero = 1n << 63n;
  const first = view.byteLength > 0 ? view.getBigInt64(32) : 0n;
  for (let at = 0; at < rows.length; at += ARRIVAL_ROW_BYTES) {
    const index = at / ARRIVAL_ROW_BYTES;
    const arrival = view.getBigInt64(at + 32);
    const acquired = view.getBigInt64(at + 16);
    lines.push(
      [
        String(index).padStart(10),
        String(firstIndex + index).padStart(10),
        seconds(arrival - first).padStart(15),
        seconds(arrival).padStart(20),
        seconds(acquired === -zero ? arrival : acquired).padStart(20),
        String(view.getBigInt64(at) + zero).padStart(10),
        String(view.getBigInt64(at + 8) + zero).padStart(10),
      ].join("  "),
    );
  }
  return lines.join("\n") + "\n";
}

/** Writes the text of times beside a cube, whole or not at all. */
export async function writeTimes(
  file: string,
  cube: CubeFile,
  firstIndex: number,
): Promise<void> {
  const path = file.replace(/\.fits$/, ".txt");
  const temporary = join(dirname(path), `.${basename(path)}.part`);
  try {
    await Deno.writeTextFile(temporary, timesText(cube.rows(), firstIndex));
    await Deno.rename(temporary, path);
  } catch (error) {
    await removeIfThere(temporary);
    throw error;
  }
}
