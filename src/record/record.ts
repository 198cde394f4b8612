/**
 * Streams into cubes, begun and ended together.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import type { Schedule } from "../../ffi/pump.ts";
import type { Stream } from "../stream/stream.ts";
import type { WaitOptions } from "../stream/wait.ts";
import { AT_ONCE, Gate, type Limiting, type Trigger } from "./gate.ts";
import type { Naming } from "./names.ts";
import { type Finish, type Recorded, Recorder } from "./recorder.ts";

/** How to record. */
export interface RecordSettings {
  /** The folder of the files; made where it is missing. */
  dir: string;
  /** Frames of a cube. Default 10000, at most 2 GiB. */
  frames?: number;
  /** Ends with so many cubes of the first stream. */
  cubes?: number;
  /** Ends after so long. */
  durationMs?: number;
  /** Seconds that the buffer of each stream holds. */
  bufferSeconds?: number;
  /** Frames that it holds, instead. */
  bufferFrames?: number;
  /** How files are named. Default `plain`. */
  naming?: Naming;
  /** How to wait for frames. */
  wait?: WaitOptions;
  /** Priority and cores of the threads that catch frames. */
  schedule?: Schedule;
  /** A keyword that cannot be written is an error. */
  strict?: boolean;
  /** Ends it. */
  signal?: AbortSignal;
  /** Takes warnings. */
  onWarning?: (message: string) => void;
  /** Told when it begins. */
  onStart?: () => void;
  /** Told of each complete file. */
  onFile?: (file: string, frames: number) => void;
  /** Told five times a second. */
  onProgress?: (progress: RecordProgress) => void;
}

/** How to record open streams. */
export interface StreamsOptions extends RecordSettings {
  /** What becomes of each complete file. */
  finish?: Finish;
  /** What begins it. Default: it begins at once. */
  trigger?: (recorders: readonly Recorder[]) => Trigger;
}

/** How far a recording is. */
export interface RecordProgress {
  /** Whether it has begun. */
  readonly started: boolean;
  /** Seconds since it began, or was armed. */
  readonly seconds: number;
  /** The streams. */
  readonly streams: readonly (Recorded & { readonly fill: number })[];
}

const IDLE_MS = 20;
const PROGRESS_MS = 200;
const RATE_MS = 250;
/** Assumed of a stream that does not run while its rate is measured. */
const UNKNOWN_HZ = 2000;
const DEFAULT_SECONDS = 4;
const DEFAULT_BYTES = 2 ** 30;
const CUBE_FRAMES = 10_000;
const CUBE_BYTES = 2 ** 31;
const MIN_SLOTS = 16;

/** How many slots each stream's ring gets. */
async function slotsOf(
  streams: readonly Stream[],
  { bufferSeconds: seconds, bufferFrames }: RecordSettings,
): Promise<number[]> {
  if (bufferFrames !== undefined) return streams.map(() => bufferFrames);
  const first = streams.map((stream) => stream.cnt0);
  const begun = performance.now();
  await pause(RATE_MS);
  const elapsed = (performance.now() - begun) / 1000;
  return streams.map((stream, i) => {
    const rate = Number(stream.cnt0 - (first[i] ?? 0n)) / elapsed;
    const wanted = (seconds ?? DEFAULT_SECONDS) *
      (rate > 0 ? rate * 1.1 : UNKNOWN_HZ);
    const most = seconds !== undefined && rate > 0
      ? Infinity
      : DEFAULT_BYTES / stream.layout.table.dataBytes;
    return Math.max(MIN_SLOTS, Math.ceil(Math.min(wanted, most)));
  });
}

function cubeFrames(stream: Stream): number {
  const fit = Math.floor(CUBE_BYTES / stream.layout.table.dataBytes);
  return Math.max(1, Math.min(CUBE_FRAMES, fit));
}

/** A recorder that catches frames already. */
function makeRecorder(
  stream: Stream,
  slots: number,
  gate: Gate,
  options: StreamsOptions,
): Recorder {
  try {
    return new Recorder(stream, gate, {
      dir: options.dir,
      frames: options.frames ?? cubeFrames(stream),
      naming: options.naming ?? "plain",
      strict: options.strict ?? false,
      finish: options.finish ?? ((file) => Promise.resolve(file)),
      onWarning: options.onWarning ?? (() => {}),
      onFile: options.onFile ?? (() => {}),
      channel: {
        slots,
        wait: options.wait ?? {},
        schedule: options.schedule ?? { priority: 0, cpus: [] },
      },
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`Cannot record "${stream.name}": ${error.message}`, {
      cause: error,
    });
  }
}

/** What ends a recording: the last frame of the first stream's last cube. */
function limitOf(
  [stream]: readonly Stream[],
  [first]: readonly Recorder[],
  { cubes, frames }: StreamsOptions,
): Limiting | undefined {
  if (cubes === undefined || stream === undefined || first === undefined) {
    return undefined;
  }
  const total = cubes * (frames ?? cubeFrames(stream));
  return { lastArrival: (start) => first.arrivalOf(total, start) };
}

/** Runs all until the gate closes; one that fails ends all. */
async function runAll(
  recorders: readonly Recorder[],
  gate: Gate,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stop = (): void => gate.end();
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    const ends = await Promise.allSettled(
      recorders.map((recorder) =>
        recorder.run(IDLE_MS).catch((error) => {
          gate.end();
          throw error;
        })
      ),
    );
    const failed = ends.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/**
 * Records streams until a limit is reached or the signal comes. Each frame is
 * copied by a thread of the helper into memory that was had beforehand; from
 * there it goes to the disk.
 *
 * @param streams Open streams; they are closed with the recording, also where
 * it fails to begin.
 * @param options How.
 * @returns What was recorded, in the order of the streams.
 * @throws {RecordingError} where the disk is full; what was recorded is safe.
 * @throws {RangeError} where there is no memory for a buffer.
 */
export async function recordStreams(
  streams: readonly Stream[],
  options: StreamsOptions,
): Promise<Recorded[]> {
  await using held = new AsyncDisposableStack();
  for (const stream of streams) held.use(stream);
  const slots = await slotsOf(streams, options);
  let startedAt: number | undefined;
  const gate = new Gate(
    { look: () => trigger.look() },
    options.durationMs,
    () => {
      startedAt = performance.now();
      options.onStart?.();
    },
  );
  const recorders: Recorder[] = [];
  for (const [i, stream] of streams.entries()) {
    const one = makeRecorder(stream, slots[i] ?? MIN_SLOTS, gate, options);
    recorders.push(held.use(one));
  }
  const trigger = options.trigger?.(recorders) ?? AT_ONCE;
  await Promise.all(recorders.map(({ channel }) => channel.ready()));
  gate.arm(limitOf(streams, recorders, options));
  const armed = performance.now();
  const timer = setInterval(() => {
    options.onProgress?.({
      started: gate.started,
      seconds: (performance.now() - (startedAt ?? armed)) / 1000,
      streams: recorders.map((one) => ({ ...one.recorded, fill: one.fill })),
    });
  }, PROGRESS_MS);
  try {
    await runAll(recorders, gate, options.signal);
  } finally {
    clearInterval(timer);
  }
  return recorders.map(({ recorded }) => recorded);
}
