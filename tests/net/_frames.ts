/**
 * Frames that tell their number: all pixels of a frame have it, so that a torn
 * one is seen, and so is one that comes late.
 * @module
 */

import { assert } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { until } from "../_support/cli.ts";

/** A stream whose frames are numbered. */
export class Source implements Disposable {
  readonly #name: string;
  readonly #dir: string;
  #stream: Stream;
  #number = 0;
  #free: { stop: boolean; done: Promise<void> } | undefined;

  /** Makes the stream. */
  constructor(name: string, dir: string, size: readonly number[]) {
    this.#name = name;
    this.#dir = dir;
    this.#stream = this.#create(size);
  }

  #create(size: readonly number[]): Stream {
    return Stream.create(this.#name, {
      dir: this.#dir,
      size: [...size],
      type: "u32",
      existing: "replace",
    });
  }

  /** The stream. */
  get stream(): Stream {
    return this.#stream;
  }

  /** Creates the stream anew, under whoever reads it. */
  recreate(size: readonly number[]): void {
    this.#stream.close();
    this.#stream = this.#create(size);
  }

  /** Number of the last frame. */
  get written(): number {
    return this.#number;
  }

  /** Publishes a frame; returns its number. */
  write(): number {
    const pixels = new Uint32Array(
      this.#stream.size.reduce((all, axis) => all * axis, 1),
    );
    this.#stream.write(pixels.fill(++this.#number));
    return this.#number;
  }

  /** Publishes frames from now on, so many a second as the machine can. */
  run(hz: number): void {
    const free = { stop: false, done: Promise.resolve() };
    free.done = (async (): Promise<void> => {
      const begun = performance.now();
      for (let n = 0; !free.stop;) {
        const due = (performance.now() - begun) / 1000 * hz;
        for (; n < due && !free.stop; n++) this.write();
        await pause(1);
      }
    })();
    this.#free = free;
  }

  /** Stops publishing. */
  async rest(): Promise<void> {
    if (this.#free !== undefined) this.#free.stop = true;
    await this.#free?.done;
    this.#free = undefined;
  }

  [Symbol.dispose](): void {
    if (this.#free !== undefined) this.#free.stop = true;
    this.#stream.close();
  }
}

/** What arrives at the other end. */
export class Arrivals {
  readonly #name: string;
  readonly #dir: string;
  #watch: { stop: boolean; done: Promise<void> } | undefined;
  /** Numbers of the frames that were seen to arrive. */
  readonly seen: number[] = [];

  /** @param name The stream; @param dir Its folder. */
  constructor(name: string, dir: string) {
    this.#name = name;
    this.#dir = dir;
  }

  /** The number that stands there, `undefined` where none does. */
  get number(): number | undefined {
    let stream: Stream;
    try {
      stream = Stream.open(this.#name, { dir: this.#dir });
    } catch {
      return undefined;
    }
    using destination = stream;
    const frame = destination.read();
    if (frame.torn || frame.cnt0 === 0n) return undefined;
    return uniform(frame.pixels as Uint32Array<ArrayBuffer>);
  }

  /** The stream; its receiver may be replacing it at this moment. */
  open(): Stream {
    for (let tries = 0;; tries++) {
      try {
        return Stream.open(this.#name, { dir: this.#dir });
      } catch (error) {
        if (tries > 100) throw error;
      }
    }
  }

  /** Waits until a frame has arrived. */
  async arrived(number: number, why: () => string): Promise<void> {
    await until(
      () => `frame ${number}, there is ${this.number}\n${why()}`,
      () => (this.number ?? -1) >= number,
    );
  }

  /** Looks at everything that arrives from now on. */
  watch(): void {
    const watch = { stop: false, done: Promise.resolve() };
    watch.done = (async (): Promise<void> => {
      let destination = this.open();
      let cnt0 = -1n;
      try {
        // Once more when it is told to stop: the last may have just come.
        for (let over = false; !over; await pause(over ? 0 : 2)) {
          over = watch.stop;
          if (destination.presence() !== "same") {
            destination.close();
            destination = this.open();
            cnt0 = -1n;
          }
          const frame = destination.read();
          if (frame.torn || frame.cnt0 === cnt0 || frame.cnt0 === 0n) continue;
          assert(frame.cnt0 > cnt0, "the destination's counter goes back");
          cnt0 = frame.cnt0;
          const number = uniform(frame.pixels as Uint32Array<ArrayBuffer>);
          const last = this.seen.at(-1) ?? 0;
          assert(number >= last, `frame ${number} comes after ${last}`);
          if (number > last) this.seen.push(number);
        }
      } finally {
        destination.close();
      }
    })();
    watch.done.catch(() => {}); // told by `settle`
    this.#watch = watch;
  }

  /** Ends the watching; throws what it found. */
  async settle(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    if (watch === undefined) return;
    watch.stop = true;
    await watch.done;
  }
}

/** The one number that all pixels have. */
function uniform(pixels: Uint32Array<ArrayBuffer>): number {
  const first = pixels[0] ?? 0;
  const other = pixels.findIndex((pixel) => pixel !== first);
  assert(other < 0, `torn: ${first}, and ${pixels[other]} at ${other}`);
  return first;
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
