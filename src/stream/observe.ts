/**
 * A stream watched for a while: the times between its frames, and its pixels
 * over many of them.
 * @module
 */

import { type Latencies, startObserve } from "../../ffi/pump.ts";
import { newestSlice } from "./describe.ts";
import type { Frame } from "./frames.ts";
import type { Stream } from "./stream.ts";
import { pixelNumber, TYPES } from "./types.ts";
import { Waiter, type WaitOptions } from "./wait.ts";

/** How long to watch, and how. */
export interface ObserveOptions {
  /** How long, ms. */
  durationMs: number;
  /** How to wait for frames. */
  wait?: WaitOptions;
  /** Ends it early. */
  signal?: AbortSignal;
  /** Called every 100 ms with the time that has passed and frames seen. */
  onProgress?: (elapsedMs: number, frames: number) => void;
}

/** Statistics of the pixels of several frames. */
export interface FramesStatistics {
  /** Frames that were looked at. */
  readonly frames: number;
  /**
   * Values of each that were looked at. Of a cube of more than 64 Mi values it
   * is those of the slice written last, of an image of as many none.
   */
  readonly values: number;
  /** Smallest pixel. */
  readonly min: number | null;
  /** Largest pixel. */
  readonly max: number | null;
  /** Mean of all pixels of all frames. */
  readonly mean: number | null;
  /** Standard deviation of all pixels of all frames. */
  readonly std: number | null;
  /** Mean over the pixels of the standard deviation in time. */
  readonly temporalStd: number | null;
}

/** What was seen. */
export interface Observation {
  /** How long, s. */
  readonly seconds: number;
  /** Frames that were seen. */
  readonly frames: number;
  /** Counters that passed unseen. */
  readonly lost: number;
  /** Frames a second by the counter. */
  readonly rateHz: number;
  /** Times between frames that were seen. */
  readonly intervals: Latencies;
  /** Standard deviation of these times over their mean; by the histogram. */
  readonly jitter: number | null;
  /** The pixels. */
  readonly pixels: FramesStatistics;
}

const SAMPLE_MS = 100;
/** Sums of as many take a GiB, and looking at them ten times a second a core. */
const MOST_VALUES = 2 ** 26;

/** Sums over frames: for each pixel, and over all. */
class PixelSums {
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  #frames = 0;
  #min = Infinity;
  #max = -Infinity;

  constructor(values: number) {
    this.#sums = new Float64Array(values);
    this.#squares = new Float64Array(values);
  }

  add(pixels: ArrayLike<number | bigint>): void {
    this.#frames++;
    for (let i = 0; i < pixels.length; i++) {
      const value = Number(pixels[i]);
      this.#sums[i] = (this.#sums[i] ?? 0) + value;
      this.#squares[i] = (this.#squares[i] ?? 0) + value * value;
      if (value < this.#min) this.#min = value;
      if (value > this.#max) this.#max = value;
    }
  }

  result(): FramesStatistics {
    const n = this.#frames;
    const pixels = this.#sums.length;
    let sum = 0;
    let squares = 0;
    let temporal = 0;
    for (let i = 0; i < pixels; i++) {
      const s = this.#sums[i] ?? 0;
      const q = this.#squares[i] ?? 0;
      sum += s;
      squares += q;
      temporal += Math.sqrt(Math.max(0, q / n - (s / n) ** 2));
    }
    const mean = sum / (n * pixels);
    const known = (value: number): number | null =>
      n > 0 && !Number.isNaN(value) ? value : null;
    return {
      frames: n,
      values: pixels,
      min: n > 0 && this.#min <= this.#max ? this.#min : null,
      max: n > 0 && this.#min <= this.#max ? this.#max : null,
      mean: known(mean),
      std: known(Math.sqrt(Math.max(0, squares / (n * pixels) - mean ** 2))),
      temporalStd: known(temporal / pixels),
    };
  }
}

/** Takes what the statistics of pixels look at: frames, or slices of them. */
function samplerOf(stream: Stream): { values: number; take: () => Frame } {
  const { slices } = stream;
  const all = pixelNumber(stream.size) * TYPES[stream.type].parts;
  if (all <= MOST_VALUES) return { values: all, take: () => stream.read() };
  const values = all / slices;
  return {
    values: values <= MOST_VALUES && slices > 1 ? values : 0,
    take: () => stream.read({ slice: newestSlice(stream) }),
  };
}

function jitterOf(intervals: Latencies): number | null {
  if (intervals.count < 2) return null;
  let n = 0;
  let sum = 0;
  let squares = 0;
  for (const { fromUs, toUs, count } of intervals.buckets()) {
    const middle = (fromUs + toUs) / 2;
    n += count;
    sum += count * middle;
    squares += count * middle * middle;
  }
  const mean = sum / n;
  return Math.sqrt(Math.max(0, squares / n - mean * mean)) / mean;
}

/**
 * Watches a stream. The times between frames are taken on a thread of the
 * helper; ten frames a second are copied for the pixel statistics.
 *
 * @param stream An open stream.
 * @param options How long, and how.
 */
export async function observeStream(
  stream: Stream,
  options: ObserveOptions,
): Promise<Observation> {
  const first = stream.cnt0; // before anybody can see that we wait
  using waiter = new Waiter(stream.mapping, options.wait ?? {}, stream.name);
  const started = performance.now();
  const pump = startObserve(stream.mapping, waiter.settings, first);
  await using _ended = {
    async [Symbol.asyncDispose](): Promise<void> {
      pump.stop();
      await pump.done;
    },
  };
  const sampler = samplerOf(stream);
  const sums = new PixelSums(sampler.values);
  let looked = -1n;
  const elapsed = (): number => performance.now() - started;
  while (elapsed() < options.durationMs && !options.signal?.aborted) {
    const left = options.durationMs - elapsed();
    await new Promise((resolve) =>
      setTimeout(resolve, Math.min(SAMPLE_MS, left))
    );
    if (sampler.values > 0) {
      const frame = sampler.take();
      if (!frame.torn && frame.cnt0 !== looked) sums.add(frame.pixels);
      looked = frame.cnt0;
    }
    options.onProgress?.(elapsed(), pump.counters().frames);
  }
  const seconds = elapsed() / 1000;
  pump.stop();
  const end = await pump.done;
  if (end.reason === "error") throw end.error;
  const { frames, skipped } = pump.counters();
  const intervals = pump.latencies();
  return {
    seconds,
    frames,
    lost: skipped,
    rateHz: (frames + skipped) / seconds,
    intervals,
    jitter: jitterOf(intervals),
    pixels: sums.result(),
  };
}
