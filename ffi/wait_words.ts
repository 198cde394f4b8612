/**
 * How the helper is told to wait.
 * @module
 */

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
