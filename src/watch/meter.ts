/**
 * Rate and jitter of a stream, from our own watching of its counter.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import { isSystemError } from "../../ffi/errno.ts";
import { nextFrame } from "../../ffi/wait.ts";
import type { Stream } from "../stream/stream.ts";
import { Waiter } from "../stream/wait.ts";

/** How long the rate looks back, ms. */
const WINDOW_MS = 2000;
/** Before this time nothing is said of the rate, ms. */
const SHORTEST_MS = 400;
/** Intervals that the jitter is worked out from. */
const INTERVALS = 64;
/** Intervals that are timed in a row. */
const RUN = 4;
/** Looks a second on average: a fast source is sampled, not followed. */
const LOOKS = 1000;
/** Rest between two runs at least, ms. */
const REST_MS = 50;
const WAIT_MS = 100;
const SLOWEST_LOOK_US = 1000;
const FASTEST_LOOK_US = 50;

/** Frames a second, from a counter that is looked at now and then. */
export class RateMeter {
  readonly #looks: { at: number; counter: bigint }[] = [];

  /** Notes the counter at a time in ms. */
  look(counter: bigint, at: number = performance.now()): void {
    const last = this.#looks.at(-1);
    if (last !== undefined && counter < last.counter) this.#looks.length = 0;
    this.#looks.push({ at, counter });
    while (
      this.#looks.length > 2 && at - (this.#looks[1]?.at ?? at) > WINDOW_MS
    ) {
      this.#looks.shift();
    }
  }

  /** Hz; `undefined` before it has been watched for a while. */
  get hz(): number | undefined {
    const first = this.#looks[0];
    const last = this.#looks.at(-1);
    if (first === undefined || last === undefined) return undefined;
    if (last.at - first.at < SHORTEST_MS) return undefined;
    return Number(last.counter - first.counter) * 1000 / (last.at - first.at);
  }
}

/**
 * Times the intervals between frames that follow each other, in short runs:
 * the helper watches the counter and notes when it moved; no more than
 * one byte is copied.
 */
export class JitterMeter implements Disposable {
  readonly #stream: Stream;
  readonly #intervals: number[] = [];
  readonly #stop = new AbortController();

  /** Begins to watch a stream, which must be closed after this. */
  constructor(stream: Stream) {
    this.#stream = stream;
    this.#run().catch((error) => {
      // The picture's own reading says what is wrong with the stream.
      if (!isSystemError(error, "EBADFD") && !this.#stop.signal.aborted) {
        throw error;
      }
    });
  }

  /** Standard deviation of the intervals, ms; `undefined`: too few. */
  get ms(): number | undefined {
    const count = this.#intervals.length;
    if (count < RUN) return undefined;
    const mean = this.#intervals.reduce((sum, one) => sum + one, 0) / count;
    const squares = this.#intervals.reduce(
      (sum, one) => sum + (one - mean) ** 2,
      0,
    );
    return Math.sqrt(squares / count);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let lookUs = SLOWEST_LOOK_US;
    while (!signal.aborted) {
      const begin = performance.now();
      const intervals = await this.#timeRun(lookUs);
      const share = Math.max(0, 1e6 / lookUs / LOOKS - 1);
      const restMs = REST_MS + share * (performance.now() - begin);
      // Infinite where none came: a source that stopped is looked at less.
      const shortest = Math.min(...intervals);
      if (lookUs === FASTEST_LOOK_US || lookUs <= 100 * shortest) {
        this.#intervals.push(...intervals);
        this.#intervals.splice(0, this.#intervals.length - INTERVALS);
      }
      // Fine enough for a few percent of an interval, and no finer.
      lookUs = Math.round(
        Math.min(SLOWEST_LOOK_US, Math.max(FASTEST_LOOK_US, 20 * shortest)),
      );
      if (!signal.aborted) await pause(restMs, signal);
    }
  }

  /** Times a few intervals, ms. */
  async #timeRun(pollUs: number): Promise<number[]> {
    const { signal } = this.#stop;
    const stream = this.#stream;
    using waiter = new Waiter(
      stream.mapping,
      { mode: "poll", pollUs },
      stream.name,
    );
    const pixel = new Uint8Array(1);
    const intervals: number[] = [];
    let last = stream.cnt0;
    let seenNs: bigint | undefined;
    while (!signal.aborted && intervals.length < RUN) {
      const facts = await nextFrame(
        stream.mapping,
        waiter.settings,
        last,
        WAIT_MS,
        pixel,
        0,
      );
      if (facts === undefined && pollUs < SLOWEST_LOOK_US) break;
      if (facts === undefined) continue;
      if (facts === "stalled") {
        await pause(WAIT_MS, signal);
        continue;
      }
      if (seenNs !== undefined) {
        // Frames that slipped by in between share the time.
        const frames = Number(facts.cnt0 - last);
        if (frames > 0) {
          intervals.push(Number(facts.seenNs - seenNs) / 1e6 / frames);
        }
      }
      last = facts.cnt0;
      seenNs = facts.seenNs;
    }
    return intervals;
  }

  /** Ends; a wait that is under way ends by itself. */
  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
