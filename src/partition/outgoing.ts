/**
 * The updates of a copy on their way to the owner: one at a time lies behind
 * the copy's data, until it has come back in its place among all updates.
 * @module
 */

import { ERRNO } from "../../ffi/errno.ts";
import { SegmentError } from "../sysv/errors.ts";
import type { Segment } from "../sysv/segment.ts";
import { BellRope } from "./bell.ts";
import { PartitionError } from "./errors.ts";
import {
  claim,
  FATE,
  type HEAD,
  HELD,
  Layout,
  release,
  setWord,
} from "./layout.ts";

/** A copy's owner, and its patience. */
export interface CopyOf {
  /** The owner. */
  readonly partition: number;
  /** How long it may take to answer, s. */
  readonly timeoutS: number;
}

/** A copy's updates. */
export class Outgoing {
  readonly #segment: Segment;
  readonly #layout: Layout;
  readonly #of: CopyOf;
  readonly #rope = new BellRope();

  /**
   * Takes it.
   *
   * @param segment The copy, attached.
   * @param size The user's bytes.
   */
  constructor(segment: Segment, size: number, of: CopyOf) {
    this.#segment = segment;
    this.#layout = new Layout(size);
    this.#of = of;
  }

  #at(name: keyof typeof HEAD): number {
    return this.#layout.head(name);
  }

  #word(name: keyof typeof HEAD): bigint {
    return this.#segment.word(this.#at(name));
  }

  get #name(): string {
    return `segment ${this.#segment.shmid} of partition ${this.#of.partition}`;
  }

  #requireOwner(): void {
    if (this.#word("held") !== HELD.gone) return;
    throw new SegmentError(
      ERRNO.EIDRM ?? 0,
      "update",
      `Cannot update ${this.#name}: its owner has it no more; the bytes here ` +
        "stay as they are",
    );
  }

  /** Waits until the newest update's fate is done. */
  #settled(fate: bigint, end: number): bigint {
    for (let now = fate;; now = this.#word("fate")) {
      if (now % 4n === FATE.done) return now;
      this.#requireOwner();
      const left = end - performance.now();
      if (left <= 0) return now;
      this.#segment.pause(this.#at("fate"), now, Math.min(left, 100));
    }
  }

  /**
   * Sends an update, and waits until it has its place among all.
   *
   * @throws {SegmentError} `EIDRM` where the owner has no such segment any
   * more.
   * @throws {PartitionError} where it does not answer in time.
   */
  send(offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    const ms = this.#of.timeoutS * 1000;
    const end = performance.now() + ms;
    this.#requireOwner();
    const claimed = claim(this.#segment, this.#at("sender"), ms);
    if (claimed.kind === "kept") {
      throw new PartitionError(
        `Cannot update ${this.#name}: pid ${claimed.pid} was at it for ` +
          `${this.#of.timeoutS} s; nothing was sent`,
      );
    }
    try {
      this.#sendOne(offset, bytes, end);
    } finally {
      release(this.#segment, this.#at("sender"));
    }
  }

  #sendOne(
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    end: number,
  ): void {
    const before = this.#free(end);
    this.#segment.write(this.#layout.staged, bytes);
    setWord(this.#segment, this.#at("offset"), BigInt(offset));
    setWord(this.#segment, this.#at("length"), BigInt(bytes.length));
    const number = before / 4n + 1n;
    const staged = number * 4n + FATE.staged;
    setWord(this.#segment, this.#at("fate"), staged);
    this.#rope.pull(this.#word("bell"));
    const fate = this.#settled(staged, end);
    if (fate % 4n !== FATE.done) this.#giveUp(fate);
    if (this.#word("refused") === number) this.#refused();
  }

  /** The fate of the update before, once that is known. */
  #free(end: number): bigint {
    let fate = this.#word("fate");
    if (fate % 4n === FATE.staged) { // its maker died: it is not sent any more
      const found = this.#segment.swap(
        this.#at("fate"),
        fate,
        fate - FATE.staged,
      );
      if (found === fate) return fate - FATE.staged;
      fate = found;
    }
    const settled = this.#settled(fate, end);
    if (settled % 4n === FATE.done) return settled;
    throw new PartitionError(
      `Cannot update ${this.#name}: it does not say what became of the ` +
        "update before; nothing was sent",
    );
  }

  #refused(): never {
    this.#requireOwner();
    throw new PartitionError(
      `Cannot say whether the update of ${this.#name} was made: the owner let ` +
        "this partition go in the middle of it",
    );
  }

  /** Takes back what was not sent; says what is known of what was. */
  #giveUp(fate: bigint): void {
    const at = this.#at("fate");
    const number = fate - fate % 4n;
    const seconds = `${this.#of.timeoutS} s`;
    if (this.#segment.swap(at, number + FATE.staged, number) === number + 1n) {
      throw new PartitionError(
        `Cannot update ${this.#name}: no connection to it for ${seconds}; the ` +
          "update was not made",
      );
    }
    const found = this.#segment.swap(
      at,
      number + FATE.sent,
      number + FATE.given,
    );
    if (found === number + FATE.done) return; // just now
    throw new PartitionError(
      `Cannot say whether the update of ${this.#name} was made: it was sent, ` +
        `and no answer came within ${seconds}; it will not be sent again`,
    );
  }

  /** Lets go what it has beside the segment. */
  [Symbol.dispose](): void {
    this.#rope[Symbol.dispose]();
  }
}
