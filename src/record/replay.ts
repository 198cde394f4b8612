/**
 * Recordings into a stream, each frame at its time. A thread of the helper
 * plays them; TypeScript only brings them into its ring.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import type { Latencies, Pump, Schedule } from "../../ffi/pump.ts";
import { FrameRing, startPlay } from "../../ffi/ring.ts";
import { UNKNOWN_TIME } from "../fits/mod.ts";
import type { Stream } from "../stream/stream.ts";
import type { Recording } from "./recording.ts";
import { type Note, type Score, scoreOf, type ScoreOptions } from "./score.ts";

/** How to play. */
export interface ReplayOptions extends ScoreOptions {
  /** Again and again, until the signal comes. */
  readonly loop?: boolean;
  /** cnt0 and cnt1 of the recording, instead of the stream's own. */
  readonly keepCounters?: boolean;
  /** Acquisition times of the recording, instead of now. */
  readonly keepTimes?: boolean;
  /**
   * How long before each frame the thread spins, µs. Default 100, at most a
   * fifth of the mean spacing.
   */
  readonly spinUs?: number;
  /** Priority and cores of the thread. */
  readonly schedule?: Schedule;
  /** Most memory for frames. Default 1 GiB. */
  readonly memoryBytes?: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Told five times a second. */
  readonly onProgress?: (frames: number, all: number) => void;
}

/** What was played. */
export interface Replayed {
  /** Frames published. */
  readonly frames: number;
  /** Times that a frame was late because it had not been read in time. */
  readonly underruns: number;
  /** How late frames were. */
  readonly lateness: Latencies;
}

const NS = 1_000_000_000n;
const LEAD_US = 20_000;
const SPIN_US = 100;
const MEMORY_BYTES = 2 ** 30;
const PROGRESS_MS = 200;
const BATCH_BYTES = 4 << 20;
const ENDLESS = (1n << 63n) - 1n;

/** Brings frames into a ring. */
class Feeder {
  readonly #recordings: readonly Recording[];
  readonly #score: Score;
  readonly #ring: FrameRing;
  readonly #offsetNs: bigint;

  /** @param clockOffset Seconds by which the stream's clock is ahead. */
  constructor(
    recordings: readonly Recording[],
    score: Score,
    ring: FrameRing,
    clockOffset: number,
  ) {
    this.#recordings = recordings;
    this.#score = score;
    this.#ring = ring;
    this.#offsetNs = BigInt(clockOffset) * NS;
  }

  /** An acquisition time by the stream's clock; 0 where it is not known. */
  #acquired(time: bigint | undefined): bigint {
    return time === undefined || time === UNKNOWN_TIME
      ? 0n
      : time + this.#offsetNs;
  }

  /** Frames of one recording from this note on that follow each other. */
  #run(from: number): number {
    const { notes } = this.#score;
    const first = notes[from] as Note;
    const most = Math.min(
      notes.length - from,
      this.#ring.inRow(this.#ring.head),
      this.#ring.slots - (this.#ring.head - this.#ring.tail),
      Math.max(1, Math.floor(BATCH_BYTES / this.#ring.bytes)),
    );
    let count = 1;
    while (
      count < most && notes[from + count]?.recording === first.recording
    ) count++;
    return count;
  }

  /**
   * Brings the next frames in, as many as there is room for.
   *
   * @param from The first note.
   * @param lateNs What is added to their times.
   * @returns How many; 0 where there is no room.
   */
  async feed(from: number, lateNs: bigint): Promise<number> {
    const ring = this.#ring;
    const note = this.#score.notes[from];
    if (note === undefined || ring.head - ring.tail >= ring.slots) return 0;
    const count = this.#run(from);
    const recording = this.#recordings[note.recording] as Recording;
    await recording.read(note.frame, ring.frames(ring.head, count));
    const { table } = recording;
    for (let i = 0; i < count; i++) {
      const { frame, dueNs } = this.#score.notes[from + i] as Note;
      ring.put({
        cnt0: BigInt.asUintN(64, table?.cnt0?.[frame] ?? BigInt(from + i + 1)),
        cnt1: BigInt.asUintN(64, table?.cnt1?.[frame] ?? 0n),
        atimeNs: this.#acquired(table?.acquired?.[frame]),
        dueNs: dueNs + lateNs,
      });
    }
    return count;
  }
}

