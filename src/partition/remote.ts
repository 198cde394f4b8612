/**
 * Mounts between hosts, where they are mounted: for reading a receiving end
 * here and a transmitting one at the owner's, for writing the other way
 * round. Both daemons set them up and touch no frame. The one who mounts
 * drives: it asks again and again, so that either side may lose anything and
 * the mount comes back.
 * @module
 */

import { basename } from "@std/path";
import { statFile } from "../../ffi/files.ts";
import { removeStream } from "../stream/remove.ts";
import { SUFFIX } from "../stream/names.ts";
import { pause } from "../../ffi/clock.ts";
import { Peers } from "./daemon_peers.ts";
import { BackOff } from "./back_off.ts";
import type { Book } from "./book.ts";
import { addressOf, type Caller, Callers } from "./callers.ts";
import type { Request } from "./control.ts";
import type { Duties } from "./duties.ts";
import { PartitionError, PeerRefusal } from "./errors.ts";
import { whole } from "./check.ts";
import { Ferries } from "./ferries.ts";
import type { Keyring } from "./keyring.ts";
import { requireWritable } from "./mounts.ts";
import { label, Origins, requireNoCircle, toChain } from "./origins.ts";
import { type PeerFacts, PeerWatch } from "./peer_watch.ts";
import type { Peer } from "./peers.ts";
import { type CarrierFacts, ofMount, type Pump, Pumps } from "./pumps.ts";
import { type Offer, Serving } from "./serving.ts";
import type { Mount } from "./unit.ts";
import { ensureLike, toShape } from "./written.ts";

/** How often an owner is asked once more, ms. */
const RENEW_MS = 1000;

/** How long an owner may take to hear that a mount is gone, ms. */
const LEAVE_MS = 1000;

/** What mounts between hosts need of their daemon. */
export interface RemoteHost {
  /** What it remembers. */
  readonly book: Book;
  /** Its processes. */
  readonly duties: Duties;
  /** Our own address, where receivers listen. */
  readonly hostname: string;
  /** The keys. */
  readonly keys: Keyring;
}

/** The streams that cross to and from other hosts. */
export class Remote {
  readonly #book: Book;
  readonly #hostname: string;
  readonly #backOff = new BackOff();
  readonly #renewed = new Map<string, number>();
  readonly #origins = new Origins();
  readonly #serving: Serving;
  readonly #tending = new Set<string>();
  /** Mounts whose owner was not reached when it was asked last. */
  readonly #away = new Set<string>();
  #busy = false;
  /** Who the others are. */
  readonly callers: Callers;
  /** How they are asked. */
  readonly peers: Peers;
  /** What is carried. */
  readonly pumps: Pumps;
  /** What carries segments. */
  readonly ferries: Ferries;
  readonly #watch: PeerWatch;

