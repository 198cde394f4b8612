/**
 * Frames one after another: each new one across re-creations, those that come
 * while a thread waits, and those that a stream keeps.
 * @module
 */

import { isSystemError, SystemError } from "../../ffi/errno.ts";
import type { FrameFacts } from "../../ffi/frame_facts.ts";
import {
  type NextFrame,
  nextFrame,
  nextFrameSync,
  waitForFrameSync,
} from "../../ffi/wait.ts";
import { lastWriter } from "./describe.ts";
import {
  type Layout,
  StreamFormatError,
  StreamNotFoundError,
} from "./format.ts";
import { requireSlice } from "./pixel_check.ts";
import { reopenSettled, requireSameKind, resume } from "./reopen.ts";
import type { Stream } from "./stream.ts";
import { type DataType, type PixelArray, pixelsOf } from "./types.ts";
import { Waiter, type WaitOptions } from "./wait.ts";

/** A copy of one frame. */
export interface Frame extends FrameFacts {
  /** The pixels in memory order. */
  readonly pixels: PixelArray;
  /** The same memory as bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Data type. */
  readonly type: DataType;
  /** Axes of `pixels`, fastest first. */
  readonly size: readonly number[];
  /** Which slice of a cube this is; `undefined`: the whole. */
  readonly slice: number | undefined;
}

/** A frame with what came between it and the one before. */
export interface FollowedFrame extends Frame {
  /** Frames that were published since the last one and not seen. */
  readonly missed: bigint;
}

/** How to follow a stream. */
export interface FramesOptions extends WaitOptions {
  /** Ends the iteration, within 100 ms. */
  signal?: AbortSignal;
  /** Ends the iteration where no frame comes for so long. */
  timeoutMs?: number;
  /** One slice of a cube instead of the whole. */
  slice?: number;
  /** Also the frame that is there now. Default false. */
  first?: boolean;
  /** Frames newer than this counter. Default: the counter now. */
  since?: bigint;
  /**
   * A stream that is re-created: `same` (default) goes on where type and
   * size are the same and throws otherwise, `any` goes on, `never` throws.
   */
  reopen?: "same" | "any" | "never";
  /** Uses one buffer for all frames: take what you need before the next. */
  reuseBuffer?: boolean;
}

/** Puts a copied frame and its facts together. */
export function toFrame(
  layout: Layout,
  bytes: Uint8Array<ArrayBuffer>,
  facts: FrameFacts,
  slice: number | undefined,
): Frame {
  return {
    ...facts,
    pixels: pixelsOf(layout.type, bytes),
    bytes,
    type: layout.type,
    size: slice === undefined ? layout.size : layout.size.slice(0, 2),
    slice,
  };
}

/**
 * The memory that a frame is copied to.
 *
 * @param name The stream's, for the message.
 * @param into What the caller gave.
 * @param bytes Bytes needed.
 * @throws {RangeError} where it is of another size.
 */
export function frameBuffer(
  name: string,
  into: Uint8Array<ArrayBuffer> | undefined,
  bytes: number,
): Uint8Array<ArrayBuffer> {
  if (into === undefined) return new Uint8Array(new ArrayBuffer(bytes));
  if (into.byteLength !== bytes) {
    throw new RangeError(
      `A frame of "${name}" is ${bytes} bytes, \`into\` has ` +
        `${into.byteLength}`,
    );
  }
  return into;
}

const SLICE_MS = 100;
const LOOK_MS = 500;
const STALL_MS = 1000;

/**
 * Follows one stream object; a re-creation makes the next one.
 *
 * @ignore
 */
export class Follower {
  #stream: Stream;
  #waiter: Waiter;
  #last: bigint;
  #lookedAt = performance.now();
  #stalledSince: number | undefined;
  #warnedOfStall = false;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  readonly #options: FramesOptions;
  #owned = false; // whether the stream is ours to close

  constructor(stream: Stream, options: FramesOptions) {
    this.#options = options;
    this.#stream = stream;
    // Before anybody can see that we wait.
    this.#last = options.since ?? stream.cnt0;
    this.#waiter = new Waiter(stream.mapping, options, stream.name);
    if (options.first && this.#last > 0n) this.#last -= 1n;
  }

  #fresh(): Uint8Array<ArrayBuffer> {
    const { table } = this.#stream.layout;
    const bytes = this.#options.slice === undefined
      ? table.dataBytes
      : table.sliceBytes;
    if (this.#options.reuseBuffer && this.#buffer?.byteLength === bytes) {
      return this.#buffer;
    }
    this.#buffer = new Uint8Array(new ArrayBuffer(bytes));
    return this.#buffer;
  }

  /** The next frame within 100 ms, or nothing. */
  async next(limitMs: number): Promise<FollowedFrame | undefined> {
    const { slice } = this.#options;
    const stream = this.#stream;
    if (slice !== undefined) requireSlice(stream.name, stream.slices, slice);
    const into = this.#fresh();
    let facts: NextFrame;
    try {
      facts = await nextFrame(
        stream.mapping,
        this.#waiter.settings,
        this.#last,
        Math.min(SLICE_MS, limitMs),
        into,
        (slice ?? 0) * stream.layout.table.sliceBytes,
      );
    } catch (error) {
      // Where others make a stream anew, its file is short for a moment.
      if (
        !stream.layout.recreatedInPlace || !isSystemError(error, "EBADFD")
      ) throw error;
      this.#lookedAt = -Infinity;
      return undefined;
    }
    if (facts === "stalled") {
      this.#noteStall();
      return undefined;
    }
    this.#stalledSince = undefined;
    if (facts === undefined) return undefined;
    const missed = facts.cnt0 > this.#last ? facts.cnt0 - this.#last - 1n : 0n;
    this.#last = facts.cnt0;
    return { ...toFrame(stream.layout, into, facts, slice), missed };
  }

