/**
 * Opening a stream that is being re-created: for a short time there may be
 * no file, an empty one, or one without a version.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import { StreamFormatError, StreamNotFoundError } from "./format.ts";
import type { Stream } from "./stream.ts";

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
