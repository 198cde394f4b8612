/**
 * Statistics of the pixels of a frame.
 * @module
 */

import type { PixelArray } from "../stream/types.ts";
import { partsOf } from "./parts.ts";

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

type Big = BigUint64Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;
type Numbers = Exclude<PixelArray, Big>;

function isBig(pixels: PixelArray): pixels is Big {
  return pixels instanceof BigUint64Array || pixels instanceof BigInt64Array;
}

/** What one pass over a part finds. */
interface Sums {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
}

/** Without a question for each pixel whether it is one: three times as fast. */
function sumsOf(pixels: Numbers): Sums {
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < pixels.length; i++) {
    const pixel = pixels[i] as number;
    sum += pixel;
    if (pixel < min) min = pixel;
    if (pixel > max) max = pixel;
  }
  const plain = sum === sum;
  return {
    ...plain ? { count: pixels.length, sum } : careful(pixels),
    min,
    max,
  };
}

/** The same for pixels of which some are not numbers. */
function careful(pixels: Numbers): { count: number; sum: number } {
  let count = 0;
  let sum = 0;
  for (let i = 0; i < pixels.length; i++) {
    const pixel = pixels[i] as number;
    if (pixel !== pixel) continue;
    count++;
    sum += pixel;
  }
  return { count, sum };
}

/** Squares of the distances from the mean. */
function squaresOf(pixels: Numbers, mean: number): number {
  let squares = 0;
  for (let i = 0; i < pixels.length; i++) {
    const d = pixels[i] as number - mean;
    squares += d * d;
  }
  return squares === squares ? squares : carefulSquares(pixels, mean);
}

function carefulSquares(pixels: Numbers, mean: number): number {
  let squares = 0;
  for (let i = 0; i < pixels.length; i++) {
    const d = pixels[i] as number - mean;
    if (d === d) squares += d * d;
  }
  return squares;
}

function numbersOf(pixels: PixelArray): Numbers {
  if (!isBig(pixels)) return pixels;
  const numbers = new Float64Array(pixels.length); // from() takes ten times
  for (let i = 0; i < numbers.length; i++) numbers[i] = Number(pixels[i]);
  return numbers;
}

/** The limits of 64-bit integers, exact. */
function bigLimits(pixels: Big): Pick<PixelStatistics, "min" | "max"> {
  let min = pixels[0] ?? null;
  let max = min;
  for (const part of partsOf(pixels)) {
    for (let i = 0; i < part.pixels.length; i++) {
      const pixel = part.pixels[i] ?? 0n;
      if (min === null || pixel < min) min = pixel;
      if (max === null || pixel > max) max = pixel;
    }
  }
  return { min, max };
}

/** Works the statistics out in two passes, so that large means do no harm. */
export function pixelStatistics(pixels: PixelArray): PixelStatistics {
  let count = 0;
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  for (const part of partsOf(pixels)) {
    const sums = sumsOf(numbersOf(part.pixels));
    count += sums.count;
    sum += sums.sum;
    min = Math.min(min, sums.min);
    max = Math.max(max, sums.max);
  }
  const nan = pixels.length - count;
  if (count === 0) {
    return { count, nan, min: null, max: null, mean: null, std: null };
  }
  const mean = sum / count;
  let squares = 0;
  for (const part of partsOf(pixels)) {
    squares += squaresOf(numbersOf(part.pixels), mean);
  }
  const limits = isBig(pixels) ? bigLimits(pixels) : { min, max };
  const std = Number.isFinite(mean) ? Math.sqrt(squares / count) : NaN;
  return { count, nan, ...limits, mean, std };
}
