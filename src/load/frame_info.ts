/**
 * What a stream says of a frame, as files keep it.
 * @module
 */

import type { FitsFrameInfo } from "../fits/mod.ts";

/** Counters and times of a frame, by its stream's clock. */
export interface StreamFrameInfo {
  /** Frame counter. */
  readonly cnt0: bigint;
  /** Second counter. */
  readonly cnt1: bigint;
  /** Acquisition time, ns; 0 = none. */
  readonly atimeNs: bigint;
  /** Publication time, ns; 0 = none. */
  readonly writetimeNs: bigint;
}

/**
 * Counters and times of a frame; the times in UTC.
 *
 * @param frame The frame.
 * @param clockOffset Seconds by which its stream's clock is ahead of UTC.
 */
export function frameInfo(
  { cnt0, cnt1, atimeNs, writetimeNs }: StreamFrameInfo,
  clockOffset: number,
): FitsFrameInfo {
  const offset = BigInt(clockOffset) * 1_000_000_000n;
  return {
    cnt0,
    cnt1,
    ...atimeNs === 0n ? {} : { acquired: atimeNs - offset },
    ...writetimeNs === 0n ? {} : { written: writetimeNs - offset },
  };
}
