/**
 * From values to shades: cuts, stretch, and the histogram between the cuts.
 * @module
 */

import { SHADES } from "./colormap.ts";
import type { Values } from "./resample.ts";

/** Where the darkest and the brightest shade lie. */
export interface Cuts {
  /** What gets the first shade. */
  readonly low: number;
  /** What gets the last one. */
  readonly high: number;
}

/** What the cuts follow: fixed values, or the part of the pixels inside. */
export type CutRule =
  | { readonly kind: "fixed"; readonly low: number; readonly high: number }
  | { readonly kind: "percentile"; readonly percent: number };

/** Shade of what is not a number. */
export const BAD = SHADES;
/** Shade of what is saturated. */
export const FULL = SHADES + 1;

const SAMPLES = 4096;
/** How far the logarithm pulls dark parts up: the usual 1000. */
const DEPTH = 1000;

/**
 * At most about 4096 finite values from all over a plane, sorted.
 *
 * @param values The plane's values.
 */
export function sampleSorted(values: Values): Float64Array {
  // An odd step that is no divisor of a row, or whole columns would be left out.
  const step = Math.max(1, Math.ceil(values.length / SAMPLES)) | 1;
  const sample = new Float64Array(Math.ceil(values.length / step));
  let count = 0;
  for (let at = 0; at < values.length; at += step) {
    const value = values[at] as number;
    if (Number.isFinite(value)) sample[count++] = value;
  }
  return sample.subarray(0, count).sort();
}

/** The value below which a part of a sorted sample lies, 0 to 1. */
export function quantile(sorted: Float64Array, part: number): number {
  const place = part * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] ?? NaN;
  const high = sorted[below + 1] ?? low;
  return low + (high - low) * (place - below);
}

/**
 * Works the cuts out.
 *
 * @param rule What they follow; 100 percent is from smallest to largest.
 * @param range Smallest and largest value, exact.
 * @param sorted A sample of the finite values, for percentiles, and where the
 * range is infinite.
 * @param symmetric Whether zero is to be in the middle.
 */
export function findCuts(
  rule: CutRule,
  range: Cuts,
  sorted: Float64Array,
  symmetric = false,
): Cuts {
  let { low, high } = rule.kind === "fixed" ? rule : range;
  if (rule.kind === "percentile" && rule.percent < 100 && sorted.length > 0) {
    const tail = (100 - rule.percent) / 200;
    low = quantile(sorted, tail);
    high = quantile(sorted, 1 - tail);
  }
  // One pixel that is infinite must not take the shades of all others.
  if (!Number.isFinite(low)) low = sorted[0] ?? 0;
  if (!Number.isFinite(high)) high = sorted.at(-1) ?? low;
  if (!symmetric) return { low, high };
  const most = Math.max(Math.abs(low), Math.abs(high));
  return { low: -most, high: most };
}

/**
 * Where a value lies between the cuts.
 *
 * @param cuts The cuts; where they are equal, everything is in the middle.
 * @param log Logarithmic; with `symmetric` so on both sides of the middle.
 * @returns A function from values to 0…1; others lie beyond the cuts.
 */
export function stretch(
  { low, high }: Cuts,
  log = false,
  symmetric = false,
): (value: number) => number {
  const span = high - low;
  if (span === Infinity && Number.isFinite(low) && Number.isFinite(high)) {
    // Far apart: half of each is as good, and a number.
    const place = stretch({ low: low / 2, high: high / 2 }, log, symmetric);
    return (value) => place(value / 2);
  }
  if (!(span > 0)) return () => 0.5;
  if (!log) return (value) => (value - low) / span;
  const whole = Math.log1p(DEPTH);
  const bend = (share: number): number =>
    Math.log1p(DEPTH * Math.max(0, share)) / whole;
  if (!symmetric) return (value) => bend((value - low) / span);
  const middle = (low + high) / 2;
  return (value) => {
    const side = bend(Math.abs(value - middle) / (span / 2)) / 2;
    return value < middle ? 0.5 - side : 0.5 + side;
  };
}

/**
 * Shades of values: 0 to 255, {@linkcode BAD} or {@linkcode FULL}.
 *
 * @param values The values.
 * @param saturated 1 where a value is saturated.
 * @param place A {@linkcode stretch}.
 */
export function toShades(
  values: Values,
  saturated: Uint8Array | undefined,
  place: (value: number) => number,
): Uint16Array {
  const shades = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (saturated?.[i]) {
      shades[i] = FULL;
    } else if (value !== value) {
      shades[i] = BAD;
    } else {
      const shade = Math.floor(place(value) * SHADES);
      shades[i] = shade < 0 ? 0 : shade >= SHADES ? SHADES - 1 : shade;
    }
  }
  return shades;
}

/** The value at a place between the cuts: a {@linkcode stretch} backwards. */
export function valueAt(
  { low, high }: Cuts,
  place: (value: number) => number,
  wanted: number,
): number {
  let below = low;
  let above = high;
  for (let i = 0; i < 50; i++) {
    const middle = below / 2 + above / 2;
    if (place(middle) < wanted) below = middle;
    else above = middle;
  }
  return above;
}

/**
 * How many values of a sample have a shade in each of several equal parts of
 * the colour map; what lies beyond the cuts counts in the first and the last.
 *
 * @param values Some values.
 * @param place A {@linkcode stretch}.
 * @param bins How many parts.
 */
export function histogram(
  values: Float64Array,
  place: (value: number) => number,
  bins: number,
): Uint32Array {
  const counts = new Uint32Array(bins);
  for (const value of values) {
    const bin = Math.floor(place(value) * bins);
    const at = Math.min(bins - 1, Math.max(0, bin));
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}
