/**
 * Rings of frames between a pump and TypeScript: caught from a stream, or to
 * be played into one. Their memory is had once and shared with the helper.
 * @module
 */

import { check } from "./errno.ts";
import { helper } from "./helper.ts";
import type { Mapping } from "./mapping.ts";
import { putWait, WAIT_WORDS, type WaitSettings } from "./wait.ts";
import { Pump, type Schedule, scheduleWords } from "./pump.ts";
import { wordsOf } from "./words.ts";

/** Words of `struct shmim_ring`. */
const RING = {
  head: 0,
  tail: 1,
  ready: 2,
  closed: 3,
  missed: 4,
  overflow: 5,
} as const;
const RING_WORDS = 6;
const RECORD_WORDS = 12;
const NS = 1_000_000_000n;

/** What is known of a frame in a ring. */
export interface CaughtFrame {
  /** Frame counter. */
  readonly cnt0: bigint;
  /** Slice written last, by the writer's account. */
  readonly cnt1: bigint;
  /** The format's third counter. */
  readonly cnt2: bigint;
  /** Acquisition time by the stream's clock, ns. */
  readonly atimeNs: bigint;
  /** Publication time by the stream's clock, ns. */
  readonly writetimeNs: bigint;
  /** When it was noticed: ns since 1970, UTC. */
  readonly arrivalNs: bigint;
  /** The same by the monotonic clock, ns. */
  readonly monotonicNs: bigint;
  /** Frames before it, since the last one kept, that passed unseen. */
  readonly missed: bigint;
  /** Frames before it, since the last one kept, that found no room. */
  readonly overflow: bigint;
}

/** A frame to be put into a ring. */
export interface FrameToPlay {
  /** Frame counter of the recording. */
  readonly cnt0: bigint;
  /** Second counter of the recording. */
  readonly cnt1: bigint;
  /** Acquisition time by the stream's clock, ns. */
  readonly atimeNs: bigint;
  /** When it is due after the first frame, ns. */
  readonly dueNs: bigint;
}

/** Memory, or an error that says how much there was not. */
function memory(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (error) {
    throw new RangeError(
      `No memory for a buffer of ${Math.round(bytes / 1e6)} MB`,
      { cause: error },
    );
  }
}

/** A ring of frames. */
export class FrameRing {
  /** How many frames it holds. */
  readonly slots: number;
  /** Bytes of one frame, 0 where only what is known of it is kept. */
  readonly bytes: number;
  /** The ring's words, inside `ffi/` only. */
  readonly words = new BigUint64Array(new ArrayBuffer(RING_WORDS * 8));
  /** What is known of the frames, inside `ffi/` only. */
  readonly records: BigUint64Array<ArrayBuffer>;
  /** All pixels, inside `ffi/` only. */
  readonly pixels: Uint8Array<ArrayBuffer>;

  /**
   * @param slots How many frames.
   * @param bytes Bytes of one.
   * @throws {RangeError} where there is no memory for it.
   */
  constructor(slots: number, bytes: number) {
    this.slots = slots;
    this.bytes = bytes;
    this.records = new BigUint64Array(memory(slots * RECORD_WORDS * 8));
    this.pixels = new Uint8Array(memory(slots * bytes));
  }

