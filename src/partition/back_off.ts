/** How long what fails again and again has to wait. @module */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** Whoever was well for so long fails for the first time. */
const FORGIVEN_MS = 60_000;

/** When a thing that fails may be tried again: twice as late each time. */
export class BackOff {
  readonly #next = new Map<string, { at: number; wait: number }>();
  readonly #now: () => number;

  /** @param now The time in ms, of a clock that only goes forward. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** How long it still has to wait, ms. */
  waitMs(name: string): number {
    return Math.max(0, (this.#next.get(name)?.at ?? 0) - this.#now());
  }

  /** Whether it may be tried now. */
  may(name: string): boolean {
    return this.waitMs(name) === 0;
  }

  /** It failed. */
  failed(name: string): void {
    const last = this.#next.get(name);
    const now = this.#now();
    const wait = last === undefined || now - last.at > FORGIVEN_MS
      ? FIRST_MS
      : Math.min(LONGEST_MS, last.wait * 2);
    this.#next.set(name, { at: now + wait, wait });
  }

  /** It went well. */
  done(name: string): void {
    this.#next.delete(name);
  }
}
