/**
 * What a daemon remembers and what it tells: its parts share one of these.
 * @module
 */

import type { EventSink } from "../bridge/session.ts";
import type { KeptEvent } from "./report.ts";
import { type UnitState, writeUnit } from "./unit.ts";

const KEPT_EVENTS = 100;

/** The state of one unit, on the disk before it counts, and its events. */
export class Book {
  #state: UnitState | undefined;
  readonly #onEvent: EventSink;
  readonly #events: KeptEvent[] = [];
  /** The run folder. */
  readonly folder: string;

  /**
   * Opens an empty one.
   *
   * @param folder The run folder.
   * @param onEvent Told of everything that happens.
   */
  constructor(folder: string, onEvent: EventSink) {
    this.folder = folder;
    this.#onEvent = onEvent;
  }

  /** What it begins with: on the disk already. */
  open(state: UnitState): void {
    this.#state = state;
  }

  /** What is remembered. */
  get state(): UnitState {
    if (this.#state === undefined) throw new TypeError("No unit was claimed");
    return this.#state;
  }

  /** What happened last. */
  get events(): readonly KeptEvent[] {
    return this.#events;
  }

  /** Tells something. */
  tell(message: string, level: "note" | "warning" = "note"): void {
    this.#events.push({ time: new Date().toISOString(), level, message });
    if (this.#events.length > KEPT_EVENTS) this.#events.shift();
    this.#onEvent({ level, message });
  }

  /**
   * Changes what is remembered.
   *
   * @throws {PartitionLimitError} before anything has changed, where that is
   * more than `maxdpgs` allows.
   */
  change(change: Partial<UnitState>): void {
    const state = { ...this.state, ...change };
    writeUnit(this.folder, state);
    this.#state = state;
  }

  /** What cannot be done now is tried again at the next look. */
  quietly(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.tell((error as Error).message, "warning");
    }
  }
}
