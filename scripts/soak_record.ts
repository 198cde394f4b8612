/**
 * Recording for a while at full rate: none may be missed, and every frame
 * must be in the files as the camera made it.
 * @module
 */

import { Buffer } from "node:buffer";
import { Recording } from "../src/record/recording.ts";
import type { Recorded } from "../src/record/recorder.ts";
import { Stream } from "../src/stream/stream.ts";
import { type DataType, TYPES } from "../src/stream/types.ts";
import { ROUND } from "./soak_play.ts";

const SCRIPTS = new URL("./", import.meta.url).pathname;

/**
 * The core of the camera's thread and of the one that catches its frames: on
 * a virtual machine a core may stand still for milliseconds, and then both do.
 * All the rest runs on the others.
 */
const CORE = "1";

/** How long the camera may take to begin. */
const PATIENCE_MS = 30_000;

/** What is recorded. */
export interface RecordSoak {
  /** Axes of a frame. */
  readonly size: readonly [number, number];
  /** Data type. */
  readonly type: DataType;
  /** Frames a second. */
  readonly hz: number;
  /** How long, where the camera keeps its rate. */
  readonly seconds: number;
}

function deno(script: string, args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      "-A",
      "--config",
      `${SCRIPTS}../deno.json`,
      script,
      ...args,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  });
}

/** A frame as the camera makes it. */
function frameOf({ type, frameBytes }: Recording, n: number): Uint8Array {
  return new Uint8Array(
    type === "f32"
      ? new Float32Array(frameBytes / 4).fill(n).buffer
      : new Uint16Array(frameBytes / 2).fill(n).buffer,
  );
}

/**
 * Reads all that was recorded; every frame tells its number.
 *
 * @param files Recordings of `soak_play.ts`, in order.
 * @returns How many frames, and how many counters lack between them.
 * @throws {Error} where a frame is not as it was made, or out of order.
 */
export async function checkRounds(
  files: readonly string[],
): Promise<{ frames: number; gaps: number }> {
  const pictures: Uint8Array[] = [];
  let last: bigint | undefined;
  let frames = 0;
  let gaps = 0;
  for (const path of files) {
    using recording = await Recording.open(path);
    const bytes = new Uint8Array(recording.frameBytes);
    for (let k = 0; k < recording.frames; k++, frames++) {
      const cnt0 = recording.table?.cnt0?.[k] ?? 0n;
      if (last !== undefined && cnt0 <= last) {
        throw new Error(`frame ${cnt0} follows ${last} in ${path}`);
      }
      gaps += last === undefined ? 0 : Number(cnt0 - last - 1n);
      last = cnt0;
      await recording.read(k, bytes);
      const wanted = Number((cnt0 - 1n) % BigInt(ROUND));
      const expected = pictures[wanted] ??= frameOf(recording, wanted);
      if (Buffer.compare(bytes, expected) !== 0) {
        throw new Error(`frame ${cnt0} in ${path} is not as it was made`);
      }
    }
  }
  return { frames, gaps };
}

/**
 * Where the files go: into memory, where that is large enough, because this is
 * a check of shmim and not of the disk, which may be slower than the camera.
 */
function logsTo(soak: RecordSoak): { dir?: string } {
  const pixels = soak.size[0] * soak.size[1];
  const bytes = pixels * TYPES[soak.type].bytes * soak.hz * soak.seconds;
  const { available } = Deno.systemMemoryInfo();
  return available > 1.3 * bytes + 2 ** 31 ? { dir: "/dev/shm" } : {};
}

/**
 * Records a camera, with the real command.
 *
 * @param soak What, and how long.
 * @returns A line about it.
 * @throws {Error} where a frame was missed or is not as it was made.
 */
export async function recordSoak(soak: RecordSoak): Promise<string> {
  const wanted = soak.seconds * soak.hz;
  const perFile = Math.min(wanted, 5 * soak.hz);
  // The stream in memory, as streams are: on a disk, the writer of a page may
  // have to wait for that page to be written out. The files on the disk.
  const dir = Deno.makeTempDirSync({ dir: "/dev/shm", prefix: "shmim-soak-" });
  const log = Deno.makeTempDirSync({
    ...logsTo(soak),
    prefix: "shmim-soak-",
  });
  try {
    Stream.create("cam", { dir, size: soak.size, type: soak.type }).close();
    await using camera = deno(`${SCRIPTS}soak_play.ts`, [
      dir,
      "cam",
      String(soak.hz),
      CORE,
    ]).spawn();
    using cam = Stream.open("cam", { dir, writable: false });
    const patience = performance.now() + PATIENCE_MS;
    while (cam.cnt0 < 100n) {
      if (performance.now() > patience) {
        throw new Error(`the camera made ${cam.cnt0} frames in 30 s`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const started = performance.now();
    const recorder = deno(`${SCRIPTS}../cli.ts`, [
      "record",
      "cam",
      log,
      "--dir",
      dir,
      // By count: a camera on a machine that stands still is late.
      "--frames",
      String(perFile),
      "--cubes",
      String(wanted / perFile),
      "--cpu",
      CORE,
      "--json",
    ]).spawn();
    await recorder.stdin.close();
    const { code, stdout } = await recorder.output();
    const seconds = (performance.now() - started) / 1000;
    await camera.stdin.close();
    await camera.stdout.cancel();
    await camera.status;
    const [recorded]: Recorded[] = JSON.parse(
      new TextDecoder().decode(stdout) || "[]",
    );
    const { frames = 0, missed, overflow, files = [] } = recorded ?? {};
    if (code !== 0 || missed !== 0) {
      throw new Error(
        `exit ${code}, ${frames} frames, ${missed} missed, ${overflow} of ` +
          "them because files were written too slowly",
      );
    }
    const found = await checkRounds(files);
    if (found.frames !== frames || frames !== wanted || found.gaps !== 0) {
      throw new Error(
        `${found.frames} frames in the files, ${found.gaps} lack between ` +
          `them, ${frames} told, ${wanted} wanted`,
      );
    }
    return `${frames} frames in ${files.length} files in ${log}, 0 missed, ` +
      `in ${seconds.toFixed(1)} s`;
  } finally {
    Deno.removeSync(dir, { recursive: true });
    Deno.removeSync(log, { recursive: true });
  }
}

if (import.meta.main) {
  const [size = "50x50", type = "f32", hz = "1000", seconds = "5"] = Deno.args;
  const [x = 1, y = 1] = size.split("x").map(Number);
  const line = await recordSoak({
    size: [x, y],
    type: type as DataType,
    hz: Number(hz),
    seconds: Number(seconds),
  });
  // deno-lint-ignore no-console
  console.log(line);
}
