/**
 * A partition's copies of what another one owns: kept up to date, and their
 * updates sent to the owner.
 * @module
 */

import { isSystemError } from "../../ffi/errno.ts";
import { Segment } from "../sysv/segment.ts";
import type { Bell } from "./bell.ts";
import { flag, text, whole } from "./check.ts";
import { PartitionError } from "./errors.ts";
import {
  blocksOf,
  copyBytes,
  FATE,
  type HEAD,
  HELD,
  Layout,
  LOG_ENTRIES,
  recordOf,
  roundUp,
  setWord,
} from "./layout.ts";
import type { Line, Message, Parcel } from "./line.ts";
import {
  type CallReply,
  changeRegistry,
  type Entry,
  inspectRegistry,
  newName,
  pagesOf,
  type Pending,
  type Registry,
  removeFromKernel,
  toReply,
} from "./registry.ts";
import { PAGE_BYTES, readUnit } from "./unit.ts";
import { pagesTaken } from "./xp.ts";

/** Whose copies, of whom. */
export interface CopiesPlace {
  /** The run folder. */
  readonly folder: string;
  /** Our unit. */
  readonly unit: number;
  /** Our partition. */
  readonly partition: number;
  /** The owner. */
  readonly peer: number;
  /** What is rung after an update. */
  readonly bell: Bell;
}

/** A copy, attached. */
class Copy {
  readonly layout: Layout;
  /** What the line calls it while the owner serves it. */
  handle: number | undefined;
  /** Whether the owner has said so. */
  served = false;

  constructor(
    readonly uid: string,
    readonly name: string,
    readonly size: number,
    readonly segment: Segment,
  ) {
    this.layout = new Layout(size);
  }

  word(name: keyof typeof HEAD): bigint {
    return this.segment.word(this.layout.head(name));
  }

  /** Stores a word of the head, and wakes who waits for it. */
  set(name: keyof typeof HEAD, value: bigint): void {
    const at = this.layout.head(name);
    setWord(this.segment, at, value);
    this.segment.ring(at, 0n);
  }

  /** Replaces the fate of an update. */
  turn(from: bigint, to: bigint): boolean {
    const at = this.layout.head("fate");
    if (this.segment.swap(at, from, to) !== from) return false;
    this.segment.ring(at, 0n);
    return true;
  }

  /** The newest of the owner's updates that it has. */
  get since(): string | null {
    const applied = this.word("applied");
    return applied === 0n ? null : `${applied - 1n}`;
  }

  /** Largest parcel for it. */
  get most(): number {
    const records = Math.max(LOG_ENTRIES, blocksOf(this.size));
    return 24 * records + roundUp(this.size);
  }
}

/** The copies. */
export class Copies {
  readonly #place: CopiesPlace;
  readonly #copies = new Map<string, Copy>();
  readonly #handles = new Map<number, Copy>();
  #handle = 0;
  #line: Line | undefined;
  #asked = new Set<string>();

  /**
   * Takes those that are there.
   *
   * @param place Whose.
   */
  constructor(place: CopiesPlace) {
    this.#place = place;
  }

  /** How many there are. */
  get size(): number {
    return this.#copies.size;
  }

  /** A new line to the owner: it is asked for everything anew. */
  join(line: Line): void {
    this.part();
    this.#line = line;
    for (const uid of this.#copies.keys()) line.send({ t: "know", uid });
    this.lookAround();
  }

  /** The line is lost. */
  part(): void {
    this.#line = undefined;
    this.#asked = new Set();
    this.#handles.clear();
    for (const copy of this.#copies.values()) {
      copy.handle = undefined;
      copy.served = false;
    }
  }

  /** Largest parcel for a copy. */
  most(handle: number): number | undefined {
    return this.#handles.get(handle)?.most;
  }

  #mine(entry: Entry): boolean {
    const { partition, peer } = this.#place;
    return entry.copy?.home === partition && entry.partition === peer;
  }

