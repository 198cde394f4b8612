/**
 * One load at a time of a stream's pixels.
 * @module
 */

import { OpenFile, statFile } from "../../ffi/files.ts";
import { again } from "../files/lock_file.ts";
import { identityOf } from "../stream/open.ts";
import { Stream } from "../stream/stream.ts";

/** A stream that no other load fills meanwhile. */
export interface LockedStream extends Disposable {
  /** The open stream; closed with the lock. */
  readonly stream: Stream;
}

/**
 * Opens a stream for filling, and keeps other loads away from it, also those
 * that run in another folder.
 *
 * @param path Its file.
 * @param signal Ends the wait for another load.
 */
export async function openLocked(
  path: string,
  signal?: AbortSignal,
): Promise<LockedStream> {
  for (;; await again(signal)) {
    const stream = Stream.open(path, { writable: true });
    using open = new DisposableStack();
    open.use(stream);
    const file = open.use(OpenFile.open(path, { writable: false }));
    if (!file.lock()) continue;
    const now = statFile(path);
    const same = now !== undefined &&
      identityOf(now) === identityOf(file.stat()) &&
      stream.presence() === "same";
    if (!same) continue;
    const held = open.move();
    return { stream, [Symbol.dispose]: () => held.dispose() };
  }
}
