/** The small plots of `stat` and `client`, to the character. */

import { assert, assertEquals } from "@std/assert";
import { bar, histogramLines, sparkline } from "../../src/image/plot.ts";

Deno.test("bar() is exact to an eighth of a character", () => {
  assertEquals(
    [0, 1 / 8, 0.5, 7 / 8, 1, 2.25].map(bar),
    ["", "▏", "▌", "▉", "█", "██▎"],
  );
});

Deno.test("histogramLines() draws a row for each class, in ratios, the longest full", () => {
  // 100 µs to 6.5536 s: each of the 16 rows is twice the one before.
  const buckets = Array.from({ length: 16 }, (_, i) => ({
    fromUs: 100 * 2 ** i,
    toUs: 200 * 2 ** i,
    count: [0, 8, 4, 1][i] ?? (i === 15 ? 1000 : 0),
  }));
  const lines = histogramLines(buckets, 44);
  assertEquals(lines.length, 16);
  assertEquals(lines.slice(0, 5), [
    "    100 µs",
    "    200 µs ▏ 8",
    "    400 µs ▏ 4",
    "    800 µs ▏ 1", // one is seen beside a thousand
    "   1.60 ms",
  ]);
  assertEquals(lines.at(-1), `    3.28 s ${"█".repeat(20)} 1000`);
  for (const line of lines) assert([...line].length <= 44, line);
});

Deno.test("histogramLines() loses no count where buckets are finer or coarser than rows", () => {
  const sum = (lines: readonly string[]): number =>
    lines.reduce(
      (all, line) => all + Number(/ (\d+)$/.exec(line)?.[1] ?? 0),
      0,
    );
  for (const [first, step, count] of [[0, 3, 400], [5, 1.1, 90], [1, 900, 3]]) {
    const buckets = Array.from({ length: count ?? 0 }, (_, i) => ({
      fromUs: (first ?? 0) + i * (step ?? 0),
      toUs: (first ?? 0) + (i + 1) * (step ?? 0),
      count: 1 + i % 7,
    }));
    const lines = histogramLines(buckets, 60);
    assertEquals(
      sum(lines),
      buckets.reduce((all, one) => all + one.count, 0),
      `from ${first} by ${step}`,
    );
  }
  assertEquals(histogramLines([], 60), []);
});

Deno.test("sparkline() has eight heights, and only the last values", () => {
  assertEquals(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 7, 8), "▁▂▃▄▅▆▇█");
  assertEquals(sparkline([9, -1, 7], 7, 8), "█▁█");
  assertEquals(sparkline([0, 7, 0], 7, 2), "█▁");
  assertEquals(sparkline([1, 2], 7, 0), "");
});
