/**
 * The owner's end of a line: makes the updates of another host's copies in
 * their turn, and sends each copy what it lacks.
 * @module
 */

import { isSystemError, SystemError } from "../../ffi/errno.ts";
import { Segment } from "../sysv/segment.ts";
import type { Bell } from "./bell.ts";
import { text, whole } from "./check.ts";
import { PartitionError, PartitionLimitError } from "./errors.ts";
import { kernelBytes, roundUp, wordsOf } from "./layout.ts";
import type { Line, Message, Parcel } from "./line.ts";
import { KeptError, OrderedSegment } from "./ordered.ts";
import {
  changeRegistry,
  type Entry,
  inspectRegistry,
  letGo,
  type Registry,
} from "./registry.ts";
import { keyPartition, Xp } from "./xp.ts";

/** How long a local writer may keep us from going on, ms. */
const PATIENCE_MS = 20;
/** Beyond so many bytes on their way a copy waits for the next look. */
const MAX_BACKLOG = 4 * 2 ** 20;
/** Updates of a copy that wait. */
const MAX_ASKS = 4;

/** A copy that is served. */
interface Served {
  readonly uid: string;
  readonly name: string;
  readonly slot: number;
  readonly size: number;
  readonly segment: Segment;
  readonly ordered: OrderedSegment;
  /** The newest update that was sent; none yet. */
  sent: bigint | undefined;
  /** The newest of its own that was sent back. */
  own: bigint;
  /** It has been told nothing yet. */
  fresh: boolean;
  /** Its updates that wait for their turn. */
  readonly asks: Parcel[];
}

/** Whose segments, for whom. */
export interface OwnerPlace {
  /** The run folder. */
  readonly folder: string;
  /** Our unit. */
  readonly unit: number;
  /** Our partition. */
  readonly partition: number;
  /** Whom we serve. */
  readonly peer: number;
  /** What is rung after an update. */
  readonly bell: Bell;
  /** Answers by the name of the call: a line may be lost before one is out. */
  readonly answers: Map<string, Message>;
}

const MAX_ANSWERS = 64;

function refusal(error: unknown): Record<string, unknown> {
  const message = (error as Error).message;
  const code = error instanceof PartitionLimitError
    ? error.limit
    : error instanceof SystemError
    ? error.code
    : "";
  const call = error instanceof SystemError ? error.syscall : "";
  return { ok: false, code, call, message };
}

/** What a copy may send: one record within its size. */
function single(parcel: Parcel, size: number): {
  offset: number;
  bytes: Uint8Array<ArrayBuffer>;
} {
  const { records } = parcel;
  if (records.length >= 16 && records.length % 8 === 0) {
    const [offset = 0n, length = 0n] = wordsOf(records.slice(0, 16));
    const whole = BigInt(size);
    if (
      offset <= whole && length <= whole - offset &&
      roundUp(Number(length)) === records.length - 16
    ) {
      return {
        offset: Number(offset),
        bytes: records.subarray(16, 16 + Number(length)),
      };
    }
  }
  throw new PartitionError("It breaks the rules of the line: a bad update");
}

/** The owner's end. */
export class OwnerEnd {
  readonly #place: OwnerPlace;
  readonly #line: Line;
  readonly #xp: Xp;
  /** Segments that the peer knows of, and whether it was told they go. */
  readonly #known = new Map<string, "live" | "removed">();
  readonly #served = new Map<number, Served>();
  /** Copies that wait until a local writer gives the lock back. */
  #later: Message[] = [];

  /**
   * Serves from now on.
   *
   * @param line Lasts as long as this.
   */
  constructor(place: OwnerPlace, line: Line) {
    this.#place = place;
    this.#line = line;
    this.#xp = new Xp({ run: place.folder, unit: place.unit });
  }

  /** How many copies are served. */
  get copies(): number {
    return this.#served.size;
  }

  /** Largest parcel that a copy may send. */
  most(handle: number): number | undefined {
    const served = this.#served.get(handle);
    return served && 16 + roundUp(served.size);
  }

