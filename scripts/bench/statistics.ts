/**
 * Percentiles, medians and spreads.
 * @module
 */

import type { Report } from "./programs.ts";

function sorted(values: Iterable<number>): number[] {
  return [...values].sort((a, b) => a - b);
}

/** A value at a fraction of sorted values. */
function at(values: readonly number[], fraction: number): number {
  const index = Math.floor((values.length - 1) * fraction);
  return values[index] ?? NaN;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const all = sorted(values);
  return (at(all, 0.5) + (all[Math.ceil((all.length - 1) / 2)] ?? NaN)) / 2;
}

/** The same facts as the C programs report. */
export function percentiles(values: Iterable<number>): Report {
  const all = sorted(values);
  return {
    count: all.length,
    unseen: 0,
    min: at(all, 0),
    p50: at(all, 0.5),
    p99: at(all, 0.99),
    max: at(all, 1),
  };
}

/** Median, lowest and highest of several runs. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The spread of some values. */
export function spread(values: readonly number[]): Spread {
  const all = sorted(values);
  return { median: median(values), low: at(all, 0), high: at(all, 1) };
}
