/**
 * Results as a table for the terminal.
 * @module
 */

import type { Row } from "./figure.ts";

const HEADINGS = ["figure", "unit", "shmim", "C", "ratio", "target", ""];

function short(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

function cells(row: Row): string[][] {
  const ratio = row.ratio === undefined
    ? ""
    : `${row.ratio.median.toFixed(3)} ` +
      `(${row.ratio.low.toFixed(2)}–${row.ratio.high.toFixed(2)})`;
  const verdict = row.met === undefined ? "" : row.met ? "met" : "MISSED";
  const unseen = row.unseen === undefined ? "" : `, ${row.unseen} unseen`;
  const main = [
    row.figure + unseen,
    row.unit,
    short(row.ours),
    short(row.theirs),
    ratio,
    row.target ?? "",
    verdict,
  ];
  if (row.p99 === undefined) return [main];
  return [
    main,
    ["  p99", row.unit, short(row.p99.ours), short(row.p99.theirs), "", "", ""],
  ];
}

/** All rows below their headings, columns aligned. */
export function table(rows: readonly Row[]): string {
  const lines = [HEADINGS, ...rows.flatMap(cells)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0))
  );
  const numeric = (column: number): boolean => column === 2 || column === 3;
  return lines.map((line) =>
    line.map((cell, column) =>
      numeric(column)
        ? cell.padStart(widths[column] ?? 0)
        : cell.padEnd(widths[column] ?? 0)
    ).join("  ").trimEnd()
  ).join("\n");
}
