/**
 * Tile-compressed images of FITS files: the helper's decoders and encoder.
 * @module
 */

import { check, ERRNO } from "./errno.ts";
import { helper } from "./helper.ts";

/** How a tile's bytes become numbers. */
export type TileCodec =
  | "stored"
  | "rice"
  | "gzip"
  | "gzipBytes"
  | "hcompress"
  | "plio";

const CODECS: readonly TileCodec[] = [
  "stored",
  "rice",
  "gzip",
  "gzipBytes",
  "hcompress",
  "plio",
];

/** One tile. */
export interface Tile {
  /** Where its bytes begin, within those of the batch. */
  readonly from: number;
  /** How many there are. */
  readonly bytes: number;
  /** How they are compressed. */
  readonly codec: TileCodec;
  /** Bytes of a number that is stored, or that RICE makes. */
  readonly width: number;
  /** Floats: whether integers times scale are stored. */
  readonly quantized: boolean;
  /** The scale of quantized floats. */
  readonly scale: number;
  /** What is added to them. */
  readonly zero: number;
  /** The integer that stands for NaN. */
  readonly blank?: bigint;
}

/** What all tiles of an image share. */
export interface TileImage {
  /** The image's axes, the fastest first; 8 at most. */
  readonly size: readonly number[];
  /** The axes of a tile; those at the edge are smaller. */
  readonly tile: readonly number[];
  /** Bytes of a pixel: 1, 2, 4 or 8. */
  readonly width: number;
  /** Whether pixels are floats. */
  readonly floats: boolean;
  /** RICE: pixels of a block. */
  readonly block: number;
  /** HCOMPRESS: whether to smooth. */
  readonly smooth: boolean;
  /** SUBTRACTIVE_DITHER_1 or _2; 0 for none. */
  readonly dither: 0 | 1 | 2;
  /** ZDITHER0. */
  readonly seed: number;
  /** PLIO: what is added to each value. */
  readonly offset: number;
}

/** Tiles that follow one another, and which pixels are wanted of them. */
export interface TileBatch {
  /** The image they belong to. */
  readonly image: TileImage;
  /** The number of the first, counted from 0. */
  readonly first: number;
  /** The tiles. */
  readonly tiles: readonly Tile[];
  /** Their bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The first pixel wanted, counted from 0 over the whole image. */
  readonly from: number;
  /** How many pixels are wanted; others are not touched. */
  readonly pixels: number;
}

/** Which tile cannot be read, and why. */
export interface TileFailure {
  /** Its number, counted from 0. */
  readonly tile: number;
  /** What is wrong with it. */
  readonly problem: string;
}

/** `enum shmim_tile_problem` in words. */
const PROBLEMS: readonly string[] = [
  "cannot be read",
  "data end before the tile is full",
  "data are damaged",
  "data hold another number of pixels than the tile",
  "a value is out of BITPIX's range",
  "gzip's checksum does not agree with the data",
  "more pixels than can be decoded at once",
];

const HEAD_BYTES = 200;
const TILE_BYTES = 56;
const MOST_AXES = 8;

/** Integers up to 2^53 as two words. */
function put64(words: Uint32Array, at: number, value: number): void {
  words[at] = value % 0x1_0000_0000;
  words[at + 1] = Math.floor(value / 0x1_0000_0000);
}

/** `struct shmim_tiles`. */
function packHead(batch: TileBatch): Uint8Array<ArrayBuffer> {
  const { image } = batch;
  if (image.size.length > MOST_AXES) {
    throw new RangeError(`More than ${MOST_AXES} axes`);
  }
  const buffer = new ArrayBuffer(HEAD_BYTES);
  const words = new Uint32Array(buffer);
  words.set([
    image.size.length,
    image.width,
    image.floats ? 1 : 0,
    image.block,
    image.smooth ? 1 : 0,
    image.dither,
  ]);
  new BigInt64Array(buffer).set([BigInt(image.seed), BigInt(image.offset)], 3);
  const numbers = [batch.first, batch.tiles.length, batch.from, batch.pixels];
  numbers.forEach((value, i) => put64(words, 10 + 2 * i, value));
  image.size.forEach((axis, i) => put64(words, 18 + 2 * i, axis));
  image.tile.forEach((axis, i) => put64(words, 34 + 2 * i, axis));
  return new Uint8Array(buffer);
}

