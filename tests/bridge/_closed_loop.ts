/**
 * A writer in a Worker: publishes a checksummed frame, waits for the
 * destination's counter, compares what arrived, and goes on. No hop between
 * threads, so that many frames take little time.
 */

import { Stream } from "../../src/stream/stream.ts";

/** What the Worker is told. */
export interface LoopTask {
  readonly here: string;
  readonly there: string;
  readonly frames: number;
  readonly patienceMs: number;
}

/** What it answers. */
export interface LoopResult {
  readonly good: number;
  readonly error: string;
}

/** Fills a frame from its number: a xorshift sequence, then its sum. */
function fill(pixels: Uint32Array<ArrayBuffer>, number: number): void {
  let state = (number * 2654435761 + 1) >>> 0;
  let sum = 0;
  pixels[0] = number;
  for (let i = 1; i < pixels.length - 1; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    pixels[i] = state;
    sum = (Math.imul(sum, 31) + (state >>> 0)) >>> 0;
  }
  pixels[pixels.length - 1] = (sum + number) >>> 0;
}

function check(pixels: Uint32Array, number: number): boolean {
  let sum = 0;
  for (let i = 1; i < pixels.length - 1; i++) {
    sum = (Math.imul(sum, 31) + (pixels[i] ?? 0)) >>> 0;
  }
  return pixels[0] === number && pixels.at(-1) === (sum + number) >>> 0;
}

function loop({ here, there, frames, patienceMs }: LoopTask): LoopResult {
  using source = Stream.open("loop", { dir: here, writable: true });
  using destination = Stream.open("loop", { dir: there, writable: true });
  const waiter = destination.blockingWaiter({ mode: "semaphore" });
  const pixels = new Uint32Array(source.size[0] ?? 0);
  const into = new Uint8Array(pixels.byteLength);
  const arrived = new Uint32Array(into.buffer);
  let good = 0;
  try {
    for (let n = 1; n <= frames; n++) {
      fill(pixels, n);
      source.write(pixels);
      const end = performance.now() + patienceMs;
      while (!waiter.wait(BigInt(n - 1), 200)) {
        if (performance.now() > end) {
          return { good, error: `frame ${n} never came` };
        }
      }
      const frame = destination.read({ into });
      if (frame.cnt0 !== BigInt(n)) {
        return { good, error: `frame ${n} came as ${frame.cnt0}` };
      }
      if (frame.torn || !check(arrived, n)) {
        return { good, error: `frame ${n} holds something else` };
      }
      good++;
    }
  } finally {
    waiter.close();
  }
  return { good, error: "" };
}

if ("WorkerGlobalScope" in globalThis) {
  self.addEventListener("message", (event) => {
    const task = (event as MessageEvent<LoopTask>).data;
    let result: LoopResult;
    try {
      result = loop(task);
    } catch (error) {
      result = { good: 0, error: String(error) };
    }
    (self as unknown as { postMessage(value: LoopResult): void })
      .postMessage(result);
  });
}
