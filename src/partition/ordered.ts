/**
 * The owner's memory: updates in one order, and what copies on other hosts
 * need to follow it.
 * @module
 */

import type { Segment } from "../sysv/segment.ts";
import { BellRope } from "./bell.ts";
import { PartitionError } from "./errors.ts";
import {
  BLOCK_BYTES,
  blocksOf,
  bytesOf,
  claim,
  type HEAD,
  Layout,
  LOG_ENTRIES,
  MAX_COPIES,
  type Range,
  recordOf,
  recordsOf,
  release,
  setWord,
  WORD,
  wordsOf,
} from "./layout.ts";

/** How long a writer waits for another one, ms. */
export const PATIENCE_MS = 5000;
const TRIES = 3;

/** The update of a copy. */
export interface Origin {
  /** Its place among the segment's copies. */
  readonly slot: number;
  /** The copy's own number of it. */
  readonly number: bigint;
}

/** What changed since an update. */
export interface Changes {
  /** The newest update. */
  readonly update: bigint;
  /** The copy's own newest that is among them. */
  readonly own: bigint;
  /** What lies there now. */
  readonly records: Uint8Array<ArrayBuffer>;
}

/** Ranges that touch as one; no byte lies in two of them. */
function merged(ranges: readonly Range[]): Range[] {
  const found: { offset: number; length: number }[] = [];
  for (
    const { offset, length } of ranges.toSorted((a, b) => a.offset - b.offset)
  ) {
    const last = found.at(-1);
    const end = offset + length;
    if (last !== undefined && offset <= last.offset + last.length) {
      last.length = Math.max(last.length, end - last.offset);
    } else found.push({ offset, length });
  }
  return found;
}

/** Somebody keeps the lock. */
export class KeptError extends PartitionError {
  /** Name of the class. */
  override name = "KeptError";
}

/** An owner's segment, attached. */
export class OrderedSegment {
  readonly #segment: Segment;
  readonly #layout: Layout;
  readonly #rope = new BellRope();

  /**
   * Takes it.
   *
   * @param segment The kernel's, attached.
   * @param size The user's bytes.
   */
  constructor(segment: Segment, size: number) {
    this.#segment = segment;
    this.#layout = new Layout(size);
  }

