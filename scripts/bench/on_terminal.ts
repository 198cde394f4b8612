/** What a command costs that draws on a terminal. @module */

import { fromFileUrl } from "../../std/path/from_file_url.ts";
import type { Bench } from "./figure.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));
const TICKS = 100; // USER_HZ, the same on every Linux
const SETTLE_MS = 4000;

/** Seconds of a core that a process has had. */
function cpuSeconds(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function childOf(pid: number): number {
  return Number(
    Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim(),
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Runs `shmim WORDS` on a terminal and watches it.
 *
 * @param bench Says how long.
 * @param words The command's; the folder of the bench is added.
 * @param size Columns and rows of the terminal.
 * @returns What it takes of a core, in percent.
 */
export async function shareOfCore(
  bench: Bench,
  words: string,
  [columns, rows]: readonly [number, number] = [160, 55],
): Promise<number> {
  const line =
    `stty cols ${columns} rows ${rows}; exec '${Deno.execPath()}' run -q -A ` +
    `'${CLI}' ${words} --dir '${bench.dir}'`;
  const terminal = new Deno.Command("script", {
    args: ["-qefc", line, "/dev/null"],
    env: { TERM: "xterm-256color", COLORTERM: "truecolor" },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    bench.progress(`${words}: it settles`);
    await pause(SETTLE_MS);
    const pid = childOf(terminal.pid);
    const seconds = bench.quick ? 2 : 20;
    const before = cpuSeconds(pid);
    bench.progress(`${words}: ${seconds} s`);
    await pause(seconds * 1000);
    return (cpuSeconds(pid) - before) / seconds * 100;
  } finally {
    terminal.kill("SIGTERM");
    await terminal.stdin.close().catch(() => {});
    await terminal.status;
  }
}
