/** The few types that every part of the FITS module speaks. @module */

/** A stream's element type; the names are those of the whole project. */
export type FitsElementType =
  | "u8"
  | "i8"
  | "u16"
  | "i16"
  | "u32"
  | "i32"
  | "u64"
  | "i64"
  | "f16"
  | "f32"
  | "f64"
  | "c64"
  | "c128";

/** The six values that BITPIX may have. */
export type FitsBitpix = 8 | 16 | 32 | 64 | -32 | -64;

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

/** Each element type's bytes per pixel. */
export const ELEMENT_BYTES: Readonly<Record<FitsElementType, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  f16: 2,
  f32: 4,
  f64: 8,
  c64: 8,
  c128: 16,
};

/**
 * Rounds a length up to whole blocks.
 *
 * @param bytes A length in bytes.
 * @returns The next multiple of 2880.
 */
export function paddedBytes(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
