/**
 * Statistics of the pixels of a frame.
 * @module
 */

import type { PixelArray } from "../stream/types.ts";

/** What can be said of pixels; complex ones count re and im apart. */
export interface PixelStatistics {
  /** Pixels that are numbers. */
  readonly count: number;
  /** Pixels that are NaN. */
  readonly nan: number;
  /** Smallest; exact for 64-bit integers. */
  readonly min: number | bigint | null;
  /** Largest; exact for 64-bit integers. */
  readonly max: number | bigint | null;
  /** Mean. */
  readonly mean: number | null;
  /** Standard deviation of the population. */
  readonly std: number | null;
}

/** Works the statistics out in two passes, so that large means do no harm. */
export function pixelStatistics(pixels: PixelArray): PixelStatistics {
  let count = 0;
  let nan = 0;
  let sum = 0;
  let min: number | bigint | null = null;
  let max: number | bigint | null = null;
  for (const pixel of pixels) {
    if (pixel !== pixel) {
      nan++;
      continue;
    }
    count++;
    sum += Number(pixel);
    if (min === null || pixel < min) min = pixel;
    if (max === null || pixel > max) max = pixel;
  }
  if (count === 0) return { count, nan, min, max, mean: null, std: null };
  const mean = sum / count;
  let squares = 0;
  for (const pixel of pixels) {
    const d = Number(pixel) - mean;
    if (d === d) squares += d * d;
  }
  return { count, nan, min, max, mean, std: Math.sqrt(squares / count) };
}
