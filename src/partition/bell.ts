/**
 * How programs of a host wake the processes that carry segments to others:
 * one word of shared memory for all of them, that whoever changes something
 * adds to. It goes with the last who has it.
 * @module
 */

import { isSystemError } from "../../ffi/errno.ts";
import { Segment } from "../sysv/segment.ts";

const COUNT = 0;
const MARK = 8;
const CHANGES = 16;
const BYTES = 24;
/** "shmbell" and a version: what has the id now may be something else. */
const MARK_VALUE = 0x0173_686d_6265_6c6cn;

/** A bell, attached. */
export class Bell {
  readonly #segment: Segment;

  private constructor(segment: Segment) {
    this.#segment = segment;
  }

  /** Makes one. */
  static make(): Bell {
    const segment = Segment.create("private", { size: BYTES });
    try {
      segment.attach({ writable: true });
      segment.swap(MARK, 0n, MARK_VALUE);
    } finally {
      segment.remove(); // those who have it keep it, and find it by its id
    }
    return new Bell(segment);
  }

  /** The bell of an id; `undefined` where there is none any more. */
  static at(shmid: number): Bell | undefined {
    let segment: Segment;
    try {
      segment = Segment.byId(shmid).attach({ writable: true });
    } catch (error) {
      if (isSystemError(error, "EINVAL", "EIDRM", "EACCES")) return undefined;
      throw error;
    }
    if (segment.size >= BYTES && segment.word(MARK) === MARK_VALUE) {
      return new Bell(segment);
    }
    segment.close();
    return undefined;
  }

  /** Its id. */
  get id(): number {
    return this.#segment.shmid;
  }

  /** How often it rang. */
  get count(): bigint {
    return this.#segment.word(COUNT);
  }

  /** Wakes all who wait. */
  ring(): void {
    this.#segment.ring(COUNT);
  }

  /** How often the registry has changed. */
  get changes(): bigint {
    return this.#segment.word(CHANGES);
  }

  /** Wakes all who wait: the registry has changed. */
  ringChanged(): void {
    this.#segment.ring(CHANGES);
    this.ring();
  }

  /** Waits until it has rung since `count` was `seen`, or the time is up. */
  wait(seen: bigint, timeoutMs: number): Promise<void> {
    return this.#segment.wait(COUNT, seen, timeoutMs);
  }

  /** The same; the caller stands still. */
  pause(seen: bigint, timeoutMs: number): void {
    this.#segment.pause(COUNT, seen, timeoutMs);
  }

  /** Lets it go. */
  [Symbol.dispose](): void {
    this.#segment.close();
  }
}

/** Rings whichever bell a segment names, if any; keeps it for the next time. */
export class BellRope {
  #bell: Bell | undefined;

  /** @param word What the segment's head says: 1 + id, or 0. */
  pull(word: bigint): void {
    if (word === 0n) return;
    const id = Number(word) - 1;
    if (this.#bell?.id !== id) {
      this.#bell?.[Symbol.dispose]();
      this.#bell = Bell.at(id);
    }
    this.#bell?.ring(); // who made it looks for itself when it starts
  }

  /** Lets it go. */
  [Symbol.dispose](): void {
    this.#bell?.[Symbol.dispose]();
    this.#bell = undefined;
  }
}
