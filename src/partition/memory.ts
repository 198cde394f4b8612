/**
 * A segment of a partition while it is attached: whole updates in one order,
 * and reads that never see half of one.
 * @module
 */

import { standStill } from "../../ffi/clock.ts";
import type { Segment } from "../sysv/segment.ts";
import { PartitionError } from "./errors.ts";
import { HELD, Layout, lockLives, lockPid, roundUp, WORD } from "./layout.ts";
import { OrderedSegment, PATIENCE_MS } from "./ordered.ts";
import { type CopyOf, Outgoing } from "./outgoing.ts";

/**
 * An attached segment, as {@linkcode Xp.shmat} gives it.
 *
 * On one kernel it is the memory itself. Of a partition on another host it is
 * a copy: updates go to the owner, which puts those of all partitions in one
 * order, and come back in it. Closing it detaches.
 */
export class XpMemory {
  /** The segment's id. */
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  readonly #segment: Segment;
  readonly #layout: Layout;
  readonly #ordered: OrderedSegment;
  readonly #outgoing: Outgoing | undefined;
  readonly #of: CopyOf | undefined;
  readonly #onClose: () => void;
  #closed = false;

  /**
   * Takes a segment that is attached.
   *
   * @param segment The kernel's, attached.
   * @param size The user's bytes.
   * @param onClose Called once, after it was detached.
   * @param of The owner, where that is on another host.
   */
  constructor(
    segment: Segment,
    size: number,
    onClose: () => void,
    of?: CopyOf,
  ) {
    this.id = segment.shmid;
    this.size = size;
    this.#segment = segment;
    this.#layout = new Layout(size);
    this.#ordered = new OrderedSegment(segment, size);
    this.#outgoing = of && new Outgoing(segment, size, of);
    this.#of = of;
    this.#onClose = onClose;
  }

  #range(what: string, offset: number, length: number): void {
    if (this.#closed) {
      throw new TypeError(`Cannot ${what} segment ${this.id}: it is detached`);
    }
    if (
      !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) ||
      offset < 0 || length < 0 || offset + length > this.size
    ) {
      throw new RangeError(
        `Cannot ${what} segment ${this.id}: ${length} bytes at ${offset} are ` +
          `outside its ${this.size}`,
      );
    }
  }

  /** Whether it may be written through this handle. */
  get writable(): boolean {
    return this.#segment.writable;
  }

  /**
   * Whether this is a copy of what a partition on another host owns, and how
   * it stands: `"here"`: the memory itself; `"copy"`; `"orphan"`: a copy
   * whose owner has it no more, which nobody updates.
   */
  get kind(): "here" | "copy" | "orphan" {
    if (this.#of === undefined) return "here";
    return this.#segment.word(this.#layout.head("held")) === HELD.gone
      ? "orphan"
      : "copy";
  }

  /** Updates that were made since the segment was new. */
  get updates(): bigint {
    return this.#ordered.updates;
  }

  /** Updates whose writer died in the middle: bytes of both states are left. */
  get broken(): bigint {
    return this.#ordered.broken;
  }

  /**
   * Copies bytes out, never half of an update.
   *
   * @param offset Where, bytes.
   * @param length How many.
   * @throws {PartitionError} where no quiet moment comes for 5 s.
   */
  read(offset: number = 0, length: number = this.size - offset): Uint8Array<
    ArrayBuffer
  > {
    this.#range("read", offset, length);
    const start = offset - offset % WORD;
    const into = new Uint8Array(roundUp(offset + length - start));
    const sequence = this.#layout.head("sequence");
    const end = performance.now() + PATIENCE_MS;
    while (!this.#segment.snapshot(sequence, start, into)) {
      const lock = this.#segment.word(this.#layout.head("lock"));
      if (this.writable && lock !== 0n && !lockLives(lock)) {
        this.#ordered.locked(() => {});
      } else if (performance.now() > end) {
        throw new PartitionError(
          `Cannot read segment ${this.id}: ` +
            (this.#of === undefined
              ? `pid ${lockPid(lock)} stopped in the middle of an update`
              : "what carries it from its owner stopped in the middle of an " +
                "update"),
        );
      } else standStill(1);
    }
    return into.subarray(offset - start, offset - start + length);
  }

  /**
   * Stores bytes: one update, in one order with all others, that every reader
   * sees whole or not at all. Of a copy it returns when the update has come
   * back from the owner.
   *
   * @param offset Where, bytes.
   * @param bytes What.
   * @throws {PartitionError} where the owner does not answer within the
   * partition's `timeout`; it says whether the update was made.
   * @throws {SegmentError} `EIDRM` where the owner has no such segment any
   * more, `EACCES` where it is attached for reading.
   */
  update(offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#range("update", offset, bytes.length);
    if (this.#outgoing === undefined) this.#ordered.update(offset, bytes);
    else this.#outgoing.send(offset, bytes);
  }

  /**
   * The memory itself, without a copy: stores reach everybody on this kernel
   * at once, and a reader may see half of them; other hosts see them after
   * {@linkcode XpMemory.flush} only. Needs the full `--allow-ffi`.
   */
  view(): Uint8Array<ArrayBuffer> {
    this.#range("view", 0, this.size);
    return new Uint8Array(this.#segment.view(0, this.size));
  }

  /**
   * Makes what was stored through a view an update. On one kernel the bytes
   * are there already: they take their place in the order of updates.
   */
  flush(offset: number = 0, length: number = this.size - offset): void {
    this.#range("flush", offset, length);
    this.update(offset, this.#segment.bytes(offset, length));
  }

  /** Whether it is detached. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Detaches it; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ordered[Symbol.dispose]();
    this.#outgoing?.[Symbol.dispose]();
    this.#segment.close();
    this.#onClose();
  }

  /** The same as {@linkcode XpMemory.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
