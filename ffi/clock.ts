/**
 * Clocks of the kernel and this process's memory.
 * @module
 */

import { check } from "./errno.ts";
import { helper } from "./helper.ts";

/** Clock ids of Linux. */
export const CLOCK = { REALTIME: 0, MONOTONIC: 1, TAI: 11 } as const;

/**
 * A clock's time in nanoseconds: exact, hence a bigint.
 *
 * @param clock One of {@linkcode CLOCK}.
 */
export function clockNs(clock: number): bigint {
  const words = new BigInt64Array(2);
  check(helper().shmim_clock(clock, words), "read the clock");
  return (words[0] ?? 0n) * 1_000_000_000n + (words[1] ?? 0n);
}

/** Seconds that TAI is ahead of UTC by this kernel; 0 where nobody set it. */
export function taiOffset(): number {
  return Math.max(0, helper().shmim_tai_offset());
}

/**
 * Sleeps until the monotonic clock reaches a time.
 *
 * @param monotonicNs The time by `clockNs(CLOCK.MONOTONIC)`.
 * @param signal Ends the sleep within 200 ms.
 */
export async function sleepUntil(
  monotonicNs: bigint,
  signal?: AbortSignal,
): Promise<void> {
  while (!signal?.aborted) {
    if (await helper().shmim_sleep_until(monotonicNs) === 0) return;
  }
}

/**
 * Waits, or less where the signal comes; on the timers of JavaScript, which
 * are good to a millisecond or two.
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

const NEVER = new Int32Array(new SharedArrayBuffer(4));

/** Keeps the calling thread asleep: nothing else runs on it meanwhile. */
export function standStill(ms: number): void {
  Atomics.wait(NEVER, 0, 0, ms);
}

/** Resident memory of this process in bytes. */
export function processMemory(): number {
  return check(helper().shmim_process_memory(), "read the memory in use");
}