  /**
   * Looks after them from now on.
   *
   * @param host Their daemon.
   */
  constructor({ book, duties, hostname, keys }: RemoteHost) {
    this.#book = book;
    this.#hostname = hostname;
    this.peers = new Peers(book, keys);
    this.callers = new Callers(book);
    this.pumps = new Pumps(book, duties);
    this.ferries = new Ferries(book, duties, this.peers, hostname);
    this.#watch = new PeerWatch(book, this.peers);
    this.#serving = new Serving(
      book,
      this.pumps,
      this.#origins,
      hostname,
      (peer) => this.#facts(peer),
    );
  }

  /** The peer that a partition is, where it is one. */
  peer(partition: number): Peer | undefined {
    return this.peers.find(partition);
  }

  /** What carrying for a peer takes. */
  async #facts(peer: Peer): Promise<CarrierFacts> {
    const key = this.peers.keys.of(peer.partition)?.path;
    // Who has a key of its own is known by it, wherever it comes from.
    const allow = peer.key === undefined ? await addressOf(peer) : undefined;
    return { key, allow };
  }

  /** The partitions of other hosts. */
  get others(): PeerFacts[] {
    return this.#watch.facts(this.ferries);
  }

  /** Answers another daemon. */
  async answer(request: Request, caller: Caller): Promise<unknown> {
    const peer = await this.callers.identify(request, caller);
    const { partition, hostname } = this.#book.state;
    if (request.do === "ping") return { partition, hostname };
    this.#book.requireStaying();
    if (request.do === "ferry") return await this.ferries.answer(request, peer);
    return await this.#serving.answer(request, peer, caller.host);
  }

  async #offer(peer: Peer, stream: string): Promise<Offer> {
    const answer = await this.peers.ask(peer, {
      do: "offer",
      stream,
    }) as Record<
      string,
      unknown
    >;
    return {
      write: answer.write === true,
      writer: typeof answer.writer === "number" ? answer.writer : null,
      origins: toChain(answer.origins),
    };
  }

  /**
   * Whether a stream may be mounted; asks its owner.
   *
   * @throws {PartitionError} where it may not.
   */
  async offered(
    peer: Peer,
    mount: Omit<Mount, "target">,
  ): Promise<{ write: boolean }> {
    const { partition } = this.#book.state;
    const { stream, write, path } = mount;
    const offer = await this.#offer(peer, stream);
    if (!write) {
      requireNoCircle([label(partition, nameOf(path))], offer.origins);
      return offer;
    }
    requireWritable({ name: stream, write: offer.write }, peer.partition);
    if (offer.writer !== null && offer.writer !== partition) {
      throw new PartitionError(
        `"${stream}" of partition ${peer.partition} is written by partition ` +
          `${offer.writer} already: it has one writer at a time`,
      );
    }
    return offer;
  }

  /**
   * Holds everything against what it must be.
   *
   * @param onState Told how each mount does: a problem, or nothing.
   */
  async look(onState: (mount: Mount, problem: string) => void): Promise<void> {
    this.#book.quietly("peers", () => this.#watch.look());
    this.#book.quietly("segments", () => this.ferries.look());
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.pumps.look();
      await this.#serving.look();
      await this.#endOrphans();
      // Not waited for: one that does not answer holds no other one up.
      for (const mount of this.#book.state.mounts) {
        this.#lookAt(mount, onState)
          .catch((error) => this.#book.failed(mount.path, error));
      }
      this.#book.went("streams");
    } catch (error) {
      this.#book.failed("streams", error);
    } finally {
      this.#busy = false;
    }
  }

  /** Ends what serves no mount any more: it went while no daemon ran. */
  async #endOrphans(): Promise<void> {
    const { mounts } = this.#book.state;
    for (const pump of this.pumps.all) {
      if (pump.of !== "mount") continue;
      const mounted = mounts.some((mount) => ofMount(mount, pump)) &&
        this.peer(pump.partition) !== undefined;
      if (!mounted) await this.pumps.stop(pump);
    }
  }

  async #lookAt(
    mount: Mount,
    onState: (mount: Mount, problem: string) => void,
  ): Promise<void> {
    const peer = this.peer(mount.partition);
    if (peer === undefined || this.#tending.has(mount.path)) return;
    if (this.#away.has(mount.path) && this.peers.reached(peer.partition)) {
      this.#away.delete(mount.path); // it is back: not ever later any more
      this.#backOff.done(mount.path);
    }
    if (!this.#backOff.may(mount.path)) return;
    this.#tending.add(mount.path);
    try {
      await this.#tend(mount, peer);
      this.#backOff.done(mount.path);
      if (this.#isMounted(mount)) onState(mount, "");
    } catch (error) {
      this.#backOff.failed(mount.path);
      if (!this.peers.reached(peer.partition)) this.#away.add(mount.path);
      if (this.#isMounted(mount)) onState(mount, (error as Error).message);
    } finally {
      this.#tending.delete(mount.path);
    }
  }

  #isMounted({ path }: Mount): boolean {
    return !this.#book.ending &&
      this.#book.state.mounts.some((one) => one.path === path);
  }

  #pumpOf(mount: Mount): Pump | undefined {
    return this.pumps.all.find((pump) => ofMount(mount, pump));
  }

  async #tend(mount: Mount, peer: Peer): Promise<void> {
    const facts = await this.#facts(peer);
    const last = this.#renewed.get(mount.path) ?? -Infinity;
    let pump = this.#pumpOf(mount);
    const kind = mount.write ? "transmit" : "receive";
    if (
      pump !== undefined &&
      (pump.kind !== kind || !this.pumps.stands(pump, facts) ||
        kind === "receive" && pump.host !== this.#hostname)
    ) {
      await this.pumps.stop(pump);
      pump = undefined;
    }
    if (pump !== undefined && performance.now() - last < RENEW_MS) return;
    if (mount.write) await this.#write(mount, peer, pump, facts);
    else await this.#read(mount, peer, pump, facts);
    this.#renewed.set(mount.path, performance.now());
  }

  /** Where it was unmounted while a process started, that ends again. */
  async #orEnd(mount: Mount, pump: Pump): Promise<void> {
    if (!this.#isMounted(mount)) await this.pumps.stop(pump);
  }

  /** For reading: frames come here. */
  async #read(
    mount: Mount,
    peer: Peer,
    there: Pump | undefined,
    facts: CarrierFacts,
  ): Promise<void> {
    const { partition, stream, path } = mount;
    let pump = there;
    if (pump === undefined) {
      await this.#requireOrigin(mount, peer);
      if (!this.#isMounted(mount)) return;
      this.#claim(mount);
      pump = await this.pumps.start({
        kind: "receive",
        of: "mount",
        partition,
        stream,
        path,
        host: this.#hostname,
        port: 0,
      }, facts);
      await this.#orEnd(mount, pump);
    }
    try {
      const { port } = pump;
      await this.peers.ask(peer, { do: "feed", stream, port });
    } finally {
      if (this.peers.reached(partition)) {
        await this.#requireOrigin(mount, peer, pump);
      }
    }
  }

  /** Asks where the frames come from; a mount that feeds itself ends. */
  async #requireOrigin(mount: Mount, peer: Peer, pump?: Pump): Promise<void> {
    const { stream, path } = mount;
    const { origins } = await this.#offer(peer, stream);
    this.#origins.learn(path, origins);
    try {
      requireNoCircle(
        [label(this.#book.state.partition, nameOf(path))],
        origins,
      );
    } catch (error) {
      if (pump !== undefined) await this.pumps.stop(pump);
      throw error;
    }
  }

  /** For writing: frames go from here into the owner's stream. */
  async #write(
    mount: Mount,
    peer: Peer,
    there: Pump | undefined,
    facts: CarrierFacts,
  ): Promise<void> {
    const { partition, stream, path } = mount;
    const { state } = this.#book;
    let answer: Record<string, unknown>;
    try {
      answer = await this.peers.ask(peer, {
        do: "take",
        stream,
        origins: this.#origins.of(state, nameOf(path), path),
      }) as Record<string, unknown>;
    } catch (error) {
      // What the owner refuses must not go on; one that is away may be back.
      if (there !== undefined && error instanceof PeerRefusal) {
        await this.pumps.stop(there);
      }
      throw error;
    }
    if (!this.#isMounted(mount)) return; // unmounted meanwhile: no file of it
    this.#claim(mount);
    const shape = toShape(answer.shape as Record<string, unknown>);
    const after = this.#begun(mount, ensureLike(path, shape));
    const port = whole(answer, "port", 1, 65535);
    if (
      there !== undefined && there.port === port && there.host === peer.host
    ) {
      return;
    }
    if (there !== undefined) await this.pumps.stop(there);
    const pump = await this.pumps.start({
      kind: "transmit",
      of: "mount",
      partition,
      stream,
      path,
      host: peer.host,
      port,
      ...after === undefined ? {} : { after },
    }, facts);
    await this.#orEnd(mount, pump);
  }

  /** The counter that a stream for writing began with: no frame of ours. */
  #begun({ path }: Mount, made: string | undefined): string | undefined {
    const { mounts } = this.#book.state;
    if (made === undefined) {
      return mounts.find((one) => one.path === path)?.base;
    }
    this.#book.change({
      mounts: mounts.map((one) =>
        one.path === path ? { ...one, base: made } : one
      ),
    });
    return made;
  }

  /**
   * Ends a mount: its end here, its copy, and, where the owner can be reached,
   * its end there.
   */
  async end(mount: Mount): Promise<void> {
    this.#renewed.delete(mount.path);
    this.#backOff.done(mount.path);
    this.#origins.forget(mount.path);
    const pump = this.#pumpOf(mount);
    if (pump !== undefined) await this.pumps.stop(pump);
    Remote.removeCopy(mount);
    const peer = this.peer(mount.partition);
    if (peer === undefined) return;
    const { stream } = mount;
    // Where it cannot be reached it notices that nobody asks.
    const left = new AbortController();
    this.peers.ask(peer, { do: "leave", stream, write: mount.write })
      .catch(() => {}).finally(() => left.abort());
    await pause(LEAVE_MS, left.signal);
  }

  /** Ends every process. */
  async endAll(): Promise<void> {
    await this.pumps.endAll();
  }

  /** Removes the copy of a mount, where it is ours. */
  static removeCopy({ path, made }: Mount): void {
    if (made === true && Remote.taken(path)) {
      removeStream(path, { force: true });
    }
  }

  /** Notes that the copy will be ours, where nothing has its name. */
  #claim({ path }: Mount): void {
    const { mounts } = this.#book.state;
    const mount = mounts.find((one) => one.path === path);
    if (mount === undefined || mount.made === true || Remote.taken(path)) {
      return;
    }
    this.#book.change({
      mounts: mounts.map((one) => one === mount ? { ...one, made: true } : one),
    });
  }

  /** Whether something that is no mount of ours has the place. */
  static taken(path: string): boolean {
    return statFile(path, { follow: false }) !== undefined;
  }
}

function nameOf(path: string): string {
  return basename(path, SUFFIX);
}
