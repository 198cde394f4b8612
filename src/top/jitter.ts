/**
 * Jitter of many streams by turns: timing all of them at once would cost more
 * than the program may take, so a few are timed at a time, each for a moment.
 * @module
 */

import { JitterMeter } from "../watch/meter.ts";
import type { Tracked } from "./survey.ts";

interface Turn {
  readonly of: Tracked;
  readonly meter: JitterMeter;
  readonly stream: Tracked["stream"];
  readonly began: number;
}

/** A turn takes so long at least, ms. */
const SHORT_MS = 250;
/** A slow stream, whose intervals take longer than this, has no jitter. */
const LONG_MS = 6000;
/** How much of an earlier turn's variance is kept. */
const MEMORY = 0.5;

/** Who is timed now, and who is next. */
export class JitterTurns implements Disposable {
  readonly #slots: number;
  readonly #rest: number;
  readonly #measured = new Map<Tracked, number>();
  #turns: Turn[] = [];
  #nextAt = 0;

  /**
   * @param slots How many are timed at a time.
   * @param rest Pause after a turn, in lengths of it: timing costs a percent
   * or two of a core while it lasts.
   */
  constructor(slots: number, rest = 0) {
    this.#slots = slots;
    this.#rest = rest;
  }

  /**
   * Ends turns that are over and begins new ones.
   *
   * @param candidates Streams that matter now, such as those on the screen.
   */
  look(candidates: readonly Tracked[], now: number = performance.now()): void {
    const wanted = new Set(candidates.filter((one) => one.rateHz));
    this.#turns = this.#turns.filter((turn) => {
      const { of, meter, stream, began } = turn;
      const changed = of.stream !== stream;
      const ms = meter.ms;
      const due = now - began > LONG_MS ||
        (ms !== undefined && now - began > SHORT_MS);
      if (!changed && !due && wanted.has(of)) return true;
      meter[Symbol.dispose]();
      if (!changed && ms !== undefined) note(of, ms);
      this.#measured.set(of, now);
      this.#nextAt = now + this.#rest * (now - began);
      return false;
    });
    for (const one of this.#measured.keys()) {
      if (!wanted.has(one)) this.#measured.delete(one);
    }
    if (now < this.#nextAt) return;
    const busy = new Set(this.#turns.map(({ of }) => of));
    // Those that waited longest come first.
    const next = [...wanted].filter((one) => !busy.has(one))
      .sort((a, b) =>
        (this.#measured.get(a) ?? 0) - (this.#measured.get(b) ?? 0)
      );
    for (const of of next.slice(0, this.#slots - this.#turns.length)) {
      const { stream } = of;
      if (stream === undefined) continue;
      const meter = new JitterMeter(stream);
      this.#turns.push({ of, meter, stream, began: now });
    }
  }

  /** Ends all turns. */
  [Symbol.dispose](): void {
    for (const { of, meter, stream } of this.#turns.splice(0)) {
      const { ms } = meter;
      meter[Symbol.dispose]();
      if (ms !== undefined && of.stream === stream) note(of, ms);
    }
  }
}

function note(of: Tracked, ms: number): void {
  const before = of.jitterMs;
  of.jitterMs = before === undefined
    ? ms
    : Math.sqrt(MEMORY * before ** 2 + (1 - MEMORY) * ms ** 2);
}
