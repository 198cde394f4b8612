/**
 * Measures shmim against plain C programs that do the same work, in
 * interleaved runs, and holds the medians of the ratios against the targets.
 *
 * Options: `--only PATTERN` (part of a figure's name, or a regular
 * expression), `--runs N` (default 9), `--quick`, `--list`, `--json FILE`,
 * `--sleepy` (lets idle cores sleep; else a thread of the lowest class keeps
 * each awake, because waking up costs more than what is measured).
 * @module
 */

import { parseArgs } from "node:util";
import { BRIDGE } from "./bench/bridge.ts";
import { CALLS } from "./bench/calls.ts";
import type { Bench, Figure, Row } from "./bench/figure.ts";
import { FITS } from "./bench/fits.ts";
import { FLOOR } from "./bench/floor.ts";
import { INFO } from "./bench/info.ts";
import { LOAD } from "./bench/load.ts";
import { LS } from "./bench/ls.ts";
import { NARROW } from "./bench/narrow.ts";
import { NOTIFY } from "./bench/notify.ts";
import { REPLAY } from "./bench/replay.ts";
import { compilePrograms, Talker } from "./bench/programs.ts";
import { START } from "./bench/start.ts";
import { table } from "./bench/table.ts";
import { TOP } from "./bench/top.ts";
import { WATCH } from "./bench/watch.ts";

const FIGURES: readonly Figure[] = [
  ...BRIDGE,
  ...LOAD,
  ...NOTIFY,
  ...CALLS,
  ...FLOOR,
  ...FITS,
  ...START,
  ...LS,
  ...INFO,
  ...NARROW,
  ...REPLAY,
  ...TOP,
  ...WATCH,
];
const USAGE = "bench [--only PATTERN] [--runs N] [--quick] [--list] " +
  "[--json FILE] [--sleepy]";

const encoder = new TextEncoder();

function print(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

function progress(text: string): void {
  if (Deno.stderr.isTerminal()) {
    Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${text}`));
  }
}

/** The machine, as the table's heading. */
function machine(): string {
  const info = Deno.readTextFileSync("/proc/cpuinfo");
  const model = /model name\s*: (.*)/.exec(info)?.[1] ?? Deno.build.arch;
  return `${model}, ${navigator.hardwareConcurrency} cores, ` +
    `Linux ${Deno.osRelease()}, Deno ${Deno.version.deno}, ` +
    `load ${Deno.loadavg().map((load) => load.toFixed(1)).join(" ")}`;
}

async function measure(
  figures: readonly Figure[],
  bench: Omit<Bench, "dir">,
): Promise<Row[]> {
  const dir = Deno.makeTempDirSync({ dir: "/dev/shm", prefix: "shmim-bench-" });
  const clean = (): void => Deno.removeSync(dir, { recursive: true });
  const interrupt = (): void => {
    clean();
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", interrupt);
  Deno.addSignalListener("SIGTERM", interrupt);
  try {
    const rows: Row[] = [];
    for (const figure of figures) {
      const found = await figure.measure({ ...bench, dir });
      progress("");
      print(table(found));
      rows.push(...found);
    }
    return rows;
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
    Deno.removeSignalListener("SIGTERM", interrupt);
    clean();
  }
}

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    args: Deno.args,
    options: {
      only: { type: "string", default: "" },
      runs: { type: "string" },
      json: { type: "string" },
      sleepy: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { quick } = options;
  const runs = Number(options.runs ?? (quick ? 3 : 9));
  if (options.help || !(runs >= 1)) {
    print(`usage: ${USAGE}`);
    return options.help ? 0 : 2;
  }
  const only = new RegExp(options.only, "i");
  const figures = FIGURES.filter((figure) => only.test(figure.name));
  if (options.list) {
    figures.forEach((figure) => print(figure.name));
    return 0;
  }
  compilePrograms();
  const host = machine();
  print(host);
  await using awake = options.sleepy ? undefined : Talker.c("awake");
  await awake?.line();
  const rows = await measure(figures, {
    runs,
    quick,
    progress,
  });
  if (figures.length > 1) print(`\n${table(rows)}`);
  if (options.json !== undefined) {
    Deno.writeTextFileSync(
      options.json,
      JSON.stringify(
        { host, runs, quick, sleepy: options.sleepy, rows },
        null,
        2,
      ) +
        "\n",
    );
  }
  return 0;
}

Deno.exitCode = await main();
