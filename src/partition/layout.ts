/**
 * What lies in a segment of a partition. The user's bytes begin at 0; behind
 * them, at the next multiple of 8, words of 64 bits: the head, then what the
 * owner's memory needs to be copied to other hosts, or, in a copy, the update
 * that is on its way to the owner. All of it is little-endian.
 * @module
 */

import { standStill } from "../../ffi/clock.ts";
import { processStartNs } from "../../ffi/process.ts";
import type { Segment } from "../sysv/segment.ts";

/** Bytes of a word. */
export const WORD = 8;

/** Words of the head. */
export const HEAD = {
  /** Twice the number of the newest update, odd while one is made. */
  sequence: 0,
  /** Who makes it: pid and start, 0 = nobody. */
  lock: 1,
  /** How many were made. */
  updates: 2,
  /** How many of them by a writer that died in the middle. */
  broken: 3,
  /** 1 + id of the bell that is rung after each, 0 = none. */
  bell: 4,
  /** Owner: number of the first update that the log has, 0 = keeps none. */
  since: 5,
  /** Copy: see {@linkcode HELD}. */
  held: 6,
  /** Copy: 1 + number of the owner's update that it has, 0 = none yet. */
  applied: 7,
  /** Copy: who has an update on its way. */
  sender: 8,
  /** Copy: number of that, times 4, plus one of {@linkcode FATE}. */
  fate: 9,
  /** Copy: where it goes. */
  offset: 10,
  /** Copy: its length. */
  length: 11,
  /** Copy: number of the last that was refused. */
  refused: 12,
} as const;

/** How a copy stands to its owner. */
export const HELD = {
  /** The owner keeps nothing for it. */
  not: 0n,
  /** The owner counts it as a user; it has all that the owner had. */
  yes: 1n,
  /** The owner has no such segment any more. */
  gone: 2n,
} as const;

/** What has become of an update on its way to the owner. */
export const FATE = {
  /** Made, refused or withdrawn. */
  done: 0n,
  /** Not sent yet. */
  staged: 1n,
  /** Sent, not confirmed. */
  sent: 2n,
  /** Sent; whoever made it waits no longer. */
  given: 3n,
} as const;

const HEAD_WORDS = 16;
/** How many copies a segment can have. */
export const MAX_COPIES = 64;
/** Updates that the log has. */
export const LOG_ENTRIES = 128;
const LOG_WORDS = 4;
/** Bytes of what has one mark: the number of its newest update. */
export const BLOCK_BYTES = 4096;

const COPIES_AT = HEAD_WORDS;
const LOG_AT = COPIES_AT + 2 * MAX_COPIES;
const MARKS_AT = LOG_AT + LOG_WORDS * LOG_ENTRIES;

/** The next multiple of 8. */
export function roundUp(bytes: number): number {
  return Math.ceil(bytes / WORD) * WORD;
}

/** How many blocks a segment has. */
export function blocksOf(size: number): number {
  return Math.ceil(size / BLOCK_BYTES);
}

/** Bytes of the kernel's segment for so many of the user's. */
export function kernelBytes(size: number): number {
  return roundUp(size) + WORD * (MARKS_AT + blocksOf(size));
}

/** The same of a copy of another host's. */
export function copyBytes(size: number): number {
  return roundUp(size) + WORD * HEAD_WORDS + roundUp(size);
}

/** Where the parts of a segment of `size` bytes lie. */
export class Layout {
  /** @param size The user's bytes. */
  constructor(readonly size: number) {}

  /** A word of the head. */
  head(name: keyof typeof HEAD): number {
    return roundUp(this.size) + WORD * HEAD[name];
  }

  /** Owner: a copy's name, and behind it the number of its newest update. */
  copy(slot: number): number {
    return roundUp(this.size) + WORD * (COPIES_AT + 2 * slot);
  }

