/**
 * The stream that is watched: opened to be read only, looked at, and opened
 * again when another takes its name.
 * @module
 */

import { isSystemError } from "../../ffi/errno.ts";
import { newestSlice } from "../stream/describe.ts";
import type { Frame } from "../stream/frames.ts";
import { Stream } from "../stream/stream.ts";
import type { OpenOptions } from "../stream/stream_options.ts";
import { JitterMeter, RateMeter } from "./meter.ts";

/** Which slice of a cube: a number, or the one written last. */
export type SliceChoice = number | "newest";

/** What became of the stream since the last look. */
export type Change = "none" | "recreated";

const TRIES = 3;

/** A stream under watch. */
export class Source implements Disposable {
  #stream: Stream;
  #jitter: JitterMeter;
  #rate = new RateMeter();
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #trouble: string | undefined;

  private constructor(stream: Stream) {
    this.#stream = stream;
    this.#jitter = new JitterMeter(stream);
  }

  /**
   * Opens a stream.
   *
   * @throws {StreamNotFoundError} where there is none.
   */
  static open(name: string, options: OpenOptions): Source {
    return new Source(Stream.open(name, { ...options, writable: false }));
  }

  /** The stream as it is now. */
  get stream(): Stream {
    return this.#stream;
  }

  /** Why there are no new frames, where the stream has gone. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Frames a second. */
  get rateHz(): number | undefined {
    return this.#trouble === undefined ? this.#rate.hz : undefined;
  }

  /** Standard deviation of the intervals between frames, ms. */
  get jitterMs(): number | undefined {
    return this.#trouble === undefined ? this.#jitter.ms : undefined;
  }

  /** Looks at the counter and whether the stream is still the same. */
  look(): Change {
    try {
      const presence = this.#stream.presence();
      if (presence === "replaced") this.#replace();
      if (presence === "same") this.#stream.mapping.requireWhole();
      this.#trouble = presence === "gone" ? "gone, waiting for it" : undefined;
      if (this.#trouble === undefined) this.#rate.look(this.#stream.cnt0);
      return presence === "replaced" ? "recreated" : "none";
    } catch (error) {
      this.#note(error);
      return "none";
    }
  }

  /** Being made, damaged, not permitted: all of that may pass. */
  #note(error: unknown): void {
    this.#trouble = isSystemError(error, "EBADFD")
      ? "its file was cut short, waiting for a new one"
      : (error as Error).message;
  }

  #replace(): void {
    const next = this.#stream.reopen();
    this.#jitter[Symbol.dispose]();
    this.#stream.close();
    this.#stream = next;
    this.#jitter = new JitterMeter(next);
    this.#rate = new RateMeter();
  }

  /** The number of a slice, within what there is; `undefined`: no cube. */
  sliceNumber(choice: SliceChoice): number | undefined {
    const { size, slices } = this.#stream;
    if (size.length < 3) return undefined;
    if (choice !== "newest") return Math.min(choice, slices - 1);
    return newestSlice(this.#stream);
  }

  /**
   * Copies the image that is there now; valid until the next one is read.
   *
   * @param choice Which slice of a cube.
   * @returns `undefined` where it cannot be read any more.
   */
  read(choice: SliceChoice): Frame | undefined {
    const slice = this.sliceNumber(choice);
    const { table } = this.#stream.layout;
    const bytes = slice === undefined ? table.dataBytes : table.sliceBytes;
    if (this.#buffer?.byteLength !== bytes) {
      this.#buffer = new Uint8Array(new ArrayBuffer(bytes));
    }
    try {
      return this.#stream.read({
        into: this.#buffer,
        tries: TRIES,
        ...slice === undefined ? {} : { slice },
      });
    } catch (error) {
      if (!isSystemError(error, "EBADFD")) throw error;
      this.#note(error);
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#jitter[Symbol.dispose]();
    this.#stream.close();
  }
}
