/**
 * Many pixels, a part at a time: beyond 2^31 an index is no small integer to
 * the engine any more, and a loop over them ten times as slow.
 * @module
 */

import type { PixelArray } from "../stream/types.ts";

const PART = 2 ** 24;

/** A part of many pixels. */
export interface Part<T extends PixelArray> {
  /** Index of its first one. */
  readonly start: number;
  /** Its pixels, in the same memory. */
  readonly pixels: T;
}

/** The parts of pixels, in their order; few pixels are one part. */
export function* partsOf<T extends PixelArray>(
  pixels: T,
  length = PART,
): Generator<Part<T>> {
  if (pixels.length <= length) {
    yield { start: 0, pixels };
    return;
  }
  for (let start = 0; start < pixels.length; start += length) {
    yield { start, pixels: pixels.subarray(start, start + length) as T };
  }
}
