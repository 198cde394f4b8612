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

function refuse(index: number, value: number | bigint, type: DataType): never {
  throw new RangeError(`Pixel ${index} is ${value}, which ${type} cannot hold`);
}

/** Integers of up to 32 bits. */
function toNumbers(
  pixels: ArrayLike<number | bigint>,
  out: Int32Array,
  type: DataType,
  [low, high]: readonly [bigint, bigint],
): void {
  const [least, most] = [Number(low), Number(high)];
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i] ?? 0;
    const whole = Math.round(Number(value));
    if (!(whole >= least && whole <= most)) refuse(i, value, type); // NaN, too
    out[i] = whole;
  }
}

/** Integers of 64 bits. */
function toBigInts(
  pixels: ArrayLike<number | bigint>,
  out: BigInt64Array,
  type: DataType,
  [low, high]: readonly [bigint, bigint],
): void {
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i] ?? 0;
    if (typeof value === "number" && !Number.isFinite(value)) {
      refuse(i, value, type);
    }
    const whole = typeof value === "bigint" ? value : BigInt(Math.round(value));
    if (whole < low || whole > high) refuse(i, value, type);
    out[i] = whole;
  }
}

/**
 * Fails where pixels of one type can never become those of another.
 *
 * @throws {RangeError}
 */
export function requireCast(from: DataType, to: DataType): void {
  if (from !== to && (TYPES[from].parts === 2 || TYPES[to].parts === 2)) {
    throw new RangeError(`${from} pixels cannot become ${to}`);
  }
}

/**
 * Converts pixels. Integers take floats rounded to the nearest; what does
 * not fit is an error. Floats take whatever there is.
 *
 * @param pixels The pixels; none of them complex.
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
  const bytes = new Uint8Array(pixels.length * TYPES[type].bytes);
  const out = pixelsOf(type, bytes);
  const range = BITS[type];
  if (range === undefined) {
    const floats = out as Float64Array;
    for (let i = 0; i < pixels.length; i++) floats[i] = Number(pixels[i] ?? 0);
  } else if (TYPES[type].big) {
    toBigInts(pixels, out as BigInt64Array, type, range);
  } else {
    toNumbers(pixels, out as Int32Array, type, range);
  }
  return out;
}
