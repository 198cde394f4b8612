/**
 * What one call costs: `write` and `read` of a small frame.
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

const FRAMES = 20_000;

function call(what: "write" | "read", atMost: number): Figure {
  const name = `${what} 50x50 f32`;
  return {
    name,
    async measure(bench: Bench): Promise<Row[]> {
      const rounds = bench.quick ? 5 : 20;
      const all: Run[] = [];
      const once = async (ours: boolean): Promise<Report> => {
        const path = makeStream(bench.dir, "calls", SIZES["10 kB"].size);
        await using caller = ours
          ? Talker.deno("side_calls.ts", path, what, rounds, FRAMES)
          : Talker.c("calls", path, what, rounds, FRAMES);
        return await caller.json<Report>();
      };
      for (let i = 0; i < bench.runs; i++) {
        bench.progress(`${name}: run ${i + 1} of ${bench.runs}`);
        const theirs = await once(false);
        all.push({ theirs, ours: await once(true) });
      }
      return [compare(all, {
        figure: `${name}, one call`,
        unit: "ns",
        value: (report) => report.p50,
        target: { atMost },
      })];
    },
  };
}

/** The figures of single calls. */
export const CALLS: readonly Figure[] = [call("write", 1.3), call("read", 1.5)];
