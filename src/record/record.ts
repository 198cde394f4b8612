/**
 * Streams into cubes, begun and ended together.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import type { Schedule } from "../../ffi/pump.ts";
import type { Stream } from "../stream/stream.ts";
import type { WaitOptions } from "../stream/wait.ts";
import { AT_ONCE, Gate, type Trigger } from "./gate.ts";
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

/**
 * Records streams until a limit is reached or the signal comes. Each frame is
 * copied by a thread of the helper into memory that was had beforehand; from
 * there it goes to the disk.
 *
 * @param streams Open streams; they are closed with the recording.
 * @param options How.
 * @returns What was recorded, in the order of the streams.
 * @throws {RecordingError} where the disk is full; what was recorded is safe.
 */
export async function recordStreams(
  streams: readonly Stream[],
  options: StreamsOptions,
): Promise<Recorded[]> {
  const slots = await slotsOf(streams, options);
  const recorders: Recorder[] = [];
  let startedAt: number | undefined;
  const gate = new Gate(
    { look: () => trigger.look() },
    options.durationMs,
    () => {
      startedAt = performance.now();
      options.onStart?.();
    },
  );
  for (const [i, stream] of streams.entries()) {
    recorders.push(
      new Recorder(stream, gate, {
        dir: options.dir,
        frames: options.frames ?? cubeFrames(stream),
        naming: options.naming ?? "plain",
        strict: options.strict ?? false,
        finish: options.finish ?? ((file) => Promise.resolve(file)),
        onWarning: options.onWarning ?? (() => {}),
        onFile: options.onFile ?? (() => {}),
        channel: {
          slots: slots[i] ?? MIN_SLOTS,
          wait: options.wait ?? {},
          schedule: options.schedule ?? { priority: 0, cpus: [] },
        },
      }),
    );
  }
  const trigger = options.trigger?.(recorders) ?? AT_ONCE;
  await Promise.all(recorders.map(({ channel }) => channel.ready()));
  const [first] = recorders;
  const { cubes } = options;
  gate.arm(
    cubes === undefined || first === undefined || streams[0] === undefined
      ? undefined
      : {
        lastArrival: (start) =>
          first.arrivalOf(
            cubes * (options.frames ?? cubeFrames(streams[0] as Stream)),
            start,
          ),
      },
  );
  const stop = (): void => gate.end();
  options.signal?.addEventListener("abort", stop);
  if (options.signal?.aborted) stop();
  const begun = performance.now();
  const timer = setInterval(() => {
    options.onProgress?.({
      started: gate.started,
      seconds: (performance.now() - (startedAt ?? begun)) / 1000,
      streams: recorders.map((one) => ({ ...one.recorded, fill: one.fill })),
    });
  }, PROGRESS_MS);
  try {
    const ends = await Promise.allSettled(
      recorders.map((recorder) =>
        recorder.run(IDLE_MS).catch((error) => {
          gate.end(); // one that fails ends all
          throw error;
        })
      ),
    );
    const failed = ends.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  } finally {
    clearInterval(timer);
    options.signal?.removeEventListener("abort", stop);
  }
  return recorders.map(({ recorded }) => recorded);
}