  #find({ segments }: Registry, uid: string): Entry | undefined {
    return segments.find((entry) =>
      entry.uid === uid && entry.copy === null &&
      entry.partition === this.#place.partition
    );
  }

  #holds(entry: Entry): boolean {
    return entry.remote.some(({ partition }) => partition === this.#place.peer);
  }

  /** Answers a message; false where it is none for an owner. */
  onMessage(message: Message): boolean {
    switch (message.t) {
      case "call":
        this.#call(message);
        return true;
      case "know":
        this.#know(message);
        return true;
      case "hold":
        this.#hold(message);
        this.push();
        return true;
      case "drop":
        this.#drop(whole(message, "handle"));
        return true;
      default:
        return false;
    }
  }

  #know(message: Message): void {
    this.#known.set(text(message, "uid"), "live");
    this.lookAround();
  }

  #call(message: Message): void {
    const id = text(message, "id");
    const { answers } = this.#place;
    const answer = answers.get(id) ?? this.#answer(message, id);
    answers.set(id, answer);
    const [oldest] = answers.keys();
    if (answers.size > MAX_ANSWERS && oldest !== undefined) {
      answers.delete(oldest);
    }
    this.lookAround(); // what it is told of comes before the answer
    this.#line.send(answer);
  }

  #answer(message: Message, id: string): Message {
    const reply = { t: "reply", id };
    try {
      const facts = message.what === "get"
        ? this.#get(message)
        : this.#ctl(message);
      return { ...reply, ok: true, ...facts };
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      return { ...reply, ...refusal(error) };
    }
  }

  #get(message: Message): Record<string, unknown> {
    const { partition, folder } = this.#place;
    const key = whole(message, "key");
    if (keyPartition(key) !== partition) {
      throw new PartitionError(`Key ${key} is not partition ${partition}'s`);
    }
    const shmid = this.#xp.shmget(
      key,
      whole(message, "size"),
      whole(message, "flags"),
    );
    const entry = inspectRegistry(
      folder,
      ({ segments }) => segments.find((one) => one.shmid === shmid),
    );
    if (entry === undefined) throw new PartitionError("It was removed");
    this.#known.set(entry.uid, entry.removed ? "removed" : "live");
    return { uid: entry.uid, size: entry.size, key };
  }

  #ctl(message: Message): Record<string, unknown> {
    const { folder } = this.#place;
    const uid = text(message, "uid");
    const entry = inspectRegistry(folder, (all) => this.#find(all, uid));
    if (entry === undefined || !this.#known.has(uid)) {
      throw new PartitionError("Cannot change a segment that is gone");
    }
    this.#xp.shmctl(entry.shmid, whole(message, "command"));
    return {};
  }

  /** Whether the peer has a segment already, or waits for it. */
  #asked(uid: string): boolean {
    return [...this.#served.values()].some((served) => served.uid === uid) ||
      this.#later.some((message) => message.uid === uid);
  }

  #hold(message: Message): void {
    const { folder, peer, bell } = this.#place;
    const handle = whole(message, "handle", 0, 0xffff_ffff);
    const uid = text(message, "uid");
    const name = text(message, "copy");
    if (
      !/^(?!0{16})[0-9a-f]{16}$/.test(name) || this.#served.has(handle) ||
      this.#asked(uid)
    ) {
      throw new PartitionError("It breaks the rules of the line: a bad hold");
    }
    const since = message.since === null
      ? undefined
      : BigInt(text(message, "since"));
    let before: string | undefined;
    const found = changeRegistry(folder, (registry, otherwise) => {
      const entry = this.#find(registry, uid);
      if (entry === undefined) return undefined;
      if (entry.removed && !this.#holds(entry)) return undefined;
      const segment = Segment.byId(entry.shmid).attach({ writable: true });
      otherwise(() => segment.close());
      if (segment.size < kernelBytes(entry.size)) {
        segment.close(); // of an earlier version: has no place for copies
        return undefined;
      }
      before = entry.remote.find(({ partition }) => partition === peer)?.copy;
      entry.remote = [
        ...entry.remote.filter(({ partition }) => partition !== peer),
        { partition: peer, copy: name },
      ];
      return { segment, size: entry.size };
    });
    if (found === undefined) {
      this.#known.delete(uid);
      this.#line.send({ t: "gone", uid });
      return;
    }
    const ordered = new OrderedSegment(found.segment, found.size);
    try {
      if (before !== undefined && before !== name) {
        ordered.leave(BigInt(`0x${before}`));
      }
      const place = ordered.enter(BigInt(`0x${name}`), PATIENCE_MS);
      if (place === undefined) throw new PartitionError("Too many copies");
      ordered.watch(bell.id, PATIENCE_MS);
      const { slot, known } = place;
      const last = ordered.last(slot);
      this.#served.set(handle, {
        uid,
        name,
        slot,
        ...found,
        ordered,
        sent: since !== undefined && since <= ordered.newest
          ? since
          : undefined,
        own: last,
        fresh: true,
        asks: [],
      });
      if (!this.#known.has(uid)) this.#known.set(uid, "live");
      this.#line.send({ t: "held", handle, known, last: `${last}` });
    } catch (error) {
      found.segment.close();
      if (!(error instanceof KeptError)) throw error;
      this.#later.push(message);
    }
  }

  #close(handle: number): Served | undefined {
    const served = this.#served.get(handle);
    if (served === undefined) return undefined;
    this.#served.delete(handle);
    served.ordered[Symbol.dispose]();
    served.segment.close();
    return served;
  }

  #drop(handle: number): void {
    this.#later = this.#later.filter((one) => one.handle !== handle);
    const served = this.#served.get(handle);
    if (served === undefined) return;
    served.ordered.leave(BigInt(`0x${served.name}`));
    this.#close(handle);
    changeRegistry(this.#place.folder, (registry) => {
      const entry = this.#find(registry, served.uid);
      if (entry === undefined) return;
      entry.remote = entry.remote.filter(({ copy }) => copy !== served.name);
      letGo(entry);
    });
    this.lookAround();
  }

  /** A copy's update. */
  onParcel(parcel: Parcel): void {
    const served = this.#served.get(parcel.handle);
    if (served === undefined) return; // gone meanwhile: the copy is told
    single(parcel, served.size); // refused at once, not when its turn comes
    if (served.asks.length >= MAX_ASKS) {
      throw new PartitionError("It breaks the rules of the line: too many");
    }
    served.asks.push(parcel);
    this.push();
  }

  /** Tells of what has gone. */
  lookAround(): void {
    inspectRegistry(this.#place.folder, (registry) => {
      for (const [uid, told] of this.#known) {
        const entry = this.#find(registry, uid);
        if (entry === undefined || entry.removed && !this.#holds(entry)) {
          this.#gone(uid);
        } else if (entry.removed && told === "live") {
          this.#known.set(uid, "removed");
          this.#line.send({ t: "removed", uid });
        }
      }
    });
  }

  #gone(uid: string): void {
    this.#known.delete(uid);
    for (const [handle, served] of this.#served) {
      if (served.uid === uid) this.#close(handle);
    }
    this.#line.send({ t: "gone", uid });
  }

  /** Makes what waits, and sends each copy what it lacks. */
  push(): void {
    const later = this.#later;
    this.#later = [];
    for (const message of later) this.#hold(message);
    for (const [handle, served] of this.#served) {
      try {
        this.#turn(served);
        this.#send(handle, served);
      } catch (error) {
        // Somebody keeps the lock: at the next look.
        if (!(error instanceof KeptError)) throw error;
      }
    }
  }

  #turn({ asks, ordered, size, slot }: Served): void {
    for (let ask = asks[0]; ask !== undefined; ask = asks[0]) {
      const { offset, bytes } = single(ask, size);
      const origin = { slot, number: ask.update };
      ordered.update(offset, bytes, origin, PATIENCE_MS);
      asks.shift();
    }
  }

  #send(handle: number, served: Served): void {
    if (this.#line.backlog > MAX_BACKLOG) return;
    const { ordered, slot, sent, own, fresh } = served;
    const same = ordered.newest === sent && ordered.last(slot) === own;
    if (same && !fresh) return;
    const found = ordered.changes(slot, sent, PATIENCE_MS);
    this.#line.sendParcel({ ask: false, handle, ...found });
    served.sent = found.update;
    served.own = found.own;
    served.fresh = false;
  }

  /** Lets everything go; the registry keeps who holds what. */
  [Symbol.dispose](): void {
    for (const handle of [...this.#served.keys()]) this.#close(handle);
  }
}

/**
 * Ends what a silent partition has.
 *
 * @returns How many segments it had.
 */
export function releaseHolds(
  folder: string,
  partition: number,
  peer: number,
): number {
  return changeRegistry(folder, ({ segments }) => {
    let released = 0;
    for (const entry of segments) {
      if (entry.partition !== partition || entry.copy !== null) continue;
      const gone = entry.remote.filter((one) => one.partition === peer);
      if (gone.length === 0) continue;
      released++;
      forgetCopies(entry, gone.map(({ copy }) => copy));
      entry.remote = entry.remote.filter((one) => one.partition !== peer);
      letGo(entry);
    }
    return released;
  });
}

function forgetCopies(entry: Entry, names: readonly string[]): void {
  try {
    using segment = Segment.byId(entry.shmid).attach({ writable: true });
    using ordered = new OrderedSegment(segment, entry.size);
    for (const name of names) ordered.leave(BigInt(`0x${name}`));
  } catch (error) {
    if (!isSystemError(error)) throw error; // it is gone
  }
}
