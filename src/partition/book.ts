/**
 * What a daemon remembers and what it tells: its parts share one of these.
 * @module
 */

import type { EventSink } from "../bridge/session.ts";
import { PartitionError } from "./errors.ts";
import { type EventLevel, type KeptEvent, KeptEvents } from "./kept_events.ts";
import { type UnitState, writeUnit } from "./unit.ts";

const KEPT_EVENTS = 100;

/** The state of one unit, on the disk before it counts, and its events. */
export class Book {
  #state: UnitState | undefined;
  readonly #onEvent: EventSink;
  readonly #events = new KeptEvents(KEPT_EVENTS);
  /** What was told last of each thing that fails. */
  readonly #failing = new Map<string, string>();
  /** The run folder. */
  readonly folder: string;
  /** Whether the partition goes down: nothing is set up any more. */
  ending = false;

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
    return this.#events.all;
  }

  /** Tells something. */
  tell(message: string, level: EventLevel = "note"): void {
    this.#events.add(level, message);
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

  /**
   * For what sets something up.
   *
   * @throws {PartitionError} where the partition goes down.
   */
  requireStaying(): void {
    if (!this.ending) return;
    throw new PartitionError(`Partition ${this.state.partition} goes down`);
  }

  /** What cannot be done now is tried again at the next look. */
  quietly(name: string, what: () => void): void {
    try {
      what();
      this.went(name);
    } catch (error) {
      this.failed(name, error);
    }
  }

  /** Tells what failed: once, as long as it goes on failing like that. */
  failed(name: string, error: unknown): void {
    const { message } = error as Error;
    if (this.#failing.get(name) === message) return;
    this.#failing.set(name, message);
    this.tell(message, "warning");
  }

  /** It went well. */
  went(name: string): void {
    this.#failing.delete(name);
  }
}
