/**
 * What it costs at start-up that a program with all permissions narrows
 * itself: the same command with and without.
 * @module
 */

import { fromFileUrl } from "../../std/path/from_file_url.ts";
import {
  type Bench,
  compare,
  type Figure,
  type Row,
  type Run,
} from "./figure.ts";
import type { Report } from "./programs.ts";
import { percentiles } from "./statistics.ts";
import { makeStream, SIZES } from "./streams.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));

/** From start to end of `shmim info`, ns. */
async function info(path: string, flags: readonly string[]): Promise<Report> {
  const begin = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-prompt", CLI, "info", path, ...flags],
    stdout: "null",
  }).output();
  if (!success) throw new Error("shmim info failed");
  return percentiles([(performance.now() - begin) * 1e6]);
}

/** The figure of narrowing. */
export const NARROW: readonly Figure[] = [{
  name: "start of a narrowed command",
  async measure(bench: Bench): Promise<Row[]> {
    const path = makeStream(bench.dir, "narrow", SIZES["10 kB"].size);
    const all: Run[] = [];
    await info(path, []); // what is compiled once is compiled now
    for (let i = 0; i < bench.runs; i++) {
      bench.progress(`narrowed: run ${i + 1} of ${bench.runs}`);
      const theirs = await info(path, ["--no-narrow"]);
      all.push({ theirs, ours: await info(path, []) });
    }
    return [compare(all, {
      figure: "shmim info, narrowed / --no-narrow",
      unit: "µs",
      value: (report) => report.p50,
    })];
  },
}];
