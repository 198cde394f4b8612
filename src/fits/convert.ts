/** Big-endian pixels to native typed arrays, in TypeScript alone. @module */

import type { FitsConversion, FitsScaledConversion } from "./conversion.ts";
import type { FitsElementType, FitsPixels, FitsWidth } from "./types.ts";

/**
 * Reverses the bytes of each number in place. The bits are not looked at: NaN
 * payloads and -0 stay as they are.
 *
 * @param bytes The numbers, in an array that starts at a multiple of `width`.
 * @param width The bytes of one number.
 * @param flipSign Whether the sign bit is inverted as well.
 */
export function swapInPlace(
  bytes: Uint8Array,
  width: FitsWidth,
  flipSign: boolean,
): void {
  const { buffer, byteOffset, length } = bytes;
  switch (width) {
    case 1:
      if (flipSign) {
        for (let i = 0; i < length; i++) bytes[i] = (bytes[i] ?? 0) ^ 0x80;
      }
      return;
    case 2: {
      const flip = flipSign ? 0x8000 : 0;
      const words = new Uint16Array(buffer, byteOffset, length / 2);
      for (let i = 0; i < words.length; i++) {
        const v = words[i] ?? 0;
        words[i] = ((v << 8) | (v >>> 8)) ^ flip;
      }
      return;
    }
    case 4: {
      const flip = flipSign ? 0x80000000 : 0;
      const words = new Uint32Array(buffer, byteOffset, length / 4);
      for (let i = 0; i < words.length; i++) {
        words[i] = reverse32(words[i] ?? 0) ^ flip;
      }
      return;
    }
    case 8: {
      const flip = flipSign ? 0x80000000 : 0;
      const words = new Uint32Array(buffer, byteOffset, length / 4);
      for (let i = 0; i < words.length; i += 2) {
        const high = words[i] ?? 0;
        words[i] = reverse32(words[i + 1] ?? 0);
        words[i + 1] = reverse32(high) ^ flip;
      }
    }
  }
}

/** Reverses the four bytes of a 32-bit word. */
function reverse32(v: number): number {
  return (v << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24);
}

/**
 * Looks at native bytes as the typed array of an element type.
 *
 * @param bytes Native pixels, in an array that starts at a multiple of 8.
 * @param type Their element type; f16 comes as its bits.
 * @returns A view of the same memory; complex pixels interleaved.
 */
export function viewAs(
  bytes: Uint8Array<ArrayBuffer>,
  type: FitsElementType,
): FitsPixels {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (type) {
    case "u8":
      return bytes;
    case "i8":
      return new Int8Array(buffer, byteOffset, byteLength);
    case "u16":
    case "f16":
      return new Uint16Array(buffer, byteOffset, byteLength / 2);
    case "i16":
      return new Int16Array(buffer, byteOffset, byteLength / 2);
    case "u32":
      return new Uint32Array(buffer, byteOffset, byteLength / 4);
    case "i32":
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    case "u64":
      return new BigUint64Array(buffer, byteOffset, byteLength / 8);
    case "i64":
      return new BigInt64Array(buffer, byteOffset, byteLength / 8);
    case "f32":
    case "c64":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "f64":
    case "c128":
      return new Float64Array(buffer, byteOffset, byteLength / 8);
  }
}

/** Scales native 64-bit integers. */
function scaleBigInts(
  from: BigInt64Array,
  into: Float64Array | Float32Array,
  { scale, zero, blank }: FitsScaledConversion,
): void {
  for (let i = 0; i < from.length; i++) {
    const v = from[i] ?? 0n;
    into[i] = v === blank ? NaN : Number(v) * scale + zero;
  }
}

/** Scales all other native numbers. */
function scaleNumbers(
  from: Exclude<FitsPixels, BigInt64Array | BigUint64Array>,
  into: Float64Array | Float32Array,
  { scale, zero, blank }: FitsScaledConversion,
): void {
  const hole = blank === undefined ? NaN : Number(blank);
  for (let i = 0; i < from.length; i++) {
    const v = from[i] ?? 0;
    into[i] = v === hole ? NaN : v * scale + zero;
  }
}

/**
 * Converts pixels as they stand in the file. The work is done in place where
 * the conversion is exact: `raw` is then the memory of the result.
 *
 * @param raw Big-endian pixels, in an array that starts at a multiple of 8.
 * @param conversion What has to be done with them.
 * @returns Native pixels.
 */
export function convertPixels(
  raw: Uint8Array<ArrayBuffer>,
  conversion: FitsConversion,
): FitsPixels {
  const { width } = conversion;
  if (conversion.kind === "exact") {
    swapInPlace(raw, width, conversion.flipSign);
    return viewAs(raw, conversion.type);
  }
  swapInPlace(raw, width, false);
  const from = viewAs(raw, conversion.stored);
  const into = conversion.type === "f32"
    ? new Float32Array(from.length)
    : new Float64Array(from.length);
  if (from instanceof BigInt64Array) scaleBigInts(from, into, conversion);
  else if (!(from instanceof BigUint64Array)) {
    scaleNumbers(from, into, conversion);
  }
  return into;
}
