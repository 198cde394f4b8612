/**
 * Waiting for frames: how the helper is told to, and the waits of one frame.
 * @module
 */

import { FRAME_WORDS, type FrameFacts, frameFacts } from "./frame_facts.ts";
import type { Mapping } from "./mapping.ts";
import { newWords } from "./words.ts";

/** 64-bit words of `struct shmim_wait`. */
export const WAIT_WORDS = 6;

/** How the helper waits: `struct shmim_wait`. */
export interface WaitSettings {
  /** 0 semaphore, 1 spin, 2 poll, 3 adaptive. */
  readonly mode: number;
  /** The claimed semaphore, -1 = none. */
  readonly semaphore: number;
  /** Pause between two looks when polling, µs. */
  readonly pollUs: number;
  /** How long the adaptive mode spins first, µs. */
  readonly spinUs: number;
}

/** Writes `struct shmim_wait` into words, starting at an index. */
export function putWait(
  words: BigUint64Array,
  wait: WaitSettings,
  last: bigint,
  timeoutMs: number,
): void {
  words[0] = BigInt(wait.mode);
  words[1] = BigInt.asUintN(64, BigInt(wait.semaphore));
  words[2] = last;
  words[3] = BigInt(Math.round(timeoutMs * 1000));
  words[4] = BigInt(wait.pollUs);
  words[5] = BigInt(wait.spinUs);
}

const TIMED_OUT = -110;
const AGAIN = -11;

/** The words of waits on this thread: one at a time, it is blocked meanwhile. */
const WORDS = newWords(WAIT_WORDS);
const FRAME = newWords(FRAME_WORDS);

/**
 * Waits until the counter is not `last`, on a thread of its own.
 *
 * @returns False where the time was up first.
 */
export async function waitForFrame(
  mapping: Mapping,
  settings: WaitSettings,
  last: bigint,
  timeoutMs: number,
): Promise<boolean> {
  const words = newWords(WAIT_WORDS);
  putWait(words, settings, last, timeoutMs);
  const result = await mapping.run((helper, table) =>
    helper.shmim_frame_wait(table, words)
  );
  return counted(mapping, result);
}

/** The same on the calling thread, which it blocks. */
export function waitForFrameSync(
  mapping: Mapping,
  settings: WaitSettings,
  last: bigint,
  timeoutMs: number,
): boolean {
  putWait(WORDS, settings, last, timeoutMs);
  const result = mapping.call((helper, table) =>
    helper.shmim_frame_wait_sync(table, WORDS)
  );
  return counted(mapping, result);
}

function counted(mapping: Mapping, result: number): boolean {
  if (result === TIMED_OUT) return false;
  mapping.check(result, "wait for");
  return true;
}

/**
 * What came of waiting for a frame: the frame; `undefined` where the time was
 * up; `"stalled"` where its writer holds the write flag up.
 */
export type NextFrame = FrameFacts | "stalled" | undefined;

/** Waits for the next frame and copies it, from `offset` on, in one call. */
export async function nextFrame(
  mapping: Mapping,
  settings: WaitSettings,
  last: bigint,
  timeoutMs: number,
  into: Uint8Array<ArrayBuffer>,
  offset: number,
): Promise<NextFrame> {
  const words = newWords(WAIT_WORDS);
  const frame = newWords(FRAME_WORDS);
  putWait(words, settings, last, timeoutMs);
  const result = await mapping.run((helper, table) =>
    helper.shmim_frame_next(
      table,
      words,
      into,
      BigInt(offset),
      BigInt(into.byteLength),
      frame,
    )
  );
  return copied(mapping, result, frame);
}

/** The same, a whole frame, on the calling thread, which it blocks. */
export function nextFrameSync(
  mapping: Mapping,
  settings: WaitSettings,
  last: bigint,
  timeoutMs: number,
  into: Uint8Array<ArrayBuffer>,
): NextFrame {
  putWait(WORDS, settings, last, timeoutMs);
  const result = mapping.call((helper, table) =>
    helper.shmim_frame_next_sync(
      table,
      WORDS,
      into,
      0n,
      BigInt(into.byteLength),
      FRAME,
    )
  );
  return copied(mapping, result, FRAME);
}

function copied(
  mapping: Mapping,
  result: number,
  frame: BigUint64Array<ArrayBuffer>,
): NextFrame {
  if (result === TIMED_OUT) return undefined;
  if (result === AGAIN) return "stalled";
  mapping.check(result, "read");
  return frameFacts(frame);
}
