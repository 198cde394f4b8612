/**
 * The limits beneath: a copy in memory and a bare TCP connection.
 * @module
 */

import type { Bench, Figure, Row } from "./figure.ts";
import { type Report, Talker } from "./programs.ts";
import { median } from "./statistics.ts";

const BYTES = [
  { label: "10 kB", bytes: 10_000 },
  { label: "1 MB", bytes: 1_048_576 },
  { label: "32 MB", bytes: 33_554_432 },
];

async function limit(
  bench: Bench,
  figure: string,
  args: (string | number)[],
): Promise<Row> {
  const reports: Report[] = [];
  for (let i = 0; i < Math.min(3, bench.runs); i++) {
    bench.progress(figure);
    await using program = Talker.c("floor", ...args);
    reports.push(await program.json<Report>());
  }
  const middle = (of: (report: Report) => number): number =>
    median(reports.map(of)) / 1000;
  return {
    figure,
    unit: "µs",
    ours: middle((report) => report.p50),
    p99: { ours: middle((report) => report.p99) },
  };
}

const floor: Figure = {
  name: "limits",
  async measure(bench: Bench): Promise<Row[]> {
    const rows: Row[] = [];
    for (const { label, bytes } of BYTES) {
      const frames = bytes > 2 ** 24 ? 50 : 1000;
      rows.push(
        await limit(bench, `memcpy ${label}`, ["memcpy", bytes, frames]),
        await limit(bench, `bare TCP ${label}, one way`, [
          "tcp",
          bytes,
          bytes > 2 ** 24 ? 20 : 500,
          frames,
        ]),
      );
    }
    return rows;
  },
};

/** The limits. */
export const FLOOR: readonly Figure[] = [floor];
