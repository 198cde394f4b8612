/**
 * What stands still while frames come: this program, or the disk. The camera
 * and what catches its frames are threads of the helper.
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { type Schedule, trySchedule } from "../../ffi/pump.ts";
import { checkRounds } from "../../scripts/soak_record.ts";
import { playRounds } from "../../scripts/soak_play.ts";
import { CubeFile } from "../../src/record/cube_file.ts";
import { recordStreams, type StreamsOptions } from "../../src/record/record.ts";
import type { Recorded } from "../../src/record/recorder.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Folder } from "../_support/cli.ts";

const HZ = 1000;
const STALL_MS = 1000;

/** What happens instead of the next writes to a file; then it goes on. */
type Stall = () => Promise<void> | void;

/** This thread does nothing else. */
function blockThread(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
}

/** The write takes long. */
function blockDisk(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, STALL_MS));
}

/** Holds up single writes of frames, by their number. */
function stallWrites(stalls: ReadonlyMap<number, Stall>): Disposable {
  const { append } = CubeFile.prototype;
  let count = 0;
  CubeFile.prototype.append = async function (frames): Promise<void> {
    await stalls.get(count++)?.();
    await append.call(this, frames);
  };
  return {
    [Symbol.dispose](): void {
      CubeFile.prototype.append = append;
    },
  };
}

/**
 * On one core the thread that catches comes before the one that plays, so that
 * nothing but want of room can lose a frame.
 */
const CORE = [navigator.hardwareConcurrency - 1];
const CATCHES: Schedule = { priority: 20, cpus: CORE };
const PLAYS: Schedule = { priority: 10, cpus: CORE };
const ORDERED = trySchedule(CATCHES) === undefined;
const ANYHOW: Schedule = { priority: 0, cpus: [] };

/** Records a camera with some writes held up. */
async function recordStalled(
  stalls: ReadonlyMap<number, Stall>,
  options: Omit<StreamsOptions, "dir">,
): Promise<{ recorded: Recorded; gaps: number }> {
  using folder = new Folder();
  using cam = Stream.create("cam", {
    dir: folder.path,
    size: [16, 8],
    type: "u16",
  });
  const camera = playRounds(cam, HZ, ORDERED ? PLAYS : ANYHOW);
  try {
    using _stalled = stallWrites(stalls);
    const [recorded] = await recordStreams([cam.reopen()], {
      ...options,
      dir: folder.file("log"),
      schedule: ORDERED ? CATCHES : ANYHOW,
    });
    assert(recorded !== undefined);
    const { frames, gaps } = await checkRounds(recorded.files);
    assertEquals(recorded.frames, frames);
    return { recorded, gaps };
  } finally {
    camera.stop();
    await camera.done;
  }
}

/** What was lost is what the files lack; what came before them is not known. */
function assertLost({ missed }: Recorded, gaps: number): void {
  if (ORDERED) assertEquals(missed, gaps);
  else assert(missed >= gaps, `${missed} missed, ${gaps} lack`);
}

Deno.test("neither a thread nor a disk that stands still for a second loses a frame", async () => {
  const { recorded, gaps } = await recordStalled(
    new Map<number, Stall>([[2, blockThread], [5, blockDisk]]),
    { bufferFrames: 4 * HZ, frames: 800, cubes: 4 },
  );
  assertEquals([recorded.frames, recorded.overflow], [3200, 0]);
  assertLost(recorded, gaps);
  if (ORDERED) assertEquals(recorded.missed, 0);
});

Deno.test("a buffer that is too small for a slow disk loses frames, and counts each", async () => {
  const { recorded, gaps } = await recordStalled(
    new Map([[2, blockDisk]]),
    { bufferFrames: 100, frames: 400, cubes: 1 },
  );
  assertEquals(recorded.frames, 400);
  assertGreater(recorded.overflow, 0);
  assertLost(recorded, gaps);
  if (ORDERED) assertEquals(recorded.missed, recorded.overflow);
});

Deno.test("frames that find no room after the last one of a recording are not missed", async () => {
  const { recorded, gaps } = await recordStalled(
    new Map([[0, blockDisk], [1, blockDisk]]),
    { bufferFrames: 100, frames: 60, cubes: 1 },
  );
  assertEquals([recorded.frames, recorded.overflow], [60, 0]);
  assertLost(recorded, gaps);
});

Deno.test("frames that find no room before a recording is stopped are missed", async () => {
  const end = new AbortController();
  const { recorded, gaps } = await recordStalled(
    new Map([[2, async () => {
      await blockDisk();
      end.abort();
    }]]),
    { bufferFrames: 100, signal: end.signal },
  );
  assertGreater(recorded.overflow, 0);
  assertGreater(recorded.overflow, gaps);
  if (ORDERED) assertEquals(recorded.missed, recorded.overflow);
});