/**
 * Plays recordings of the stream's type and size, each frame at its time. A
 * thread of the helper keeps the time; what has no room in memory is read
 * meanwhile. Needs no permission beyond those for the open stream and files.
 *
 * @param stream The stream, open for writing.
 * @param recordings In this order; the times between them count.
 * @param options How.
 * @returns What was played.
 * @throws {RangeError} where shapes differ, times are missing, or no frame is
 * left between `from` and `to`.
 *
 * @example A cube, at 1 kHz
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FitsCubeWriter, openReplayTarget, Recording, replay } from "@shmim/shmim";
 *
 * const dir = await Deno.makeTempDir();
 * {
 *   await using cube = await FitsCubeWriter.create(`${dir}/c.fits`, "u8", [2]);
 *   await cube.write(new Uint8Array([1, 2]), { cnt0: 10n });
 *   await cube.write(new Uint8Array([3, 4]), { cnt0: 11n });
 *   await cube.finish();
 * }
 * {
 *   using recording = await Recording.open(`${dir}/c.fits`);
 *   using stream = openReplayTarget(recording, { name: "again", dir });
 *   const { frames } = await replay(stream, [recording], { rateHz: 1000 });
 *   assertEquals([frames, [...stream.read().pixels]], [2, [3, 4]]);
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function replay(
  stream: Stream,
  recordings: readonly Recording[],
  options: ReplayOptions = {},
): Promise<Replayed> {
  for (const one of recordings) {
    if (one.fits(stream)) continue;
    throw new RangeError(
      `"${one.path}" holds frames of ${one.size.join("x")} ${one.type}, ` +
        `"${stream.name}" is ${stream.size.join("x")} ${stream.type}`,
    );
  }
  stream.requireForWriting();
  const score = scoreOf(recordings, options);
  const { notes } = score;
  const bytes = stream.layout.table.dataBytes;
  const most = Math.max(
    2,
    Math.floor((options.memoryBytes ?? MEMORY_BYTES) / bytes),
  );
  const whole = notes.length <= most;
  const ring = new FrameRing(Math.min(notes.length, most), bytes);
  const feeder = new Feeder(recordings, score, ring, stream.clockOffset);
  let fed = 0;
  for (let got = -1; got !== 0 && !options.signal?.aborted; fed += got) {
    got = await feeder.feed(fed, 0n); // all that has room, before it begins
  }
  if (whole) ring.close();
  const loop = options.loop ?? false;
  const spacingUs = Number(score.cycleNs) / notes.length / 1000;
  const pump = startPlay(stream.mapping, ring, {
    leadUs: LEAD_US,
    spinUs: options.spinUs ?? Math.min(SPIN_US, spacingUs / 5),
    loops: whole ? loop ? ENDLESS : 1n : 0n,
    cycleNs: score.cycleNs,
    keepCounters: options.keepCounters ?? false,
    keepTimes: options.keepTimes ?? false,
    schedule: options.schedule ?? { priority: 0, cpus: [] },
  });
  const stop = (): void => pump.stop();
  options.signal?.addEventListener("abort", stop);
  if (options.signal?.aborted) stop();
  const timer = setInterval(() => {
    options.onProgress?.(pump.counters().frames, notes.length);
  }, PROGRESS_MS);
  try {
    if (!whole) await feedOn(feeder, ring, pump, { score, fed, loop });
    const end = await pump.done;
    if (end.reason === "error") throw end.error;
  } finally {
    stop();
    await pump.done;
    clearInterval(timer);
    options.signal?.removeEventListener("abort", stop);
  }
  const { frames, empty } = pump.counters();
  return { frames, underruns: empty, lateness: pump.latencies() };
}

/** Keeps the ring full until everything is in it, or the pump ends. */
async function feedOn(
  feeder: Feeder,
  ring: FrameRing,
  pump: Pump,
  { score, fed, loop }: { score: Score; fed: number; loop: boolean },
): Promise<void> {
  let ended = false;
  pump.done.then(() => ended = true);
  let next = fed;
  let late = 0n;
  while (!ended) {
    if (next === score.notes.length) {
      if (!loop) break;
      next = 0;
      late += score.cycleNs;
    }
    const got = await feeder.feed(next, late);
    next += got;
    if (got === 0) await pause(2);
  }
  ring.close();
}
