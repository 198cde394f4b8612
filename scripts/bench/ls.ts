/**
 * What small things cost: `shmim ls` of many streams and `shmim --help`,
 * against an empty `deno run`, which stands in the column of the C programs
 * here, with what is allowed beside it added.
 * @module
 */

import { Stream } from "../../src/stream/stream.ts";
import {
  type Bench,
  compare,
  type Figure,
  type Row,
  type Run,
} from "./figure.ts";
import { runLine } from "../../src/commands/permissions.ts";
import { once, report } from "./start.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
const STREAMS = 200;
/** Twice an empty run, and so many ms. */
const TIMES = 2;
const BESIDE_MS = 20;

const ls: Figure = {
  name: "ls of many streams",
  async measure(bench: Bench): Promise<Row[]> {
    const dir = `${bench.dir}/many`;
    Deno.mkdirSync(dir);
    for (let i = 0; i < STREAMS; i++) {
      Stream.create(`s${i}`, { dir, size: [50, 50], type: "f32" }).close();
    }
    const empty = `${bench.dir}/empty.ts`;
    Deno.writeTextFileSync(empty, "export {};\n");
    const words = ["ls", "--dir", dir];
    const calls: readonly [string, readonly string[]][] = [
      // With its own permissions, as they are printed for this very call.
      [`ls of ${STREAMS}, its own line`, (await runLine(words)).slice(2)],
      [`ls of ${STREAMS}, narrowed`, ["-A", CLI, ...words]],
      ["--help", ["-A", CLI, "--help"]],
    ];
    const times = bench.quick ? 3 : 10;
    return calls.map(([figure, args]) => {
      const runs: Run[] = [];
      const deno = (...rest: readonly string[]): number =>
        once(Deno.execPath(), ["run", "-q", ...rest], {});
      deno(...args); // fills Deno's own caches
      for (let i = 0; i < bench.runs; i++) {
        bench.progress(`${figure}: run ${i + 1} of ${bench.runs}`);
        const ours: number[] = [], theirs: number[] = [];
        for (let j = 0; j < times; j++) {
          theirs.push(TIMES * deno(empty) + BESIDE_MS * 1e6);
          ours.push(deno(...args));
        }
        runs.push({ ours: report(ours), theirs: report(theirs) });
      }
      return compare(runs, {
        figure: `${figure}, to ${TIMES} empty runs + ${BESIDE_MS} ms`,
        unit: "ms",
        value: ({ p50 }) => p50,
        target: { atMost: 1 },
      });
    });
  },
};

/** The figures of small things. */
export const LS: readonly Figure[] = [ls];
