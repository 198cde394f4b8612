/**
 * What a start costs: of a portable program, and of one that `deno install`
 * made, against `deno run` from a checkout, which stands in the column of the
 * C programs here.
 * @module
 */

import { LAZY } from "../../src/cli/needs.ts";
import {
  type Bench,
  compare,
  type Figure,
  type Row,
  type Run,
} from "./figure.ts";
import type { Report } from "./programs.ts";
import { median } from "./statistics.ts";
import { makeStream, SIZES } from "./streams.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
const COMPILE = new URL("../compile.ts", import.meta.url).pathname;
const AT_MOST = 1.5;

type Env = Readonly<Record<string, string>>;

/** Runs a program to its end; returns its wall time, ns. */
export function once(
  program: string,
  args: readonly string[],
  env: Env,
): number {
  const command = new Deno.Command(program, {
    args: [...args],
    env: { ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  const start = performance.now();
  const { code } = command.outputSync();
  const elapsed = (performance.now() - start) * 1e6;
  if (code !== 0) throw new Error(`"${program}" ended with ${code}`);
  return elapsed;
}

export function report(times: number[]): Report {
  const sorted = times.toSorted((a, b) => a - b);
  const last = sorted.at(-1) ?? NaN;
  return {
    count: times.length,
    unseen: 0,
    min: sorted[0] ?? NaN,
    p50: median(times),
    p99: last,
    max: last,
  };
}

function makePortable(out: string): void {
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", COMPILE, "--portable", "--out", out],
    stdout: "null",
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Installs a checkout as docs/install.md has it; returns the program. */
function install(root: string): string {
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: [
      ...["install", "-q", "-g", "-A", "--unstable-worker-options", LAZY],
      ...["-n", "shmim", "--root", root, "--import-map", "deno.json"],
      "cli.ts",
    ],
    cwd: new URL("../../", import.meta.url),
    stdout: "null",
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return `${root}/bin/shmim`;
}

const start: Figure = {
  name: "start of one file",
  measure(bench: Bench): Promise<Row[]> {
    const program = `${bench.dir}/shmim`;
    bench.progress("making a portable program");
    makePortable(program);
    makeStream(bench.dir, "start", SIZES["10 kB"].size);
    const caches = `${bench.dir}/caches`;
    const cache: Env = { XDG_CACHE_HOME: caches };
    const none: Env = { XDG_CACHE_HOME: "", HOME: "", TMPDIR: bench.dir };
    const rows: Row[] = [];
    const alone = (figure: string, times: number[]): void => {
      rows.push({ figure, unit: "ms", ours: median(times) / 1e6 });
    };
    const version = ["--version"];
    const few = Math.min(3, bench.runs);
    const first: number[] = [], homeless: number[] = [];
    for (let i = 0; i < few; i++) {
      bench.progress(`first start: run ${i + 1} of ${few}`);
      if (i > 0) Deno.removeSync(caches, { recursive: true });
      first.push(once(program, version, cache));
      homeless.push(once(program, version, none));
    }
    alone("start, first", first);
    alone("start, without a home", homeless);
    const portable = { kind: "portable", program, env: cache };
    const installed = {
      kind: "installed",
      program: install(`${bench.dir}/deno`),
      env: {},
    };
    const info = ["info", "start", "--dir", bench.dir];
    const times = bench.quick ? 3 : 10;
    for (const words of [version, info]) {
      const checkout = ["run", "-q", "-A", CLI, ...words];
      for (const { kind, program, env } of [portable, installed]) {
        const name = `start, ${kind}, shmim ${words[0]}`;
        const runs: Run[] = [];
        once(program, words, env); // fills Deno's own caches
        once(Deno.execPath(), checkout, {});
        for (let i = 0; i < bench.runs; i++) {
          bench.progress(`${name}: run ${i + 1} of ${bench.runs}`);
          const ours: number[] = [], theirs: number[] = [];
          for (let j = 0; j < times; j++) {
            theirs.push(once(Deno.execPath(), checkout, {}));
            ours.push(once(program, words, env));
          }
          runs.push({ ours: report(ours), theirs: report(theirs) });
        }
        rows.push(compare(runs, {
          figure: name,
          unit: "ms",
          value: ({ p50 }) => p50,
          ...kind === "portable" ? { target: { atMost: AT_MOST } } : {},
        }));
      }
    }
    return Promise.resolve(rows);
  },
};

/** The figures of starting. */
export const START: readonly Figure[] = [start];