  #word(name: keyof typeof HEAD): bigint {
    return this.#segment.word(this.#layout.head(name));
  }

  #add(name: keyof typeof HEAD): void {
    const at = this.#layout.head(name);
    const before = this.#segment.word(at);
    this.#segment.swap(at, before, before + 1n);
  }

  /** Updates that were made since it was new. */
  get updates(): bigint {
    return this.#word("updates");
  }

  /** Those whose writer died in the middle. */
  get broken(): bigint {
    return this.#word("broken");
  }

  /** The number of the newest update: broken ones are counted, too. */
  get newest(): bigint {
    return this.#word("sequence") / 2n;
  }

  /** Runs something while nobody else makes an update. */
  locked<T>(what: () => T, patienceMs: number = PATIENCE_MS): T {
    const lock = this.#layout.head("lock");
    const claimed = claim(this.#segment, lock, patienceMs);
    if (claimed.kind === "kept") {
      throw new KeptError(
        `Segment ${this.#segment.shmid} is kept by pid ${claimed.pid}, which ` +
          "stopped in the middle of an update",
      );
    }
    try {
      this.#mend(claimed.kind === "from the dead");
      return what();
    } finally {
      release(this.#segment, lock);
    }
  }

  /** Ends the update of a writer that died, with what it left undone. */
  #mend(tookOver: boolean): void {
    const at = this.#layout.head("sequence");
    const sequence = this.#segment.word(at);
    if (sequence % 2n !== 0n) {
      this.#add("broken");
      this.#segment.swap(at, sequence, sequence + 1n);
    } else if (tookOver && this.#word("since") !== 0n) {
      // It was made; perhaps not noted as whose it was.
      const [, , slot, number] = wordsOf(
        this.#segment.bytes(this.#layout.log(sequence / 2n), 4 * WORD),
      );
      if (slot !== undefined && slot > 0n && slot <= BigInt(MAX_COPIES)) {
        this.#note({ slot: Number(slot) - 1, number: number ?? 0n });
      }
    }
  }

  #note({ slot, number }: Origin): void {
    const at = this.#layout.copy(slot) + WORD;
    if (number > this.#segment.word(at)) setWord(this.#segment, at, number);
  }

  /**
   * Makes an update.
   *
   * @param origin The copy that it comes from, where it does.
   * @returns False where that has been made already.
   */
  update(
    offset: number,
    bytes: Uint8Array,
    origin?: Origin,
    patienceMs?: number,
  ): boolean {
    const made = this.locked(() => {
      if (origin !== undefined && this.last(origin.slot) >= origin.number) {
        return false;
      }
      if (this.#word("since") !== 0n) this.#log(offset, bytes.length, origin);
      const { size } = this.#layout;
      const sequence = this.#layout.head("sequence");
      this.#segment.apply(sequence, size, recordOf(offset, bytes));
      if (origin !== undefined) this.#note(origin);
      this.#add("updates");
      return true;
    }, patienceMs);
    this.#rope.pull(this.#word("bell"));
    return made;
  }

  /** Before it is made: a writer that dies in the middle has told where. */
  #log(offset: number, length: number, origin: Origin | undefined): void {
    const update = this.newest + 1n;
    const from = origin === undefined ? 0n : BigInt(origin.slot) + 1n;
    this.#segment.write(
      this.#layout.log(update),
      bytesOf([BigInt(offset), BigInt(length), from, origin?.number ?? 0n]),
    );
    if (length === 0) return;
    const first = Math.floor(offset / BLOCK_BYTES);
    const count = Math.floor((offset + length - 1) / BLOCK_BYTES) - first + 1;
    const marks = new BigUint64Array(count).fill(update);
    this.#segment.write(
      this.#layout.mark(first),
      new Uint8Array(marks.buffer),
    );
  }

  /** From now on the log is kept, and a bell is rung after each update. */
  watch(bell: number, patienceMs?: number): void {
    this.locked(() => {
      const since = this.#layout.head("since");
      if (this.#segment.word(since) === 0n) {
        setWord(this.#segment, since, this.newest + 1n);
      }
      setWord(this.#segment, this.#layout.head("bell"), BigInt(bell) + 1n);
    }, patienceMs);
  }

  /** The number of a copy's newest update that was made. */
  last(slot: number): bigint {
    return this.#segment.word(this.#layout.copy(slot) + WORD);
  }

  /**
   * The place of a copy among the segment's.
   *
   * @param name Its name, not 0.
   * @returns Whether it was known; `undefined` where there are too many.
   */
  enter(
    name: bigint,
    patienceMs?: number,
  ): { slot: number; known: boolean } | undefined {
    return this.locked(() => {
      let free: number | undefined;
      for (let slot = 0; slot < MAX_COPIES; slot++) {
        const found = this.#segment.word(this.#layout.copy(slot));
        if (found === name) return { slot, known: true };
        if (found === 0n) free ??= slot;
      }
      if (free === undefined) return undefined;
      setWord(this.#segment, this.#layout.copy(free) + WORD, 0n);
      setWord(this.#segment, this.#layout.copy(free), name);
      return { slot: free, known: false };
    }, patienceMs);
  }

  /** Forgets a copy. */
  leave(name: bigint): void {
    for (let slot = 0; slot < MAX_COPIES; slot++) {
      this.#segment.swap(this.#layout.copy(slot), name, 0n);
    }
  }

  #rangesSince(update: bigint | undefined, newest: bigint): Range[] {
    const { size } = this.#layout;
    const since = this.#word("since");
    if (update === undefined || since === 0n || update + 1n < since) {
      return [{ offset: 0, length: size }];
    }
    // One entry may be written just now: for the next update.
    if (newest - update < BigInt(LOG_ENTRIES)) {
      return this.#logged(update, newest);
    }
    const blocks = blocksOf(size);
    const marks = wordsOf(
      this.#segment.bytes(this.#layout.mark(0), blocks * WORD),
    );
    const ranges: Range[] = [];
    for (let block = 0; block < blocks; block++) {
      if ((marks[block] ?? 0n) <= update) continue;
      const offset = block * BLOCK_BYTES;
      ranges.push({ offset, length: Math.min(BLOCK_BYTES, size - offset) });
    }
    return ranges;
  }

  #logged(update: bigint, newest: bigint): Range[] {
    const { size } = this.#layout;
    const ranges: Range[] = [];
    for (let n = update + 1n; n <= newest; n++) {
      const [offset = 0n, length = 0n] = wordsOf(
        this.#segment.bytes(this.#layout.log(n), 2 * WORD),
      );
      const range = { offset: Number(offset), length: Number(length) };
      if (range.length > 0 && range.offset + range.length <= size) {
        ranges.push(range);
      }
    }
    return merged(ranges);
  }

  #gather(slot: number, update: bigint | undefined): Changes | undefined {
    const at = this.#layout.head("sequence");
    const own = this.last(slot); // before the sequence: it is among them
    const sequence = this.#segment.word(at);
    if (sequence % 2n !== 0n) return undefined;
    const newest = sequence / 2n;
    const records = recordsOf(this.#rangesSince(update, newest));
    const { size } = this.#layout;
    return this.#segment.gather(at, sequence, size, records)
      ? { update: newest, own, records }
      : undefined;
  }

  /**
   * What a copy lacks, as it was at one time.
   *
   * @param slot The copy.
   * @param update The newest update that it has; `undefined`: none.
   * @throws {KeptError} where somebody keeps the lock.
   */
  changes(
    slot: number,
    update: bigint | undefined,
    patienceMs?: number,
  ): Changes {
    for (let tries = 0; tries < TRIES; tries++) {
      const found = this.#gather(slot, update);
      if (found !== undefined) return found;
    }
    return this.locked(() => {
      const found = this.#gather(slot, update);
      if (found === undefined) throw new KeptError("An update was cut in half");
      return found;
    }, patienceMs);
  }

  /** Lets go what it has beside the segment. */
  [Symbol.dispose](): void {
    this.#rope[Symbol.dispose]();
  }
}
