/**
 * What happened, as a daemon and its processes remember it: the last of it,
 * each event with its number, so that a daemon hears of each once.
 * @module
 */

import { list, text, whole } from "./check.ts";

/** Whether something is only said, or wants to be looked at. */
export type EventLevel = "note" | "warning";

/** An event, as `status` gives it. */
export interface KeptEvent {
  /** When, as ISO 8601. */
  readonly time: string;
  /** `note` or `warning`. */
  readonly level: string;
  /** What. */
  readonly message: string;
}

/** The same as a process tells its daemon. */
export interface NumberedEvent extends KeptEvent {
  /** Its number, from 1. */
  readonly number: number;
}

/** The last events of a process. */
export class KeptEvents {
  readonly #most: number;
  readonly #events: NumberedEvent[] = [];
  #number = 0;

  /** @param most How many are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Adds one that happens now. */
  add(level: EventLevel, message: string): void {
    const time = new Date().toISOString();
    this.#events.push({ number: ++this.#number, time, level, message });
    if (this.#events.length > this.#most) this.#events.shift();
  }

  /** Those behind the one of a number. */
  after(number: number): NumberedEvent[] {
    return this.#events.filter((event) => event.number > number);
  }

  /** All that are kept, without their numbers. */
  get all(): KeptEvent[] {
    return this.#events.map(({ time, level, message }) => ({
      time,
      level,
      message,
    }));
  }
}

/** Takes events apart. */
export function toEvents(fields: Record<string, unknown>): NumberedEvent[] {
  return list(fields, "events", (event) => ({
    number: whole(event, "number"),
    time: text(event, "time"),
    level: text(event, "level"),
    message: text(event, "message"),
  }));
}

/** Which process numbers them: a later one has a pid or a start of its own. */
interface Teller {
  readonly name: string;
  readonly pid: number;
  readonly startNs: string;
}

/** What a daemon has heard of its processes. */
export class HeardEvents {
  readonly #last = new Map<string, { process: string; number: number }>();

  /** The number of the last one that was heard of a process. */
  after({ name, pid, startNs }: Teller): number {
    const known = this.#last.get(name);
    return known?.process === `${pid} ${startNs}` ? known.number : 0;
  }

  /** Tells those that a process has told, each once. */
  take(
    teller: Teller,
    events: readonly NumberedEvent[],
    tell: (message: string, level: EventLevel) => void,
  ): void {
    const { name, pid, startNs } = teller;
    for (const { number, level, message } of events) {
      if (number <= this.after(teller)) continue;
      this.#last.set(name, { process: `${pid} ${startNs}`, number });
      tell(message, level === "warning" ? "warning" : "note");
    }
  }
}
