/**
 * How long a reader takes to have the frame that a writer publishes.
 * @module
 */

import {
  type Bench,
  compare,
  type Figure,
  type Row,
  type Run,
} from "./figure.ts";
import { type Report, Talker } from "./programs.ts";
import { makeStream, SIZES } from "./streams.ts";

type Mode = "semaphore" | "spin" | "frames";

const HZ = 500;
const SKIP = 100;

/** One reader, one writer; the reader's percentiles. */
async function follow(
  bench: Bench,
  mode: Mode,
  ours: boolean,
): Promise<Report> {
  const { size } = SIZES["20 kB"];
  const frames = bench.quick ? 300 : 1100;
  const path = makeStream(bench.dir, "notify", size);
  await using reader = ours
    ? Talker.deno("side_reader.ts", path, mode, frames, SKIP)
    : Talker.c(
      "reader",
      path,
      mode === "spin" ? "spin" : "semaphore",
      frames,
      SKIP,
    );
  await reader.line();
  // Writes until the reader has all it wants: a slow one misses some.
  await using _writer = Talker.c(
    "drive",
    "paced",
    HZ,
    frames * 20,
    0,
    1,
    path,
    "-",
    "-",
  );
  return await reader.json<Report>();
}

function notify(mode: Mode): Figure {
  const name = mode === "frames"
    ? "notify 20 kB frames() against semaphore"
    : `notify 20 kB ${mode}`;
  return {
    name,
    async measure(bench: Bench): Promise<Row[]> {
      const all: Run[] = [];
      for (let i = 0; i < bench.runs; i++) {
        bench.progress(`${name}: run ${i + 1} of ${bench.runs}`);
        const swap = i % 2 === 1;
        const first = await follow(bench, mode, swap);
        const second = await follow(bench, mode, !swap);
        all.push(
          swap
            ? { ours: first, theirs: second }
            : { ours: second, theirs: first },
        );
      }
      return [compare(all, {
        figure: `${name}, p50`,
        unit: "µs",
        value: (report) => report.p50,
        ...mode === "frames" ? {} : { target: { atMost: 1.1 } },
        withP99: true,
      })];
    },
  };
}

/** The figures of readers. */
export const NOTIFY: readonly Figure[] = [
  notify("semaphore"),
  notify("spin"),
  notify("frames"),
];
