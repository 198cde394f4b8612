/**
 * Pixels of one type as another: nothing wraps round in silence.
 * @module
 */

import {
  type DataType,
  type PixelArray,
  pixelsOf,
  TYPES,
} from "../stream/types.ts";

const BITS: Partial<Record<DataType, readonly [bigint, bigint]>> = {
  u8: [0n, 255n],
  i8: [-128n, 127n],
  u16: [0n, 65_535n],
  i16: [-32_768n, 32_767n],
  u32: [0n, 2n ** 32n - 1n],
  i32: [-(2n ** 31n), 2n ** 31n - 1n],
  u64: [0n, 2n ** 64n - 1n],
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/**
 * Converts pixels. Integers take floats rounded to the nearest; what does
 * not fit is an error. Floats take whatever there is.
 *
 * @param pixels The pixels; `half` arrays come as numbers.
 * @param type The type wanted.
 * @throws {RangeError} naming the first pixel that does not fit.
 */
export function castPixels(
  pixels: ArrayLike<number | bigint>,
  type: DataType,
): PixelArray {
  if (TYPES[type].parts === 2) {
    throw new RangeError(`Pixels cannot be converted to ${type}`);
  }
  const out = pixelsOf(
    type,
    new Uint8Array(pixels.length * TYPES[type].bytes),
  );
  const range = BITS[type];
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i] ?? 0;
    if (range === undefined) {
      (out as Float64Array)[i] = Number(value);
      continue;
    }
    const whole = typeof value === "bigint"
      ? value
      : Number.isFinite(value)
      ? BigInt(Math.round(value))
      : undefined;
    if (whole === undefined || whole < range[0] || whole > range[1]) {
      throw new RangeError(`Pixel ${i} is ${value}, which ${type} cannot hold`);
    }
    if (TYPES[type].big) (out as BigInt64Array)[i] = whole;
    else (out as Int32Array)[i] = Number(whole);
  }
  return out;
}
