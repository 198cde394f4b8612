/**
 * From start to output: a command beside an empty script.
 * @module
 */

import {
  type Bench,
  compare,
  type Figure,
  type Row,
  type Run,
} from "./figure.ts";
import { runLine } from "../../src/commands/permissions.ts";
import { percentiles } from "./statistics.ts";
import { makeStream, SIZES } from "./streams.ts";

const ROUNDS = 5;

async function timed(...args: string[]): Promise<number> {
  const started = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", ...args],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`deno run ${args.join(" ")} failed`);
  return (performance.now() - started) * 1e6;
}

const start: Figure = {
  name: "start of shmim info",
  async measure(bench: Bench): Promise<Row[]> {
    const empty = `${bench.dir}/empty.ts`;
    Deno.writeTextFileSync(empty, "");
    const stream = makeStream(bench.dir, "start", SIZES["10 kB"].size);
    // With its own permissions, as they are printed for this very call.
    const line = await runLine(["info", stream]);
    const info = line.slice(2);
    await timed(...info); // both in the cache
    await timed(empty);
    const all: Run[] = [];
    for (let i = 0; i < bench.runs; i++) {
      bench.progress(`${this.name}: run ${i + 1} of ${bench.runs}`);
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        theirs.push(await timed(empty));
        ours.push(await timed(...info));
      }
      all.push({ ours: percentiles(ours), theirs: percentiles(theirs) });
    }
    return [compare(all, {
      figure: `${this.name}, beside an empty script`,
      unit: "µs",
      value: (report) => report.p50,
      target: { atMost: 3 },
    })];
  },
};

/** What starting costs. */
export const INFO: readonly Figure[] = [start];
