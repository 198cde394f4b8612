/**
 * Frames of the demonstration: each can be worked out again from its number,
 * so that what arrives is held against what was sent.
 * @module
 */

import { patternFrame } from "../image/pattern.ts";
import { CLOCK, clockNs, sleepUntil } from "../../ffi/clock.ts";
import type { Frame } from "../stream/frames.ts";
import type { Stream } from "../stream/stream.ts";

/** The stream's name. */
export const NAME = "demo";
/** Its axes. */
export const SIZE: readonly number[] = [64, 48];
/** Its type. */
export const TYPE = "f32";

/** A frame that can be worked out again from its number. */
function demoFrame(number: number): Float32Array<ArrayBuffer> {
  const pixels = patternFrame("sine", TYPE, SIZE, number);
  pixels[0] = number;
  return pixels as Float32Array<ArrayBuffer>;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** What the far end saw. */
export class Inspector {
  /** How many. */
  received = 0;
  /** How many of them differ from what was sent. */
  different = 0;
  /** The last one. */
  last: Frame | undefined;
  readonly #sentNs: ReadonlyMap<number, bigint>;
  readonly #latenciesUs: number[] = [];

  /** @param sentNs When each frame was written, by its number. */
  constructor(sentNs: ReadonlyMap<number, bigint>) {
    this.#sentNs = sentNs;
  }

  /** Looks at a frame. */
  take(frame: Frame): void {
    const number = Number(frame.pixels[0]);
    const expected = new Uint8Array(demoFrame(number).buffer);
    const sent = this.#sentNs.get(number);
    this.received++;
    this.last = frame;
    if (sent === undefined || !sameBytes(frame.bytes, expected)) {
      this.different++;
    } else {
      this.#latenciesUs.push(Number(frame.writetimeNs - sent) / 1000);
    }
  }

  /** A percentile of the latencies. */
  latency(fraction: number): string {
    const sorted = this.#latenciesUs.sort((a, b) => a - b);
    const at = Math.min(
      sorted.length - 1,
      Math.floor(fraction * sorted.length),
    );
    const value = sorted[at];
    return value === undefined ? "-" : `${value.toFixed(0)} µs`;
  }
}

/**
 * Writes frames at the wanted rate and notes when each was published.
 *
 * @param progress Told the number of each.
 */
export async function feed(
  source: Stream,
  sentNs: Map<number, bigint>,
  { seconds, rate }: { seconds: number; rate: number },
  signal: AbortSignal,
  progress: (sent: number) => void,
): Promise<void> {
  const interval = BigInt(Math.round(1e9 / rate));
  const total = Math.max(1, Math.round(seconds * rate));
  let due = clockNs(CLOCK.MONOTONIC);
  for (let n = 1; n <= total && !signal.aborted; n++) {
    const frame = demoFrame(n);
    await sleepUntil(due, signal);
    sentNs.set(n, source.write(frame).writetimeNs);
    progress(n);
    // Late frames are not made up for: a camera would not, either.
    const now = clockNs(CLOCK.MONOTONIC);
    due = due + interval > now ? due + interval : now + interval;
  }
}