  #noteStall(): void {
    const now = performance.now();
    this.#stalledSince ??= now - SLICE_MS;
    if (this.#warnedOfStall || now - this.#stalledSince < STALL_MS) return;
    this.#warnedOfStall = true;
    const pid = lastWriter(this.#stream) ?? "unknown";
    this.#options.onWarning?.(
      `The writer of "${this.#stream.name}" (pid ${pid}) holds its write ` +
        "flag up: its frame is late",
    );
  }

  /** Looks, every now and then, whether the stream was re-created. */
  async followRecreation(): Promise<void> {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    if (this.#stream.presence() !== "replaced") return;
    let next: Stream;
    try {
      next = await reopenSettled(this.#stream, this.#options.signal);
    } catch (error) {
      // Still being made, or gone again: look once more.
      if (
        (error instanceof StreamNotFoundError &&
          !this.#stream.layout.recreatedInPlace) ||
        (error instanceof StreamFormatError && error.unfinished)
      ) return;
      throw error;
    }
    requireSameKind(this.#stream, next, this.#options.reopen);
    this.close();
    this.#owned = true;
    this.#stream = next;
    this.#waiter = new Waiter(next.mapping, this.#options, next.name);
    const { last, note } = resume(next);
    this.#last = last;
    if (note !== undefined) {
      this.#options.onWarning?.(
        `Stream "${next.name}" was re-created and ${note}`,
      );
    }
  }

  close(): void {
    this.#waiter.close();
    if (this.#owned) this.#stream.close();
  }
}

/** {@linkcode Stream.frames}. */
export async function* followFrames(
  stream: Stream,
  options: FramesOptions,
): AsyncGenerator<FollowedFrame, void, void> {
  const follower = new Follower(stream, options);
  const limit = options.timeoutMs ?? Infinity;
  let heard = performance.now();
  try {
    while (!options.signal?.aborted) {
      const left = limit - (performance.now() - heard);
      if (left <= 0) return;
      const frame = await follower.next(left);
      if (frame !== undefined) {
        if (options.signal?.aborted) return;
        yield frame;
        heard = performance.now();
      }
      await follower.followRecreation();
    }
  } finally {
    follower.close();
  }
}

/** A reader that blocks its thread, in a Worker. */
export interface BlockingWaiter {
  /**
   * Waits for a frame newer than `since`, at most 200 ms.
   *
   * @returns False where the time was up first.
   */
  wait(since: bigint, timeoutMs: number): boolean;
  /**
   * Waits so and copies the frame.
   *
   * @returns The frame; `undefined` where the time was up, or its writer
   * holds the write flag up.
   */
  next(
    since: bigint,
    timeoutMs: number,
    into?: Uint8Array<ArrayBuffer>,
  ): Frame | undefined;
  /** Gives the semaphore back. */
  close(): void;
}

const BLOCK_MS = 200;

/** {@linkcode Stream.blockingWaiter}. */
export function blockingWaiter(
  stream: Stream,
  options: WaitOptions,
): BlockingWaiter {
  if (!("WorkerGlobalScope" in globalThis)) {
    throw new TypeError(
      "A blocking wait would hold back signals: use it in a Worker",
    );
  }
  const { mapping, layout, name } = stream;
  const waiter = new Waiter(mapping, options, name);
  const { settings } = waiter;
  return {
    wait: (since, timeoutMs) =>
      waitForFrameSync(mapping, settings, since, Math.min(BLOCK_MS, timeoutMs)),
    next: (since, timeoutMs, into) => {
      const bytes = frameBuffer(name, into, layout.table.dataBytes);
      const limitMs = Math.min(BLOCK_MS, timeoutMs);
      const facts = nextFrameSync(mapping, settings, since, limitMs, bytes);
      return facts === undefined || facts === "stalled"
        ? undefined
        : toFrame(layout, bytes, facts, undefined);
    },
    close: () => waiter.close(),
  };
}

/** {@linkcode Stream.history}. */
export function pastFrames(
  stream: Stream,
  count: number,
  tries: number,
): Frame[] {
  for (let left = tries;; left--) {
    const frames = tryPastFrames(stream, count);
    if (frames !== undefined) return frames;
    if (left === 0) throw new SystemError(11, "read", stream.path);
  }
}

/** `undefined` where a writer came in between. */
function tryPastFrames(stream: Stream, count: number): Frame[] | undefined {
  const { layout, mapping, name } = stream;
  const frames: Frame[] = [];
  for (let back = count - 1; back >= 0; back--) {
    const bytes = new Uint8Array(new ArrayBuffer(layout.table.dataBytes));
    const facts = mapping.pastFrame(bytes, back);
    if (facts === "again") return undefined;
    if (facts === undefined) {
      throw new RangeError(`Stream "${name}" keeps fewer than ${count} frames`);
    }
    const last = frames.at(-1);
    if (last !== undefined && facts.cnt0 !== last.cnt0 + 1n) return undefined;
    frames.push(toFrame(layout, bytes, facts, undefined));
  }
  return frames;
}
