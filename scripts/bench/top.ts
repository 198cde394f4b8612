/**
 * What the live table costs: `shmim top` on a terminal, over 200 streams of
 * which four in five move.
 * @module
 */

import { fromFileUrl } from "@std/path/from-file-url";
import { Stream } from "../../src/stream/stream.ts";
import type { Bench, Figure, Row } from "./figure.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));
const STREAMS = 200;
const EVERY_MS = 20;
/** What it may take of a core, in percent. */
const AT_MOST = 5;
const TICKS = 100; // USER_HZ, the same on every Linux
const SETTLE_MS = 4000;

function makeStreams(dir: string): Stream[] {
  return Array.from(
    { length: STREAMS },
    (_, i) =>
      Stream.create(`s${String(i).padStart(3, "0")}`, {
        dir,
        size: [50, 50],
        type: "f32",
      }),
  );
}

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

/** The figure of the table. */
export const TOP: readonly Figure[] = [{
  name: "top of 200 streams",
  async measure(bench: Bench): Promise<Row[]> {
    const streams = makeStreams(bench.dir);
    const timer = setInterval(() => {
      streams.forEach((stream, i) => i % 5 === 4 || stream.poke());
    }, EVERY_MS);
    const line = `stty cols 160 rows 55; exec '${Deno.execPath()}' run -q -A ` +
      `'${CLI}' top --dir '${bench.dir}'`;
    const terminal = new Deno.Command("script", {
      args: ["-qefc", line, "/dev/null"],
      env: { TERM: "xterm-256color", COLORTERM: "truecolor" },
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      bench.progress("top: it settles");
      await pause(SETTLE_MS);
      const pid = childOf(terminal.pid);
      const seconds = bench.quick ? 2 : 20;
      const before = cpuSeconds(pid);
      bench.progress(`top: ${seconds} s`);
      await pause(seconds * 1000);
      const ours = (cpuSeconds(pid) - before) / seconds * 100;
      return [{
        figure: `shmim top, ${STREAMS} streams, share of a core`,
        unit: "%",
        ours,
        target: `≤ ${AT_MOST} %`,
        met: ours <= AT_MOST,
      }];
    } finally {
      clearInterval(timer);
      terminal.kill("SIGTERM");
      await terminal.stdin.close().catch(() => {});
      await terminal.status;
      streams.forEach((stream) => {
        stream.close();
        Deno.removeSync(stream.path);
      });
    }
  },
}];
