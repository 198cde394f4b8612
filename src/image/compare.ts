/**
 * Two frames held against each other.
 * @module
 */

import type { PixelArray } from "../stream/types.ts";
import { partsOf } from "./parts.ts";

/** How two frames differ. */
export interface Difference {
  /** Values that differ by more than the tolerance. */
  readonly different: number;
  /** Values compared. */
  readonly count: number;
  /** Largest difference; `null` where none is a number. */
  readonly maxAbs: number | null;
  /** Root of the mean square difference. */
  readonly rms: number | null;
  /** First value that differs, as its index in memory; `null` = none. */
  readonly first: number | null;
}

/**
 * Compares pixels of one type and size. NaN equals NaN.
 *
 * @param a Pixels.
 * @param b Pixels.
 * @param tolerance Differences up to this count as none.
 */
export function comparePixels(
  a: PixelArray,
  b: PixelArray,
  tolerance = 0,
): Difference {
  let different = 0;
  let maxAbs = 0;
  let squares = 0;
  let numbers = 0;
  let first: number | null = null;
  const compare = (a: PixelArray, b: PixelArray, start: number): void => {
    for (let i = 0; i < a.length; i++) {
      const x = a[i] as number | bigint;
      const y = b[i] as number | bigint;
      if (x === y || (x !== x && y !== y)) {
        numbers++;
        continue;
      }
      const d = typeof x === "bigint" && typeof y === "bigint"
        ? Number(x > y ? x - y : y - x)
        : Math.abs(Number(x) - Number(y));
      if (d === d) {
        numbers++;
        squares += d * d;
        if (d > maxAbs) maxAbs = d;
      }
      if (!(d <= tolerance)) {
        different++;
        first ??= start + i;
      }
    }
  };
  for (const { start, pixels } of partsOf(a)) {
    compare(pixels, b.subarray(start, start + pixels.length), start);
  }
  return {
    different,
    count: a.length,
    maxAbs: numbers > 0 ? maxAbs : null,
    rms: numbers > 0 ? Math.sqrt(squares / numbers) : null,
    first,
  };
}
