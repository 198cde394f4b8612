/** Native pixels to big-endian ones: what the writer stores. @module */

import { swapInPlace } from "./convert.ts";
import {
  elementBytes,
  type FitsBitpix,
  type FitsElementType,
  type FitsWidth,
} from "./types.ts";

/** How an element type is stored. */
export interface Encoding {
  /** BITPIX. */
  readonly bitpix: FitsBitpix;
  /** Bytes reversed together. */
  readonly width: FitsWidth;
  /** BZERO of the signed and unsigned types that FITS lacks. */
  readonly zero?: bigint;
  /** Whether a pixel is a pair of numbers: an axis of 2. */
  readonly pair?: boolean;
}

/** How each element type is stored. */
export const ENCODINGS: Readonly<Record<FitsElementType, Encoding>> = {
  u8: { bitpix: 8, width: 1 },
  i8: { bitpix: 8, width: 1, zero: -128n },
  u16: { bitpix: 16, width: 2, zero: 32_768n },
  i16: { bitpix: 16, width: 2 },
  u32: { bitpix: 32, width: 4, zero: 2_147_483_648n },
  i32: { bitpix: 32, width: 4 },
  u64: { bitpix: 64, width: 8, zero: 9_223_372_036_854_775_808n },
  i64: { bitpix: 64, width: 8 },
  f16: { bitpix: -32, width: 4 },
  f32: { bitpix: -32, width: 4 },
  f64: { bitpix: -64, width: 8 },
  c64: { bitpix: -32, width: 4, pair: true },
  c128: { bitpix: -64, width: 8, pair: true },
};

/** The bytes beneath a view. */
function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Encodes a run of pixels.
 *
 * @param data Native pixels; f16 as its bits or as a Float16Array.
 * @param type Their element type.
 * @param from The first pixel.
 * @param count How many.
 * @returns Their big-endian bytes, in memory of their own.
 */
export function encodePixels(
  data: ArrayBufferView,
  type: FitsElementType,
  from: number,
  count: number,
): Uint8Array<ArrayBuffer> {
  const { width, zero } = ENCODINGS[type];
  const size = elementBytes(type);
  // A copy, which also starts at a multiple of 8 as swapping needs.
  const native = bytesOf(data).slice(from * size, (from + count) * size);
  const bytes = type === "f16" ? widenHalves(native) : native;
  swapInPlace(bytes, width, false);
  // Big-endian now: the sign is in each number's first byte.
  if (zero !== undefined) {
    for (let i = 0; i < bytes.length; i += width) {
      bytes[i] = (bytes[i] ?? 0) ^ 0x80;
    }
  }
  return bytes;
}

/** Makes f32 of f16; every f16 is exactly an f32. */
function widenHalves(native: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const halves = new Float16Array(native.buffer, 0, native.length / 2);
  return new Uint8Array(Float32Array.from(halves).buffer);
}
