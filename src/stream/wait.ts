/**
 * Waiting for the next frame: the four modes, and a reader's claim of a
 * semaphore.
 * @module
 */

import type { Mapping } from "../../ffi/mapping.ts";
import { waitForFrame, type WaitSettings } from "../../ffi/wait.ts";

/**
 * How to wait: `semaphore` sleeps on a claimed one; `spin` watches the
 * counter and burns a core; `poll` looks every now and then and leaves the
 * stream untouched; `adaptive` spins for a short time, then sleeps.
 */
export type WaitMode = "semaphore" | "spin" | "poll" | "adaptive";

/** The modes by their number in the helper. */
export const WAIT_MODES: readonly WaitMode[] = [
  "semaphore",
  "spin",
  "poll",
  "adaptive",
];

/** How a reader waits. */
export interface WaitOptions {
  /** Default: `semaphore` where the stream may be written, else `poll`. */
  mode?: WaitMode;
  /** The semaphore wanted; default: the lowest free one, 6 last. */
  semaphore?: number;
  /** Pause between two looks when polling, µs. Default 100. */
  pollUs?: number;
  /** How long `adaptive` spins, µs. Default 50. */
  spinUs?: number;
  /** Called once where no semaphore is free and the reader polls instead. */
  onWarning?: (message: string) => void;
}

/** Whether waiting so changes the stream's file. */
export function waitWrites(wait: WaitOptions | undefined): boolean {
  return wait?.mode === "semaphore" || wait?.mode === "adaptive";
}

/** A reader's way of waiting, with its semaphore for as long as it lives. */
export class Waiter {
  readonly #mapping: Mapping;
  /** What the helper needs. */
  readonly settings: WaitSettings;
  #closed = false;

  /**
   * @param mapping The stream.
   * @param options How to wait.
   * @param what The stream's name, for the warning.
   */
  constructor(mapping: Mapping, options: WaitOptions, what: string) {
    this.#mapping = mapping;
    let mode = options.mode ?? (mapping.writable ? "semaphore" : "poll");
    let semaphore = -1;
    if (mode === "semaphore" || mode === "adaptive") {
      const claimed = mapping.writable
        ? mapping.semaphores.claim(options.semaphore ?? -1)
        : undefined;
      if (claimed === undefined) {
        const reason = mapping.writable
          ? "all semaphores are taken"
          : "it may not be written";
        options.onWarning?.(
          `Cannot wait on a semaphore of "${what}": ${reason}; polling instead`,
        );
        mode = "poll";
      } else {
        semaphore = claimed;
      }
    }
    this.settings = {
      mode: WAIT_MODES.indexOf(mode),
      semaphore,
      pollUs: options.pollUs ?? 100,
      spinUs: options.spinUs ?? 50,
    };
  }

  /** Gives the semaphore back; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.settings.semaphore >= 0) {
      this.#mapping.semaphores.release(this.settings.semaphore);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const SLICE_MS = 100;

/** {@linkcode Stream.wait}. */
export async function waitForNewer(
  { mapping, name }: { readonly mapping: Mapping; readonly name: string },
  options: WaitOptions & {
    since?: bigint;
    timeoutMs?: number;
    signal?: AbortSignal;
  },
): Promise<boolean> {
  const since = options.since ?? mapping.counter(); // before the claim is seen
  using waiter = new Waiter(mapping, options, name);
  const end = performance.now() + (options.timeoutMs ?? Infinity);
  for (;;) {
    const slice = Math.min(SLICE_MS, Math.max(0, end - performance.now()));
    if (await waitForFrame(mapping, waiter.settings, since, slice)) return true;
    if (options.signal?.aborted || performance.now() >= end) return false;
  }
}
