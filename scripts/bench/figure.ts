/**
 * What a figure of the bench is, and what measuring it yields.
 * @module
 */

import type { Report } from "./programs.ts";
import { median, type Spread, spread } from "./statistics.ts";

/** What a figure may use. */
export interface Bench {
  /** Folder for streams, in memory. */
  readonly dir: string;
  /** Interleaved runs. */
  readonly runs: number;
  /** Shorter runs: to see that it works, not to judge. */
  readonly quick: boolean;
  /** Says how far it is. */
  progress(text: string): void;
}

/** Both sides of one run. */
export interface Run {
  readonly ours: Report;
  readonly theirs: Report;
}

/** One line of the table. */
export interface Row {
  readonly figure: string;
  readonly unit: string;
  readonly ours: number;
  /** The C programs', where there is something to compare with. */
  readonly theirs?: number;
  /** Ours over theirs. */
  readonly ratio?: Spread;
  /** Not judged. */
  readonly p99?: { readonly ours: number; readonly theirs?: number };
  /** As it is required: a ratio, or a value in `unit`. */
  readonly target?: string;
  readonly met?: boolean;
  /** Frames that did not come out, both sides. */
  readonly unseen?: number;
}

/** Something that is measured. */
export interface Figure {
  readonly name: string;
  measure(bench: Bench): Promise<Row[]>;
}

/** What is compared, and with which limit. */
export interface Judgement {
  readonly figure: string;
  readonly unit: "ms" | "µs" | "ns" | "Hz";
  readonly value: (report: Report) => number;
  /** Larger is better where this is a rate. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number };
  readonly withP99?: boolean;
}

function scaled(ns: number, unit: string): number {
  return unit === "µs" ? ns / 1000 : unit === "ms" ? ns / 1e6 : ns;
}

/** A row out of interleaved runs: medians, and the median of the ratios. */
export function compare(runs: readonly Run[], judgement: Judgement): Row {
  const { figure, unit, value, target } = judgement;
  const pick = (side: "ours" | "theirs", of: typeof value): number =>
    scaled(median(runs.map((run) => of(run[side]))), unit);
  const ratio = spread(
    runs.map((run) => value(run.ours) / value(run.theirs)),
  );
  const unseen = runs.reduce(
    (sum, run) => sum + run.ours.unseen + run.theirs.unseen,
    0,
  );
  return {
    figure,
    unit,
    ours: pick("ours", value),
    theirs: pick("theirs", value),
    ratio,
    ...judgement.withP99
      ? {
        p99: {
          ours: pick("ours", (report) => report.p99),
          theirs: pick("theirs", (report) => report.p99),
        },
      }
      : {},
    ...unseen > 0 ? { unseen } : {},
    ...target === undefined ? {} : judge(ratio.median, target),
  };
}

function judge(
  ratio: number,
  target: NonNullable<Judgement["target"]>,
): { target: string; met: boolean } {
  return "atMost" in target
    ? { target: `≤ ${target.atMost}`, met: ratio <= target.atMost }
    : { target: `≥ ${target.atLeast}`, met: ratio >= target.atLeast };
}
