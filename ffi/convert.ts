/**
 * Values as FITS files store them, big-endian or in tiles, into the pixels of
 * a mapped stream. The caller has raised the write flag.
 * @module
 */

import { check } from "./errno.ts";
import type { OpenFile } from "./files.ts";
import type { Mapping } from "./mapping.ts";
import {
  packBatch,
  type TileBatch,
  type TileFailure,
  tileFailure,
} from "./tiles.ts";

/** How stored, big-endian values become pixels. */
export interface Conversion {
  /** Bytes that are reversed together: 1, 2, 4 or 8. */
  readonly width: number;
  /** Exact: invert the sign bit. */
  readonly flipSign: boolean;
  /** What is stored, where values are scaled. */
  readonly stored: "u8" | "integer" | "f32" | "f64";
  /** Values become value x scale + zero, in floats of so many bytes. */
  readonly scaled?: {
    readonly bytes: 4 | 8;
    readonly scale: number;
    readonly zero: number;
    /** This integer becomes NaN. */
    readonly blank?: bigint;
  };
}

const STORED = ["u8", "integer", "f32", "f64"] as const;

/** `struct shmim_convert`. */
function conversionWords(c: Conversion): BigUint64Array<ArrayBuffer> {
  const words = new BigUint64Array(new ArrayBuffer(9 * 8));
  const { scaled } = c;
  words.set([
    BigInt(c.width),
    BigInt(scaled?.bytes ?? c.width),
    c.flipSign ? 1n : 0n,
    scaled === undefined ? 0n : 1n,
    BigInt(STORED.indexOf(c.stored)),
    scaled?.blank === undefined ? 0n : 1n,
    BigInt.asUintN(64, scaled?.blank ?? 0n),
  ]);
  new Float64Array(words.buffer).set(
    [scaled?.scale ?? 1, scaled?.zero ?? 0],
    7,
  );
  return words;
}

/**
 * Converts values of a file into the data block.
 *
 * @param offset In the data block.
 * @param source The file, and where the values begin in it.
 * @param count How many values.
 * @throws {SystemError} `ENODATA` where the file ends early.
 */
export async function convertFile(
  mapping: Mapping,
  offset: number,
  source: { readonly file: OpenFile; readonly at: number },
  count: number,
  conversion: Conversion,
): Promise<void> {
  const words = conversionWords(conversion);
  const result = await mapping.run((helper, table) =>
    source.file.use((fd) =>
      helper.shmim_convert_file(
        table,
        BigInt(offset),
        fd,
        BigInt(source.at),
        BigInt(count),
        words,
      )
    )
  );
  check(result, "read", source.file.path);
}

/** Converts values in memory into the data block. */
export async function convertBytes(
  mapping: Mapping,
  offset: number,
  bytes: Uint8Array<ArrayBuffer>,
  count: number,
  conversion: Conversion,
): Promise<void> {
  const words = conversionWords(conversion);
  const result = await mapping.run((helper, table) =>
    helper.shmim_convert_bytes(
      table,
      BigInt(offset),
      bytes,
      BigInt(bytes.byteLength),
      BigInt(count),
      words,
    )
  );
  mapping.check(result, "write");
}

/**
 * Decodes tiles of an image into the data block.
 *
 * @param offset Of the first wanted pixel, within the data block.
 * @param batch The tiles.
 * @param conversion What becomes of their pixels.
 * @returns Which tile cannot be read; `undefined` where all went well.
 */
export async function convertTiles(
  mapping: Mapping,
  offset: number,
  batch: TileBatch,
  conversion: Conversion,
): Promise<TileFailure | undefined> {
  const words = conversionWords(conversion);
  const { head, tiles, report, bytes } = packBatch(batch);
  const result = await mapping.run((helper, table) =>
    helper.shmim_tiles_load(
      table,
      BigInt(offset),
      head,
      tiles,
      bytes,
      BigInt(bytes.byteLength),
      words,
      report,
    )
  );
  const failure = tileFailure(result, report);
  if (failure === undefined) mapping.check(result, "write");
  return failure;
}