  /** Holds copies against who uses them, and passes calls on. */
  lookAround(): void {
    const { folder, partition, peer } = this.#place;
    inspectRegistry(folder, (registry) => {
      const mine = registry.segments.filter((entry) => this.#mine(entry));
      for (const entry of mine) this.#look(entry);
      for (const copy of [...this.#copies.values()]) {
        if (mine.some(({ uid }) => uid === copy.uid)) continue;
        this.#detach(copy); // its daemon was shut down
      }
      const line = this.#line;
      if (line === undefined) return;
      for (const call of registry.calls) {
        if (call.partition !== peer || call.home !== partition) continue;
        if (call.reply !== null || this.#asked.has(call.id)) continue;
        this.#asked.add(call.id);
        line.send({ t: "call", id: call.id, ...call.call });
      }
    });
    this.push();
  }

  #look(entry: Entry): void {
    const copy = this.#copies.get(entry.uid) ?? this.#attach(entry);
    if (copy === undefined) return;
    const used = entry.holds.length > 0;
    if (used && copy.handle === undefined && this.#line !== undefined) {
      copy.handle = ++this.#handle;
      this.#handles.set(copy.handle, copy);
      this.#line.send({
        t: "hold",
        handle: copy.handle,
        uid: copy.uid,
        copy: copy.name,
        since: copy.since,
      });
    } else if (!used && copy.word("held") === HELD.yes) {
      // Under the registry's lock: who attaches now waits to be held again.
      copy.set("held", HELD.not);
    }
    if (!used && copy.handle !== undefined) {
      this.#line?.send({ t: "drop", handle: copy.handle });
      this.#handles.delete(copy.handle);
      copy.handle = undefined;
      copy.served = false;
    }
  }

  #attach(entry: Entry): Copy | undefined {
    const { uid, copy: facts, size, shmid } = entry;
    let segment: Segment;
    try {
      segment = Segment.byId(shmid).attach({ writable: true });
    } catch (error) {
      if (isSystemError(error, "EINVAL", "EIDRM")) return undefined;
      throw error;
    }
    if (segment.size < copyBytes(size)) {
      segment.close();
      return undefined;
    }
    const copy = new Copy(uid, facts?.name ?? "", size, segment);
    if (copy.word("held") === HELD.gone) {
      segment.close();
      return undefined; // nobody updates it any more
    }
    copy.set("bell", BigInt(this.#place.bell.id) + 1n);
    this.#copies.set(uid, copy);
    this.#line?.send({ t: "know", uid });
    return copy;
  }

  #detach(copy: Copy): void {
    if (copy.handle !== undefined) {
      this.#line?.send({ t: "drop", handle: copy.handle });
      this.#handles.delete(copy.handle);
    }
    this.#copies.delete(copy.uid);
    copy.segment.close();
  }

  /** Sends the updates that programs have put down. */
  push(): void {
    for (const copy of this.#copies.values()) {
      if (!copy.served) continue;
      const fate = copy.word("fate");
      if (fate % 4n !== FATE.staged) continue;
      if (copy.turn(fate, fate - FATE.staged + FATE.sent)) {
        this.#send(copy, fate / 4n);
      }
    }
  }