  #word(name: keyof typeof RING): bigint {
    return Atomics.load(this.words, RING[name]);
  }

  /** Frames that were put in, ever. */
  get head(): number {
    return Number(this.#word("head"));
  }

  /** Frames that were taken out, ever. */
  get tail(): number {
    return Number(this.#word("tail"));
  }

  /** Whether its memory is there and the pump at work. */
  get ready(): boolean {
    return this.#word("ready") !== 0n;
  }

  /** Frames missed for any reason since the last one that was kept. */
  get missedSince(): number {
    return Number(this.#word("missed") + this.#word("overflow"));
  }

  /** Of these: those that found no room. */
  get overflowSince(): number {
    return Number(this.#word("overflow"));
  }

  /**
   * What is known of a frame.
   *
   * @param index Its number, from `tail` to below `head`.
   */
  caught(index: number): CaughtFrame {
    const at = (index % this.slots) * RECORD_WORDS;
    const word = (i: number): bigint => this.records[at + i] ?? 0n;
    const time = (i: number): bigint =>
      BigInt.asIntN(64, word(i)) * NS + BigInt.asIntN(64, word(i + 1));
    return {
      cnt0: word(0),
      cnt1: word(1),
      cnt2: word(2),
      atimeNs: time(3),
      writetimeNs: time(5),
      arrivalNs: BigInt.asIntN(64, word(7)),
      monotonicNs: word(8),
      missed: word(9),
      overflow: word(10),
    };
  }

  /** When a frame was noticed, monotonic ns: the cheap part of `caught`. */
  arrival(index: number): bigint {
    return this.records[(index % this.slots) * RECORD_WORDS + 8] ?? 0n;
  }

  /**
   * The memory of frames that lie in a row.
   *
   * @param from Number of the first frame.
   * @param count How many; they must not go beyond the ring's end.
   */
  frames(from: number, count: number): Uint8Array<ArrayBuffer> {
    const start = (from % this.slots) * this.bytes;
    return this.pixels.subarray(start, start + count * this.bytes);
  }

  /** How many frames from this one on lie in a row. */
  inRow(from: number): number {
    return this.slots - from % this.slots;
  }

  /** Gives the first frames back to be filled again. */
  release(count: number): void {
    Atomics.store(this.words, RING.tail, BigInt(this.tail + count));
  }

  /**
   * Describes the next frame and hands it to the player; its pixels are in
   * `frames(head, 1)` already.
   */
  put(frame: FrameToPlay): void {
    const { head } = this;
    const at = (head % this.slots) * RECORD_WORDS;
    const rest = ((frame.atimeNs % NS) + NS) % NS;
    this.records[at] = frame.cnt0;
    this.records[at + 1] = frame.cnt1;
    this.records[at + 3] = BigInt.asUintN(64, (frame.atimeNs - rest) / NS);
    this.records[at + 4] = rest;
    this.records[at + 8] = frame.dueNs;
    Atomics.store(this.words, RING.head, BigInt(head + 1));
  }

  /** No more frames will come. */
  close(): void {
    Atomics.store(this.words, RING.closed, 1n);
  }
}

/** What a capturing pump is told. */
export interface CaptureSettings {
  /** How to wait for frames. */
  readonly wait: WaitSettings;
  /**
   * Also the frame that is there already, of a stream that was made anew: the
   * counter that the stream before it had reached.
   */
  readonly follows?: bigint;
  /** Priority and cores. */
  readonly schedule: Schedule;
}

/** Starts a pump that catches every frame of a stream. */
export function startCapture(
  mapping: Mapping,
  ring: FrameRing,
  settings: CaptureSettings,
): Pump {
  const words = wordsOf([
    ring.slots,
    ring.bytes,
    settings.follows !== undefined,
    ...scheduleWords(settings.schedule),
  ], WAIT_WORDS);
  putWait(words, settings.wait, settings.follows ?? 0n, 0);
  return new Pump((control) =>
    mapping.run((helper, table) =>
      helper.shmim_capture(
        table,
        words,
        ring.words,
        ring.records,
        ring.pixels,
        control,
      )
    )
  );
}

/** What a playing pump is told. */
export interface PlaySettings {
  /** From the first frame in the ring to its publication, µs. */
  readonly leadUs: number;
  /** How long before each frame it spins instead of sleeping, µs. */
  readonly spinUs: number;
  /** Rounds to play of a ring that is full and closed; 0: play once. */
  readonly loops: bigint;
  /** From one round to the next, ns. */
  readonly cycleNs: bigint;
  /** cnt0 and cnt1 as recorded. */
  readonly keepCounters: boolean;
  /** Acquisition times as recorded. */
  readonly keepTimes: boolean;
  /** Priority and cores. */
  readonly schedule: Schedule;
}

/** Starts a pump that plays a ring into a stream. */
export function startPlay(
  mapping: Mapping,
  ring: FrameRing,
  settings: PlaySettings,
): Pump {
  const words = wordsOf([
    ring.slots,
    ring.bytes,
    Math.round(settings.leadUs * 1000),
    Math.round(settings.spinUs * 1000),
    settings.loops,
    settings.cycleNs,
    settings.keepCounters,
    settings.keepTimes,
    ...scheduleWords(settings.schedule),
  ]);
  return new Pump((control) =>
    mapping.run((helper, table) =>
      helper.shmim_play(
        table,
        words,
        ring.words,
        ring.records,
        ring.pixels,
        control,
      )
    )
  );
}

/** How native values and those of a FITS file differ. */
export interface PixelOrder {
  /** Bytes of a value: 1, 2, 4 or 8. */
  readonly width: number;
  /** Whether the sign bit is inverted (BZERO). */
  readonly flipSign: boolean;
}

/**
 * Makes native values big-endian, in place.
 *
 * @param bytes Whole values.
 * @param order What they are.
 * @param position Where in the data unit they begin.
 * @returns Their sum, as DATASUM counts.
 */
export async function toBigEndian(
  bytes: Uint8Array<ArrayBuffer>,
  order: PixelOrder,
  position: number,
): Promise<number> {
  const sum = new BigUint64Array(new ArrayBuffer(8));
  await swap(bytes, order, position, sum);
  return Number(sum[0]);
}

/** Makes big-endian values native, in place. */
export async function toNative(
  bytes: Uint8Array<ArrayBuffer>,
  order: PixelOrder,
): Promise<void> {
  await swap(bytes, order, 0, null);
}

async function swap(
  bytes: Uint8Array<ArrayBuffer>,
  { width, flipSign }: PixelOrder,
  position: number,
  sum: BigUint64Array<ArrayBuffer> | null,
): Promise<void> {
  const result = await helper().shmim_swap_pixels(
    bytes,
    BigInt(bytes.byteLength / width),
    BigInt(width),
    flipSign ? 1n : 0n,
    BigInt(position),
    sum,
  );
  check(result, "convert pixels");
}