  /** Owner: place, length, 1 + slot of the copy, its number of an update. */
  log(update: bigint): number {
    const entry = Number(update % BigInt(LOG_ENTRIES));
    return roundUp(this.size) + WORD * (LOG_AT + LOG_WORDS * entry);
  }

  /** Owner: the mark of a block. */
  mark(block: number): number {
    return roundUp(this.size) + WORD * (MARKS_AT + block);
  }

  /** Copy: the bytes of the update on its way. */
  get staged(): number {
    return roundUp(this.size) + WORD * HEAD_WORDS;
  }
}

/** Bytes as words. */
export function wordsOf(bytes: Uint8Array<ArrayBuffer>): BigUint64Array {
  return new BigUint64Array(
    bytes.buffer,
    bytes.byteOffset,
    bytes.byteLength / WORD,
  );
}

/** Words as bytes. */
export function bytesOf(words: readonly bigint[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new BigUint64Array(words).buffer);
}

/** A range of a segment. */
export interface Range {
  /** Where. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Records with room for the bytes of ranges. */
export function recordsOf(ranges: readonly Range[]): Uint8Array<ArrayBuffer> {
  const bytes = ranges.reduce(
    (sum, { length }) => sum + 16 + roundUp(length),
    0,
  );
  const records = new Uint8Array(bytes);
  const view = new DataView(records.buffer);
  let at = 0;
  for (const { offset, length } of ranges) {
    view.setBigUint64(at, BigInt(offset), true);
    view.setBigUint64(at + 8, BigInt(length), true);
    at += 16 + roundUp(length);
  }
  return records;
}

/** One record. */
export function recordOf(
  offset: number,
  bytes: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const records = recordsOf([{ offset, length: bytes.length }]);
  records.set(bytes, 16);
  return records;
}

/** Bits of a lock that say when its process began, in steps of 10 ms. */
const START_BITS = 42n;
const START_STEP_NS = 10_000_000n;

function lockOf(pid: number, startNs: bigint): bigint {
  return BigInt(pid) << START_BITS |
    (startNs / START_STEP_NS) & ((1n << START_BITS) - 1n);
}

let mine: bigint | undefined;

/** This process, as a lock has it. */
export function ownLock(): bigint {
  return mine ??= lockOf(Deno.pid, processStartNs(Deno.pid) ?? 0n);
}

/** The process that has a lock. */
export function lockPid(lock: bigint): number {
  return Number(lock >> START_BITS);
}

/** Whether that process runs. */
export function lockLives(lock: bigint): boolean {
  const pid = lockPid(lock);
  const start = processStartNs(pid);
  return start !== undefined && lockOf(pid, start) === lock;
}

/** How taking a lock ended. */
export type Claimed =
  | { readonly kind: "free" | "from the dead" }
  | { readonly kind: "kept"; readonly pid: number };

/**
 * Takes a lock; from a process that died, too.
 *
 * @param at Where it lies.
 * @param patienceMs How long to try.
 */
export function claim(
  segment: Segment,
  at: number,
  patienceMs: number,
): Claimed {
  const own = ownLock();
  const end = performance.now() + patienceMs;
  for (let tries = 0, expected = 0n;; tries++) {
    const found = segment.swap(at, expected, own);
    if (found === expected) {
      return { kind: expected === 0n ? "free" : "from the dead" };
    }
    expected = 0n;
    if (tries % 64 !== 63) continue;
    if (found !== 0n && !lockLives(found)) expected = found;
    else if (performance.now() > end) {
      return { kind: "kept", pid: lockPid(found) };
    } else standStill(1);
  }
}

/** Gives a lock back. */
export function release(segment: Segment, at: number): void {
  segment.swap(at, ownLock(), 0n);
}

/** Stores a word, whatever it is. */
export function setWord(segment: Segment, at: number, value: bigint): void {
  for (let found = segment.word(at);;) {
    const before = segment.swap(at, found, value);
    if (before === found) return;
    found = before;
  }
}
