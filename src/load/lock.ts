/**
 * Locks: one load of a stream at a time, of its state and of its pixels.
 * @module
 */

import { dirname } from "@std/path";
import { pause } from "../../ffi/clock.ts";
import { OpenFile, statFile } from "../../ffi/files.ts";
import { identityOf } from "../stream/open.ts";
import { Stream } from "../stream/stream.ts";

const PAUSE_MS = 5;

function again(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  return pause(PAUSE_MS);
}

/** Whether a path still leads to an open file. */
function leadsTo(path: string, file: Deno.FsFile): boolean {
  try {
    const there = Deno.statSync(path);
    const mine = file.statSync();
    return there.ino === mine.ino && there.dev === mine.dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function openLockFile(path: string): Deno.FsFile | undefined {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    return Deno.openSync(path, { write: true, create: true });
  } catch (error) {
    // Somebody removed the empty folder just now.
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Waits until nobody else has a lock file, and takes it. It goes away with
 * the lock, and the lock goes away with the process.
 *
 * @param path The lock file; its folder is made where it is missing.
 * @param signal Ends the wait.
 */
export async function lockFile(
  path: string,
  signal?: AbortSignal,
): Promise<Disposable> {
  for (;; await again(signal)) {
    const file = openLockFile(path);
    if (file === undefined) continue;
    // Who had it before may have removed it between the two calls.
    if (file.tryLockSync(true) && leadsTo(path, file)) {
      return {
        [Symbol.dispose]: (): void => {
          Deno.removeSync(path);
          file.close();
        },
      };
    }
    file.close();
  }
}

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
