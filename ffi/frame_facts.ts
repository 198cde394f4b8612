/**
 * What the helper tells of a frame, and times as it takes them.
 * @module
 */

/** What is known of one frame. */
export interface FrameFacts {
  /** Frame counter. */
  readonly cnt0: bigint;
  /** Index of the slice written last, by the writer's own account. */
  readonly cnt1: bigint;
  /** The format's third counter. */
  readonly cnt2: bigint;
  /** Acquisition time by the stream's clock, ns. */
  readonly atimeNs: bigint;
  /** Publication time by the stream's clock, ns. */
  readonly writetimeNs: bigint;
  /** True where no quiet moment was found: the copy may mix two frames. */
  readonly torn: boolean;
  /** Copies that were made. */
  readonly tries: number;
  /** True where the write flag stayed up: the writer stalled or died. */
  readonly stalled: boolean;
  /** When the copy was complete, by the stream's clock, ns. */
  readonly seenNs: bigint;
}

const NS = 1_000_000_000n;

/** Reads `struct shmim_frame`. */
export function frameFacts(w: BigUint64Array): FrameFacts {
  const at = (index: number): bigint => w[index] ?? 0n;
  const time = (index: number): bigint =>
    BigInt.asIntN(64, at(index)) * NS + BigInt.asIntN(64, at(index + 1));
  return {
    cnt0: at(0),
    cnt1: at(1),
    cnt2: at(2),
    atimeNs: time(3),
    writetimeNs: time(5),
    torn: at(7) !== 0n,
    tries: Number(at(8)),
    stalled: at(9) !== 0n,
    seenNs: time(10),
  };
}

/** A time as two int64, seconds and nanoseconds; `null` for "now". */
export function timespec(
  ns: bigint | undefined,
): BigInt64Array<ArrayBuffer> | null {
  if (ns === undefined) return null;
  const rest = ((ns % NS) + NS) % NS; // never negative, as the kernel has it
  return new BigInt64Array([(ns - rest) / NS, rest]);
}

/** 64-bit words of `struct shmim_frame`. */
export const FRAME_WORDS = 12;
