/**
 * Test patterns: frames that can be worked out again from their number.
 * @module
 */

import {
  type DataType,
  type PixelArray,
  pixelsOf,
  TYPES,
} from "../stream/types.ts";

/** Names of the patterns. */
export const PATTERNS = [
  "gradient",
  "noise",
  "sine",
  "counter",
  "zero",
] as const;

/** Name of a pattern. */
export type Pattern = typeof PATTERNS[number];

/** What fraction of its full range a pixel has: 0 to 1. */
type Shade = (x: number, y: number, z: number, frame: number) => number;

/** A hash of integers, the same everywhere: 0 to 1. */
function hash(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9E3779B9, 0x85EBCA6B) ^
    Math.imul(b + 0x7F4A7C15, 0xC2B2AE35);
  h = Math.imul(h ^ (h >>> 15), 0x2C1B3C6D);
  h = Math.imul(h ^ (h >>> 12), 0x297A2D39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

function shade(pattern: Pattern, size: readonly number[]): Shade {
  const [nx = 1, ny = 1, nz = 1] = size;
  const span = Math.max(1, nx + ny + nz - 3);
  switch (pattern) {
    case "gradient":
      return (x, y, z, frame) => ((x + y + z + frame) % (span + 1)) / span;
    case "noise":
      return (x, y, z, frame) => hash(x + nx * (y + ny * z), frame);
    case "sine":
      return (x, y, z, frame) =>
        0.5 + 0.25 * Math.sin(2 * Math.PI * (x / nx + frame / 64)) +
        0.25 * Math.cos(2 * Math.PI * (y / ny + z / nz - frame / 96));
    case "counter":
    case "zero":
      return () => 0;
  }
}

/** The largest value of a pattern by type: what a camera would give. */
function fullScale(type: DataType): number {
  switch (type) {
    case "u8":
      return 255;
    case "i8":
      return 127;
    case "f16":
    case "f32":
    case "f64":
    case "c64":
    case "c128":
      return 1;
    default:
      return 4095;
  }
}

/**
 * Fills a frame.
 *
 * @param pattern Which one. `counter` gives every pixel the frame's number,
 * modulo what the type holds.
 * @param type Data type.
 * @param size Axes, fastest first.
 * @param frame The frame's number; patterns move with it.
 * @returns The pixels.
 */
export function patternFrame(
  pattern: Pattern,
  type: DataType,
  size: readonly number[],
  frame: number,
): PixelArray {
  const [nx = 1, ny = 1, nz = 1] = size;
  const { bytes, parts, big } = TYPES[type];
  const pixels = pixelsOf(type, new Uint8Array(nx * ny * nz * bytes));
  const put = (index: number, value: number): void => {
    if (big) (pixels as BigUint64Array)[index] = BigInt(Math.round(value));
    else (pixels as Float64Array)[index] = value;
  };
  if (pattern === "zero") return pixels;
  if (pattern === "counter") {
    for (let i = 0; i < pixels.length; i += parts) put(i, frame);
    return pixels;
  }
  const at = shade(pattern, size);
  const scale = fullScale(type);
  const whole = scale > 1;
  let index = 0;
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++) {
        const value = at(x, y, z, frame) * scale;
        put(index, whole ? Math.round(value) : value);
        index += parts;
      }
    }
  }
  return pixels;
}