/** An array of `struct shmim_tile`. */
function packTiles(tiles: readonly Tile[]): Uint8Array<ArrayBuffer> {
  const buffer = new ArrayBuffer(tiles.length * TILE_BYTES);
  const words = new Uint32Array(buffer);
  const floats = new Float64Array(buffer);
  const blanks = new BigInt64Array(buffer);
  tiles.forEach((tile, i) => {
    const at = i * (TILE_BYTES / 4);
    put64(words, at, tile.from);
    put64(words, at + 2, tile.bytes);
    words[at + 4] = CODECS.indexOf(tile.codec);
    words[at + 5] = tile.width;
    words[at + 6] = tile.quantized ? 1 : 0;
    words[at + 7] = tile.blank === undefined ? 0 : 1;
    blanks[at / 2 + 4] = tile.blank ?? 0n;
    floats[at / 2 + 5] = tile.scale;
    floats[at / 2 + 6] = tile.zero;
  });
  return new Uint8Array(buffer);
}

/** A batch as the helper takes it, inside `ffi/` only. */
export interface PackedTiles {
  /** `struct shmim_tiles`. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** `struct shmim_tile`s. */
  readonly tiles: Uint8Array<ArrayBuffer>;
  /** `struct shmim_tile_report`. */
  readonly report: BigUint64Array<ArrayBuffer>;
  /** The compressed bytes; never none, which would be a null pointer. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Packs a batch, inside `ffi/` only. */
export function packBatch(batch: TileBatch): PackedTiles {
  const none = batch.bytes.byteLength === 0;
  return {
    head: packHead(batch),
    tiles: packTiles(batch.tiles),
    report: new BigUint64Array(new ArrayBuffer(16)),
    bytes: none ? new Uint8Array(new ArrayBuffer(8)) : batch.bytes,
  };
}

/** What the helper reported, inside `ffi/` only. */
export function tileFailure(
  result: number,
  report: BigUint64Array,
): TileFailure | undefined {
  if (result !== -(ERRNO.EBADMSG ?? 0)) return undefined;
  const problem = PROBLEMS[Number(report[1])] ?? PROBLEMS[0] ?? "";
  return { tile: Number(report[0]), problem };
}

/**
 * Decodes tiles, on threads of their own.
 *
 * @param batch The tiles.
 * @param out Takes the wanted pixels, big-endian as a FITS image has them;
 * `undefined` only looks whether they can be read.
 * @returns Which tile cannot be read; `undefined` where all went well.
 * @throws {SystemError} `ENOMEM`; `EINVAL` where the batch contradicts itself.
 */
export async function decodeTiles(
  batch: TileBatch,
  out: Uint8Array<ArrayBuffer> | undefined,
): Promise<TileFailure | undefined> {
  const { head, tiles, report, bytes } = packBatch(batch);
  const result = await helper().shmim_tiles_decode(
    head,
    tiles,
    bytes,
    BigInt(bytes.byteLength),
    out ?? null,
    BigInt(out?.byteLength ?? 0),
    report,
  );
  const failure = tileFailure(result, report);
  if (failure === undefined) check(result, "decode", "tiles");
  return failure;
}

/** Tiles that were compressed: one behind the other. */
export interface EncodedTiles {
  /** Their bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The length of each. */
  readonly lengths: Uint32Array;
}

/**
 * Compresses integers with RICE_1, in blocks of 32, on threads of their own.
 *
 * @param pixels Native integers.
 * @param width Bytes of one: 1, 2 or 4.
 * @param perTile Pixels of a tile; the last may have fewer.
 * @param flipSign Whether their sign bits are inverted, as BZERO asks for.
 * @returns The tiles.
 * @throws {SystemError} `EINVAL` where there are no pixels.
 */
export async function encodeRice(
  pixels: Uint8Array<ArrayBuffer>,
  width: 1 | 2 | 4,
  perTile: number,
  flipSign: boolean,
): Promise<EncodedTiles> {
  const count = pixels.byteLength / width;
  const bound = helper().shmim_rice_bound(
    BigInt(count),
    BigInt(perTile),
    width,
  );
  const bytes = new Uint8Array(new ArrayBuffer(Number(bound)));
  const lengths = new Uint32Array(
    new ArrayBuffer(
      4 * Math.ceil(count / perTile),
    ),
  );
  const result = await helper().shmim_rice_encode(
    pixels,
    BigInt(count),
    BigInt(perTile),
    width,
    flipSign ? 1 : 0,
    bytes,
    bound,
    lengths,
  );
  check(result < 0n ? Number(result) : 0, "compress", "tiles");
  return { bytes: bytes.subarray(0, Number(result)), lengths };
}
