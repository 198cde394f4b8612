/**
 * When a recording begins and ends: one moment for all of its streams.
 * Frames count by when they were noticed, on the monotonic clock.
 * @module
 */

import { CLOCK, clockNs } from "../../ffi/clock.ts";

/** What begins a recording. */
export interface Trigger {
  /**
   * Looks whether it has come.
   *
   * @returns `start`: the moment from which on frames belong to the
   * recording; `before`: frames that were noticed before this one do not,
   * whatever comes.
   */
  look(): { start: bigint } | { before: bigint };
}

/** The stream whose frames limit a recording. */
export interface Limiting {
  /**
   * The arrival of the frame that comes last.
   *
   * @param start When the recording began.
   */
  lastArrival(start: bigint): bigint | undefined;
}

/** Begins at once. */
export const AT_ONCE: Trigger = {
  look: () => ({ start: 0n }),
};

/** The moments of one recording. */
export class Gate {
  readonly #trigger: Trigger;
  readonly #durationNs: bigint | undefined;
  readonly #onStart: () => void;
  #limiting: Limiting | undefined;
  #armed = false;
  #start: bigint | undefined;
  #stop: bigint | undefined;
  #before = 0n;

  /**
   * @param trigger What begins it.
   * @param durationMs How long it goes on.
   * @param onStart Told when it begins.
   */
  constructor(
    trigger: Trigger,
    durationMs: number | undefined,
    onStart: () => void,
  ) {
    this.#trigger = trigger;
    this.#onStart = onStart;
    this.#durationNs = durationMs === undefined
      ? undefined
      : BigInt(Math.round(durationMs * 1e6));
  }

  /** From now on the trigger counts. */
  arm(limiting: Limiting | undefined): void {
    this.#limiting = limiting;
    this.#armed = true;
  }

  /** Whether it has begun. */
  get started(): boolean {
    return this.#start !== undefined;
  }

  /** When it began, monotonic ns; `undefined`: not yet. */
  get start(): bigint | undefined {
    return this.#start;
  }

  /** When it ends, monotonic ns; `undefined`: not known. */
  get stop(): bigint | undefined {
    return this.#stop;
  }

  /** Frames noticed before this moment belong to nothing. */
  get before(): bigint {
    return this.#start ?? this.#before;
  }

  /** Ends it now, unless it ends before. */
  end(): void {
    const now = clockNs(CLOCK.MONOTONIC);
    if (this.#stop === undefined || this.#stop > now) this.#stop = now;
  }

  /** Whether its end has passed. */
  get over(): boolean {
    return this.#stop !== undefined &&
      clockNs(CLOCK.MONOTONIC) > this.#stop;
  }

  /** Looks at trigger and limits. */
  update(): void {
    if (!this.#armed) return;
    if (this.#start === undefined) this.#lookAtTrigger();
    if (this.#start === undefined) return;
    const last = this.#limiting?.lastArrival(this.#start);
    if (last !== undefined && (this.#stop === undefined || last < this.#stop)) {
      this.#stop = last;
    }
  }

  #lookAtTrigger(): void {
    const now = clockNs(CLOCK.MONOTONIC);
    const seen = this.#trigger.look();
    if ("before" in seen) {
      this.#before = seen.before;
      return;
    }
    const start = seen.start === 0n ? now : seen.start;
    this.#start = start;
    this.#onStart();
    if (this.#durationNs === undefined) return;
    const stop = start + this.#durationNs;
    if (this.#stop === undefined || stop < this.#stop) this.#stop = stop;
  }
}
