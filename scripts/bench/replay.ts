/**
 * How well a recording's spacing is kept: `shmim replay` of a cube of 1 kHz
 * against a C program that plays frames out of memory, both seen by a third.
 * @module
 */

import { FitsCubeWriter } from "../../src/fits/mod.ts";
import {
  type Bench,
  compare,
  type Figure,
  type Row,
  type Run,
} from "./figure.ts";
import { type Report, Talker } from "./programs.ts";
import { makeStream, SIZES } from "./streams.ts";

const HZ = 1000;
const PERIOD_NS = 1_000_000;
const SKIP = 500;
const LIMIT_US = 50;
/** Of both players, where the system allows it. */
const PRIORITY = 20;
const FRAMES = 500;

/** A recording of even spacing. */
async function recording(path: string, size: readonly number[]): Promise<void> {
  const pixels = new Float32Array(size.reduce((n, axis) => n * axis, 1));
  await using cube = await FitsCubeWriter.create(path, "f32", size);
  for (let n = 0; n < FRAMES; n++) {
    await cube.write(pixels.fill(n), {
      cnt0: BigInt(n + 1),
      acquired: 1_800_000_000_000_000_000n + BigInt(n * PERIOD_NS),
    });
  }
  await cube.finish();
}

async function play(
  bench: Bench,
  ours: boolean,
  file: string,
): Promise<Report> {
  const { size } = SIZES["20 kB"];
  const path = makeStream(bench.dir, "replay", size);
  await using _player = ours
    ? Talker.deno(
      "../../cli.ts",
      "replay",
      file,
      path,
      "--loop",
      "--cpu",
      1,
      "--priority",
      PRIORITY,
    )
    : Talker.pinned(1, "player", path, HZ, PRIORITY);
  await new Promise((resolve) => setTimeout(resolve, 1500)); // it has begun
  const frames = bench.quick ? 1500 : 4500;
  await using observer = Talker.pinned(
    0,
    "spacing",
    path,
    PERIOD_NS,
    frames,
    SKIP,
  );
  return await observer.json<Report>();
}

const spacing: Figure = {
  name: "replay spacing 20 kB at 1 kHz",
  async measure(bench: Bench): Promise<Row[]> {
    const file = `${bench.dir}/replay.fits`;
    await recording(file, SIZES["20 kB"].size);
    const all: Run[] = [];
    for (let i = 0; i < bench.runs; i++) {
      bench.progress(`${spacing.name}: run ${i + 1} of ${bench.runs}`);
      const swap = i % 2 === 1;
      const first = await play(bench, !swap, file);
      const second = await play(bench, swap, file);
      all.push(
        swap
          ? { ours: second, theirs: first }
          : { ours: first, theirs: second },
      );
    }
    const row = compare(all, {
      figure: `${spacing.name}, error p99`,
      unit: "µs",
      value: (report) => report.p99,
    });
    const middle = compare(all, {
      figure: `${spacing.name}, error p50`,
      unit: "µs",
      value: (report) => report.p50,
    });
    return [middle, {
      ...row,
      target: `≤ ${LIMIT_US} µs`,
      met: row.ours <= LIMIT_US,
    }];
  },
};

/** The figures of replays. */
export const REPLAY: readonly Figure[] = [spacing];
