/**
 * A segment of a partition while it is attached: whole updates in one order,
 * and reads that never see half of one.
 *
 * The user's bytes begin at 0; behind them, at the next multiple of 8, lie
 * four words of 64 bits: the sequence counter of updates (odd while one is
 * made), the writer's lock (pid and start of who has it, 0 = nobody), the
 * number of updates, and the number of those whose writer died in the middle.
 * @module
 */

import { processStartNs } from "../../ffi/process.ts";
import type { Segment } from "../sysv/segment.ts";
import { PartitionError } from "./errors.ts";

const WORD = 8;
const TRAILER_WORDS = 4;
const PATIENCE_MS = 5000;
const SLEEP = new Int32Array(new SharedArrayBuffer(4));
/** Bits of a lock that say when its process began, in steps of 10 ms. */
const START_BITS = 42n;
const START_STEP_NS = 10_000_000n;

function roundUp(bytes: number): number {
  return Math.ceil(bytes / WORD) * WORD;
}

/** Bytes of the kernel's segment for so many of the user's. */
export function kernelBytes(size: number): number {
  return roundUp(size) + TRAILER_WORDS * WORD;
}

function lockOf(pid: number, startNs: bigint): bigint {
  return BigInt(pid) << START_BITS |
    (startNs / START_STEP_NS) & ((1n << START_BITS) - 1n);
}

function lockLives(lock: bigint): boolean {
  const pid = Number(lock >> START_BITS);
  const start = processStartNs(pid);
  return start !== undefined && lockOf(pid, start) === lock;
}

/**
 * An attached segment, as {@linkcode Xp.shmat} gives it.
 *
 * On one kernel it is the memory itself. Closing it detaches.
 */
export class XpMemory {
  /** The segment's id. */
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  readonly #segment: Segment;
  readonly #onClose: () => void;
  readonly #own = lockOf(Deno.pid, processStartNs(Deno.pid) ?? 0n);
  #closed = false;

  /**
   * Takes a segment that is attached.
   *
   * @param segment The kernel's, attached.
   * @param size The user's bytes.
   * @param onClose Called once, after it was detached.
   */
  constructor(segment: Segment, size: number, onClose: () => void) {
    this.id = segment.shmid;
    this.size = size;
    this.#segment = segment;
    this.#onClose = onClose;
  }

  #word(n: number): number {
    return roundUp(this.size) + n * WORD;
  }

  get #sequence(): number {
    return this.#word(0);
  }

  get #lock(): number {
    return this.#word(1);
  }

  #range(what: string, offset: number, length: number): void {
    if (this.#closed) {
      throw new TypeError(`Cannot ${what} segment ${this.id}: it is detached`);
    }
    if (
      !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) ||
      offset < 0 || length < 0 || offset + length > this.size
    ) {
      throw new RangeError(
        `Cannot ${what} segment ${this.id}: ${length} bytes at ${offset} are ` +
          `outside its ${this.size}`,
      );
    }
  }

  /** Whether it may be written through this handle. */
  get writable(): boolean {
    return this.#segment.writable;
  }

  /** Updates that were made since the segment was new. */
  get updates(): bigint {
    return this.#segment.word(this.#word(2));
  }

  /** Updates whose writer died in the middle: bytes of both states are left. */
  get broken(): bigint {
    return this.#segment.word(this.#word(3));
  }

  #claim(): void {
    const end = performance.now() + PATIENCE_MS;
    for (let tries = 0, expected = 0n;; tries++) {
      const found = this.#segment.swap(this.#lock, expected, this.#own);
      if (found === expected) return this.#mend();
      expected = 0n;
      if (tries % 64 !== 63) continue;
      if (found !== 0n && !lockLives(found)) expected = found; // it died
      else Atomics.wait(SLEEP, 0, 0, 1);
      if (performance.now() > end) {
        throw new PartitionError(
          `Segment ${this.id} is kept by pid ${found >> START_BITS}, which ` +
            "stopped in the middle of an update",
        );
      }
    }
  }

  #add(n: number): void {
    const at = this.#word(n);
    const before = this.#segment.word(at);
    this.#segment.swap(at, before, before + 1n);
  }

  /** With the lock in hand: ends the update of a writer that died. */
  #mend(): void {
    const sequence = this.#segment.word(this.#sequence);
    if (sequence % 2n === 0n) return;
    this.#add(3);
    this.#segment.swap(this.#sequence, sequence, sequence + 1n);
  }

  #release(): void {
    this.#segment.swap(this.#lock, this.#own, 0n);
  }

  /**
   * Copies bytes out, never half of an update.
   *
   * @param offset Where, bytes.
   * @param length How many.
   * @throws {PartitionError} where no quiet moment comes for 5 s.
   */
  read(offset: number = 0, length: number = this.size - offset): Uint8Array<
    ArrayBuffer
  > {
    this.#range("read", offset, length);
    const start = offset - offset % WORD;
    const into = new Uint8Array(roundUp(offset + length - start));
    const end = performance.now() + PATIENCE_MS;
    while (!this.#segment.snapshot(this.#sequence, start, into)) {
      const lock = this.#segment.word(this.#lock);
      if (this.writable && lock !== 0n && !lockLives(lock)) {
        this.#claim();
        this.#release();
      } else if (performance.now() > end) {
        throw new PartitionError(
          `Cannot read segment ${this.id}: pid ${lock >> START_BITS} stopped ` +
            "in the middle of an update",
        );
      } else Atomics.wait(SLEEP, 0, 0, 1);
    }
    return into.subarray(offset - start, offset - start + length);
  }

  /**
   * Stores bytes: one update, in one order with all others, that every reader
   * sees whole or not at all.
   *
   * @param offset Where, bytes.
   * @param bytes What.
   */
  update(offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#range("update", offset, bytes.length);
    const start = offset - offset % WORD;
    const end = roundUp(offset + bytes.length);
    this.#claim();
    try {
      // Whole words are stored: what lies beside them there stays as it is.
      const words = this.#segment.bytes(start, end - start);
      words.set(bytes, offset - start);
      if (words.length > 0) {
        this.#segment.publish(this.#sequence, start, words);
      }
      this.#add(2);
    } finally {
      this.#release();
    }
  }

  /**
   * The memory itself, without a copy: stores reach everybody on this kernel
   * at once, and a reader may see half of them. Needs the full `--allow-ffi`.
   */
  view(): Uint8Array<ArrayBuffer> {
    this.#range("view", 0, this.size);
    return new Uint8Array(this.#segment.view(0, this.size));
  }

  /**
   * Makes what was stored through a view an update. On one kernel the bytes
   * are there already: they take their place in the order of updates.
   */
  flush(offset: number = 0, length: number = this.size - offset): void {
    this.#range("flush", offset, length);
    this.update(offset, this.#segment.bytes(offset, length));
  }

  /** Whether it is detached. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Detaches it; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#segment.close();
    this.#onClose();
  }

  /** The same as {@linkcode XpMemory.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
