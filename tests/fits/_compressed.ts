/** Compressed images by fpack, and what other programs read of them. @module */

import { AssertionError } from "@std/assert";
import { decodeTiles } from "../../ffi/tiles.ts";
import { FitsFile, type FitsPixels } from "../../src/fits/mod.ts";
import { lacks, lacksAstropy, PYTHON } from "./tools.ts";

const SCRIPT =
  new URL("../fixtures/fits/compressed.py", import.meta.url).pathname;

/** Whether fpack, funpack or astropy is missing. */
export function lacksFpack(): boolean {
  return lacksAstropy() || lacks("libcfitsio-bin", "fpack", ["-V"]);
}

/** Runs a command that must do well. */
export async function run(
  command: string,
  args: string[],
  cwd = "/",
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
  }).output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  throw new Error(
    `${command} ${args.join(" ")}: ${decoder.decode(stderr).trim()}`,
  );
}

/** Makes the images that are to be compressed. */
export async function makeImages(folder: string): Promise<string[]> {
  await run(PYTHON, [SCRIPT, "make", folder]);
  return [...Deno.readDirSync(folder)].map(({ name }) =>
    name.replace(/\.fits$/, "")
  ).sort();
}

/** Makes images by HCOMPRESS_1 with smoothing; gives their paths. */
export async function makeSmoothed(folder: string): Promise<string[]> {
  await run(PYTHON, [SCRIPT, "smooth", folder]);
  return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`)
    .sort();
}

/** What astropy reads. */
export interface AstropyPixels {
  readonly path: string;
  /** Why it reads nothing. */
  readonly error?: string;
  readonly dtype: string;
  readonly axes: number[];
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** DATASUM and CHECKSUM of each HDU. */
  readonly sums: [number, number][];
}

/** Reads files with astropy, all in one process. */
export async function astropyPixels(
  paths: readonly string[],
): Promise<AstropyPixels[]> {
  const text = await run(PYTHON, [SCRIPT, "read", ...paths]);
  return text.trim().split("\n").map((line) => {
    const found = JSON.parse(line);
    return { ...found, pixels: Uint8Array.fromBase64(found.pixels ?? "") };
  });
}

/** numpy's names of our types. */
export const DTYPES: Readonly<Record<string, string>> = {
  u8: "uint8",
  i8: "int8",
  i16: "int16",
  u16: "uint16",
  i32: "int32",
  u32: "uint32",
  f32: "float32",
  f64: "float64",
};

/** An image as we read it. */
export interface OurImage {
  readonly type: string;
  readonly axes: readonly number[];
  readonly pixels: FitsPixels;
  readonly bytes: Uint8Array;
}

/** Reads a file's first image, compressed or not. */
export async function ourPixels(path: string): Promise<OurImage> {
  using file = await FitsFile.open(path, { tiles: decodeTiles });
  const { image } = file;
  const pixels = await image.read();
  const { buffer, byteOffset, byteLength } = pixels;
  return {
    type: image.type,
    axes: image.size,
    pixels,
    bytes: new Uint8Array(buffer, byteOffset, byteLength),
  };
}

/** Fails at the first byte that differs. */
export function assertSame(
  ours: ArrayBufferView | undefined,
  theirs: ArrayBufferView | undefined,
  where: string,
): void {
  const [a, b] = [ours, theirs].map((data) =>
    data === undefined
      ? undefined
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  );
  if (a?.length !== b?.length) {
    throw new AssertionError(`${where}: ${a?.length} bytes, not ${b?.length}`);
  }
  const at = a?.findIndex((byte, i) => byte !== b?.[i]) ?? -1;
  if (at >= 0) throw new AssertionError(`${where}: byte ${at} differs`);
}
