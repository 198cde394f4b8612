/**
 * Going on in a stream that was re-created: for a short time there may be no
 * file, an empty one, or one without a version; then it may be of another
 * size, and count from where it likes.
 * @module
 */

import { CLOCK, clockNs, pause } from "../../ffi/clock.ts";
import {
  StreamChangedError,
  StreamFormatError,
  StreamNotFoundError,
} from "./format.ts";
import type { Stream } from "./stream.ts";
import { kindOf } from "./types.ts";

const SETTLE_MS = 2000;
const TRY_MS = 20;

/**
 * Opens what a stream's name leads to now, giving its creator time to finish.
 *
 * @param stream The stream that was re-created.
 * @param signal Ends the wait.
 * @returns The new one.
 * @throws {StreamNotFoundError | StreamFormatError} where it stays unusable.
 */
export async function reopenSettled(
  stream: Stream,
  signal?: AbortSignal,
): Promise<Stream> {
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    try {
      return stream.reopen();
    } catch (error) {
      const passing = error instanceof StreamNotFoundError ||
        error instanceof StreamFormatError;
      if (!passing || signal?.aborted || performance.now() > end) throw error;
    }
    await pause(TRY_MS);
  }
}

/** What to do with a re-created stream: `same` takes no other size or type. */
export type Reopen = "same" | "any" | "never";

/**
 * Closes a re-created stream that is not to be gone on with.
 *
 * @param old What it was.
 * @param next What it is.
 * @param hint Which option would go on.
 * @throws {StreamChangedError} where it is not.
 */
export function requireSameKind(
  old: Stream,
  next: Stream,
  reopen: Reopen = "same",
  hint = "",
): void {
  if (reopen === "any" || (reopen === "same" && next.sameShape(old))) return;
  const found = kindOf(next);
  next.close();
  throw new StreamChangedError(
    `Stream "${old.name}" was re-created as ${found}, it was ${kindOf(old)}` +
      hint,
  );
}

/** More frames a second than any source publishes. */
const MOST_HZ = 100_000n;
/** What a stream may be older than it says, ns. */
const YOUNG_NS = 10_000_000n;
const SECOND_NS = 1_000_000_000n;

/** Where to go on in a re-created stream. */
export interface Resumption {
  /** Frames behind this counter are to come, or count as missed. */
  readonly last: bigint;
  /** What is not counted, to be told. */
  readonly note: string | undefined;
}

/**
 * Where to go on. A stream that counts from its own beginning has had all its
 * frames since it was made. One that is as far as none can be by itself has
 * its counters from elsewhere: what came before in there, nobody knows.
 */
export function resume(next: Stream): Resumption {
  const { cnt0 } = next;
  if (cnt0 <= 1n) return { last: 0n, note: undefined };
  const { creationNs } = next.fields();
  const now = clockNs(CLOCK.REALTIME) + BigInt(next.clockOffset) * SECOND_NS;
  const ageNs = creationNs === 0n ? 0n : now - creationNs + YOUNG_NS;
  if (cnt0 * SECOND_NS <= ageNs * MOST_HZ) {
    return { last: 0n, note: undefined };
  }
  return {
    last: cnt0 - 1n,
    note: `is at frame ${cnt0}: how many came before cannot be known, none ` +
      "is counted as missed",
  };
}
