/** The few types that every part of the FITS module speaks. @module */

import { type DataType, TYPES } from "../stream/types.ts";

/** Type of an image's pixels in memory: that of a stream. */
export type FitsElementType = DataType;

/** The six values that BITPIX may have. */
export type FitsBitpix = 8 | 16 | 32 | 64 | -32 | -64;

const BITPIX: readonly number[] = [8, 16, 32, 64, -32, -64];

/** Whether a number is one that BITPIX may have. */
export function isBitpix(value: number): value is FitsBitpix {
  return BITPIX.includes(value);
}

/** How one pixel is stored in the file: BITPIX in the project's words. */
export type FitsStoredType = "u8" | "i16" | "i32" | "i64" | "f32" | "f64";

/** A part of a pixel that is stored big-endian: its bytes. */
export type FitsWidth = 1 | 2 | 4 | 8;

/** Pixels in memory; complex ones are interleaved re, im. */
export type FitsPixels =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** A header and a data unit are filled up to a multiple of this. */
export const BLOCK_BYTES = 2880;

/** Bytes of one header card. */
export const CARD_BYTES = 80;

/** Bytes of a pixel in memory. */
export function elementBytes(type: FitsElementType): number {
  return TYPES[type].bytes;
}

/**
 * Rounds a length up to whole blocks.
 *
 * @param bytes A length in bytes.
 * @returns The next multiple of 2880.
 */
export function paddedBytes(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
