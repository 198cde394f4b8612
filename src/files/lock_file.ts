/**
 * Lock files: one process at a time, however the one before it ended.
 * @module
 */

import { dirname } from "@std/path";
import { pause } from "../../ffi/clock.ts";

const PAUSE_MS = 5;

/**
 * A moment before the next try.
 *
 * @throws where the signal has come.
 */
export function again(signal: AbortSignal | undefined): Promise<void> {
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
 * the lock, and the lock goes away with the process. One that was removed
 * under its holder is given back like any other: what is there in its place
 * is left alone.
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
    using undo = new DisposableStack();
    undo.use(file);
    // Who had it before may have removed it between the two calls.
    if (!file.tryLockSync(true) || !leadsTo(path, file)) continue;
    const held = undo.move();
    // Removed while it is locked: nobody else has taken it yet.
    held.defer(() => {
      if (leadsTo(path, file)) Deno.removeSync(path);
    });
    return held;
  }
}
