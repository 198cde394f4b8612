/**
 * Semaphores that are files of their own, in the folder where the C library
 * keeps those with names: found by name, made, claimed and removed.
 * @module
 */

import { check, isSystemError } from "./errno.ts";
import { OpenFile, removeFile, renameFile, statFile } from "./files.ts";
import { helper } from "./helper.ts";

/** Where the C library (glibc on Linux) keeps named semaphores. */
export const SEMAPHORE_FOLDER = "/dev/shm";

/** The file of the semaphore that programs open as `/NAME`. */
export function semaphorePath(name: string): string {
  return `${SEMAPHORE_FOLDER}/sem.${name}`;
}

/** Bytes of glibc's semaphore on 64-bit machines. */
const BYTES = 32;

/**
 * Makes a semaphore of value 0 where there is none.
 *
 * @param name Without its slash.
 * @param mode File mode, whatever the umask.
 * @returns Whether it was missing.
 * @throws {SystemError} `EACCES`, `ENOSPC`.
 */
export function makeSemaphore(name: string, mode: number): boolean {
  const path = semaphorePath(name);
  if (statFile(path) !== undefined) return false;
  // Under another name first: whoever finds it finds a whole one.
  const temporary = `${path}.${Deno.pid}.${crypto.randomUUID().slice(0, 8)}`;
  const file = OpenFile.create(temporary, { mode, bytes: BYTES });
  try {
    check(
      file.use((fd) => helper().shmim_sem_file(fd)),
      "create",
      path,
    );
    renameFile(temporary, path, { replace: false });
    return true;
  } catch (error) {
    removeFile(temporary);
    if (isSystemError(error, "EEXIST")) return false;
    throw error;
  } finally {
    file.close();
  }
}

/**
 * Removes a semaphore.
 *
 * @returns Whether there was one.
 */
export function removeSemaphore(name: string): boolean {
  try {
    removeFile(semaphorePath(name));
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return false;
    throw error;
  }
}

/** The named semaphores of one open stream. */
export class NamedSemaphores {
  readonly #names: readonly string[];
  readonly #attached = new Set<number>();
  readonly #claims = new Map<number, OpenFile>();

  /** @param names In their order, the log's last. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Whether a semaphore is there and may be used. */
  attached(index: number): boolean {
    return this.#attached.has(index);
  }

  /**
   * Opens each and hands it on. One that is missing, damaged, or another
   * user's stays out: then readers look at the counter, and a writer posts
   * the others.
   */
  attach(
    writable: boolean,
    take: (index: number, file: OpenFile) => boolean,
  ): void {
    this.#names.forEach((name, index) => {
      const file = open(name, writable);
      if (file === undefined) return;
      try {
        if (take(index, file)) this.#attached.add(index);
      } finally {
        file.close();
      }
    });
  }

  /**
   * Claims a semaphore for a reader. Nobody registers here, so a lock on its
   * file keeps readers of ours apart; it goes with the process. Others choose
   * low numbers: ours are taken from the highest down.
   *
   * @param preferred The one wanted, -1 = any.
   * @returns Which, `undefined` where none can be had.
   */
  claim(preferred: number): number | undefined {
    const count = this.#names.length - 1; // the log's is nobody's
    const order = Array.from({ length: count }, (_, i) => count - 1 - i);
    if (preferred >= 0 && preferred < count) order.unshift(preferred);
    return order.find((index) => this.#lock(index));
  }

  #lock(index: number): boolean {
    const name = this.#names[index];
    if (name === undefined || !this.attached(index)) return false;
    if (this.#claims.has(index)) return false;
    const file = open(name, true);
    if (file === undefined) return false;
    if (!file.lock()) {
      file.close();
      return false;
    }
    this.#claims.set(index, file);
    return true;
  }

  /** Gives a claimed semaphore back. */
  release(index: number): void {
    this.#claims.get(index)?.close();
    this.#claims.delete(index);
  }

  /** Gives all of them back. */
  close(): void {
    for (const file of this.#claims.values()) file.close();
    this.#claims.clear();
  }
}

function open(name: string, writable: boolean): OpenFile | undefined {
  try {
    return OpenFile.open(semaphorePath(name), { writable });
  } catch (error) {
    // A writer that may not post would leave its readers asleep: refused.
    if (error instanceof Deno.errors.NotCapable && !writable) return undefined;
    if (isSystemError(error)) return undefined; // missing, another user's
    throw error;
  }
}