  #send(copy: Copy, number: bigint): void {
    const { layout, segment, size, handle } = copy;
    const offset = Number(copy.word("offset"));
    const length = Number(copy.word("length"));
    if (handle === undefined) return;
    if (offset + length > size) { // no program of ours writes such a thing
      this.#refuse(copy, number);
      return;
    }
    const records = recordOf(offset, segment.bytes(layout.staged, length));
    this.#line?.sendParcel({
      ask: true,
      handle,
      update: number,
      own: 0n,
      records,
    });
  }

  #refuse(copy: Copy, number: bigint): void {
    copy.set("refused", number);
    for (const state of [FATE.sent, FATE.given]) {
      copy.turn(number * 4n + state, number * 4n);
    }
  }

  /** Takes a message of the owner; false where it is none. */
  onMessage(message: Message): boolean {
    switch (message.t) {
      case "held":
        this.#held(message);
        return true;
      case "reply":
        this.#reply(message);
        return true;
      case "removed":
        this.#removed(text(message, "uid"));
        return true;
      case "gone":
        this.#gone(text(message, "uid"));
        return true;
      default:
        return false;
    }
  }

  /** What became of an update that was on its way when the line was lost. */
  #held(message: Message): void {
    const copy = this.#handles.get(whole(message, "handle"));
    if (copy === undefined) return; // let go meanwhile
    copy.served = true;
    const last = BigInt(text(message, "last"));
    const fate = copy.word("fate");
    const number = fate / 4n;
    const state = fate % 4n;
    if (state === FATE.sent && last < number) {
      if (flag(message, "known")) this.#send(copy, number);
      else this.#refuse(copy, number);
    } else if (state === FATE.given && last < number) {
      copy.turn(fate, number * 4n);
    }
    this.push();
  }

  /** All that a copy lacked, or what came back of its own. */
  onParcel({ handle, update, own, records }: Parcel): void {
    const copy = this.#handles.get(handle);
    if (copy === undefined) return; // let go meanwhile
    const { segment, layout, size } = copy;
    const applied = copy.word("applied");
    if (records.length > 0) {
      try {
        segment.apply(layout.head("sequence"), size, records);
      } catch (error) {
        if (!isSystemError(error, "EBADMSG")) throw error;
        throw new PartitionError("It breaks the rules of the line: a bad part");
      }
    }
    if (applied !== update + 1n) {
      copy.set("updates", update);
      copy.set("applied", update + 1n);
    }
    if (copy.word("held") === HELD.not) copy.set("held", HELD.yes);
    const fate = copy.word("fate");
    const state = fate % 4n;
    if (state < FATE.sent || fate / 4n > own) return;
    if (copy.turn(fate, fate - state) || state === FATE.given) return;
    copy.turn(fate - state + FATE.given, fate - state); // given up just now
  }

  #removed(uid: string): void {
    changeRegistry(this.#place.folder, ({ segments }) => {
      const entry = segments.find((one) => one.uid === uid && this.#mine(one));
      if (entry === undefined) return;
      entry.removed = true;
      if (entry.holds.length === 0) removeFromKernel(entry);
    });
  }

  #gone(uid: string): void {
    const copy = this.#copies.get(uid);
    if (copy !== undefined) {
      copy.set("held", HELD.gone);
      const fate = copy.word("fate");
      if (fate % 4n === FATE.sent) this.#refuse(copy, fate / 4n);
      else if (fate % 4n !== FATE.done) copy.turn(fate, fate - fate % 4n);
      if (copy.handle !== undefined) this.#handles.delete(copy.handle);
      this.#copies.delete(uid);
      copy.segment.close();
    }
    changeRegistry(this.#place.folder, ({ segments }) => {
      const entry = segments.find((one) => one.uid === uid && this.#mine(one));
      if (entry === undefined) return;
      entry.removed = true;
      removeFromKernel(entry);
    });
  }

  #reply(message: Message): void {
    const id = text(message, "id");
    const { folder, bell, peer } = this.#place;
    changeRegistry(folder, (registry, otherwise) => {
      const pending = registry.calls.find((one) => one.id === id);
      if (pending === undefined || pending.partition !== peer) return;
      const made = (id: number): void =>
        otherwise(() => Segment.byId(id).remove());
      pending.reply = this.#answer(registry, pending, message, made);
    });
    bell.ringChanged();
    this.lookAround();
  }

  #answer(
    registry: Registry,
    { call }: Pending,
    message: Message,
    onMade: (shmid: number) => void,
  ): CallReply {
    if (!flag(message, "ok")) return toReply(message);
    if (call.what === "ctl") return { ok: true, shmid: 0 };
    const uid = text(message, "uid");
    const size = whole(message, "size", 1);
    const there = registry.segments.find((one) =>
      one.uid === uid && this.#mine(one)
    );
    if (there !== undefined) return { ok: true, shmid: there.shmid };
    const reply = this.#make(registry, uid, call.key, size);
    if (reply.ok) onMade(reply.shmid);
    return reply;
  }

  #make(
    registry: Registry,
    uid: string,
    key: number,
    size: number,
  ): CallReply {
    const { folder, unit, partition, peer } = this.#place;
    const maxpgs = readUnit(folder, unit)?.limits.maxpgs ?? 0;
    const taken = pagesTaken(registry, partition);
    const pages = pagesOf(size);
    if (taken + pages > maxpgs) {
      return {
        ok: false,
        code: "maxpgs",
        call: "shmget",
        message:
          `Partition ${partition} has ${taken} pages in segments, a copy of ` +
          `${pages} more is beyond its limit maxpgs = ${maxpgs} (pages of ` +
          `${PAGE_BYTES} bytes): "shmim ctl maxpgs N" raises it`,
      };
    }
    const segment = Segment.create("private", { size: copyBytes(size) });
    registry.segments.push({
      key,
      shmid: segment.shmid,
      partition: peer,
      size,
      pages,
      creatorPid: segment.stat().creatorPid,
      autormid: false,
      removed: false,
      holds: [],
      uid,
      remote: [],
      copy: { home: partition, name: newName() },
    });
    return { ok: true, shmid: segment.shmid };
  }

  /** Lets everything go; the copies stay as they are. */
  [Symbol.dispose](): void {
    this.#line = undefined;
    for (const copy of [...this.#copies.values()]) this.#detach(copy);
  }
}
