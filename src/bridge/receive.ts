/**
 * The receiving end: listens, takes streams from transmitters, milk's or
 * ours, and survives every one of them.
 * @module
 */

import { CLOCK, clockNs, pause } from "../../ffi/clock.ts";
import {
  NO_SCHEDULE,
  type Pump,
  type PumpEnd,
  type Schedule,
  startReceive,
  trySchedule,
} from "../../ffi/pump.ts";
import { startWireReceive } from "../../ffi/wire_pump.ts";
import { reopenSettled } from "../stream/reopen.ts";
import type { Stream } from "../stream/stream.ts";
import { kindOf } from "../stream/types.ts";
import {
  type DestinationOptions,
  fits,
  openDestination,
} from "./destination.ts";
import { Admission, type Guest } from "./admission.ts";
import { explain, plainAddress, shown } from "./peer.ts";
import { greet, type Greeting, refuse, type WireChoice } from "./greet.ts";
import { readKey } from "./key.ts";
import { Refusals } from "./refusals.ts";
import { type Announcement, keywordBytes, WireError } from "./milk_wire.ts";
import {
  type BridgeStatus,
  closeOnce,
  type EventSink,
  every,
  Tally,
} from "./session.ts";
import {
  CAPABILITY,
  type Progress,
  type SourceId,
  writeAnswer,
} from "./wire.ts";
import { startZstdReceive } from "./zstd_receive.ts";

/** What to receive, and how. */
export interface ReceiveOptions extends DestinationOptions {
  /** Port; 0 takes a free one. */
  port: number;
  /** Address to listen on. Default 127.0.0.1. */
  bind?: string;
  /** Addresses that may connect. Default: all that reach the port. */
  allow?: readonly string[];
  /** Which wires it speaks. Default `any`, with a key only our own. */
  wire?: WireChoice;
  /** File of the key that peers must have. Default: nobody is asked. */
  key?: string;
  /** Put large frames into the stream as they come (our own wire). */
  direct?: boolean;
  /** Added to the clock that peers are told, ns: for tests. */
  clockShiftNs?: bigint;
  /** Largest stream that a peer may announce, bytes. Default 1 GiB. */
  maxBytes?: number;
  /**
   * Drop a peer that sends nothing for so long, ms, rounded. Default 0, never.
   */
  idleTimeoutMs?: number;
  /** How long a peer may take for its announcement, ms. Default 10 s. */
  handshakeTimeoutMs?: number;
  /** End with the first peer that sent a stream, as milk's receiver does. */
  once?: boolean;
  /** Priority and cores of the pumps. */
  schedule?: Schedule;
  /** Ends it within 200 ms. */
  signal?: AbortSignal;
  /** Takes what there is to tell. */
  onEvent?: EventSink;
}

const LOOK_MS = 1000;
const MAX_PEERS = 16;
/** Connections of one address in a second: milk's come without a key. */
const MAX_RATE = 2000;
const CROWDED = "too many connections that announce nothing";
const STALE_NS = 2_000_000_000n;
const GIB = 2 ** 30;
/** A peer of our own wire that misses so many heartbeats is gone. */
const MISSED_PINGS = 5;
const MIN_SILENCE_MS = 5000;
/** Thirty years: the pumps count in 64 bits of ns. */
const MAX_IDLE_MS = 1e12;

/** One peer that sends a stream. */
interface Feed {
  readonly peer: string;
  readonly announcement: Announcement;
  readonly connection: Deno.TcpConn;
  readonly started: bigint;
  readonly ours: Greeting["ours"];
  pump: Pump | undefined;
  evicted: boolean;
}

/** What has come of a source over our own wire, and from whom. */
interface Known extends Progress {
  readonly source: SourceId;
  readonly instance: bigint;
}

/** Whole milliseconds, as the pumps count; 0 stays the only "never". */
function wholeMs(ms: number): number {
  if (!(ms >= 0 && ms <= MAX_IDLE_MS)) {
    throw new RangeError(
      `An idle timeout is 0 to ${MAX_IDLE_MS} ms, not ${ms}`,
    );
  }
  return ms === 0 ? 0 : Math.max(1, Math.round(ms));
}

/** A receiver at work. */
export class Receiver {
  readonly #options: ReceiveOptions;
  readonly #listener: Deno.TcpListener;
  readonly #tally = new Tally();
  /** By the stream's file. */
  readonly #tallies = new Map<string, Tally>();
  readonly #feeds = new Map<string, Feed>();
  readonly #greetings = new Set<Deno.TcpConn>();
  readonly #admission = new Admission({ open: 64, perSecond: MAX_RATE });
  readonly #tasks = new Set<Promise<void>>();
  /** By name: the last frame that has come over our own wire. */
  readonly #known = new Map<string, Known>();
  readonly #refusals = new Refusals((event) => this.#options.onEvent?.(event));
  #stopped = false;
  /** Settles when it has ended. */
  readonly done: Promise<void>;

  private constructor(options: ReceiveOptions, listener: Deno.TcpListener) {
    this.#options = options;
    this.#listener = listener;
    options.signal?.addEventListener("abort", this.#onAbort);
    this.#checkSchedule();
    this.done = this.#run();
    if (options.signal?.aborted) this.stop();
  }

  /**
   * Starts to listen.
   *
   * @throws {RangeError} where the idle timeout is no time.
   * @throws {Deno.errors.AddrInUse} where the port is taken.
   * @throws {KeyFileError} where the key cannot be used.
   */
  static listen(options: ReceiveOptions): Receiver {
    if (options.key !== undefined) readKey(options.key);
    const idleTimeoutMs = wholeMs(options.idleTimeoutMs ?? 0);
    const hostname = options.bind ?? "127.0.0.1";
    const { port } = options;
    let listener: Deno.TcpListener;
    try {
      listener = Deno.listen({ hostname, port });
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) {
        throw new Deno.errors.AddrInUse(
          `Port ${port} on ${hostname} is taken by another program`,
          { cause: error },
        );
      }
      if (error instanceof Deno.errors.AddrNotAvailable) {
        throw new Deno.errors.AddrNotAvailable(
          `This host has no address ${hostname} (--bind)`,
          { cause: error },
        );
      }
      throw error;
    }
    return new Receiver({ ...options, idleTimeoutMs }, listener);
  }

  readonly #onAbort = (): void => this.stop();

  /** The port, also where 0 was asked for. */
  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Ends it within 200 ms. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#listener.close();
    for (const connection of this.#greetings) closeOnce(connection);
    for (const feed of this.#feeds.values()) feed.pump?.stop();
  }

  /** How it does, all peers together. */
  status(): BridgeStatus {
    return this.#tally.status();
  }

  /** How each stream did that was ever fed, by its file. */
  byStream(): { path: string; status: BridgeStatus }[] {
    return [...this.#tallies].map(([path, tally]) => ({
      path,
      status: tally.status(),
    }));
  }

  /** Streams that are being fed: name by path. */
  get streams(): string[] {
    return [...this.#feeds.values()].map((feed) => feed.announcement.name);
  }

  #tell(level: "note" | "warning", message: string): void {
    this.#options.onEvent?.({ level, message });
  }

  #checkSchedule(): void {
    const refused = trySchedule(this.#options.schedule ?? NO_SCHEDULE);
    if (refused !== undefined) {
      this.#tell("warning", `${refused.message}: going on without`);
    }
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped) {
        let connection: Deno.TcpConn;
        try {
          connection = await this.#listener.accept();
        } catch (error) {
          if (this.#stopped) break;
          this.#tell("warning", `cannot accept: ${(error as Error).message}`);
          await pause(100);
          continue;
        }
        const guest = this.#admission.enter(
          connection.remoteAddr.hostname,
          () => closeOnce(connection),
        );
        if (guest === undefined) {
          this.#refusals.add(shown(connection.remoteAddr), "too many at once");
          closeOnce(connection);
          continue;
        }
        const task = this.#welcome(connection, guest);
        this.#tasks.add(task);
        task.finally(() => this.#tasks.delete(task));
      }
    } finally {
      this.stop();
      await Promise.allSettled(this.#tasks);
      this.#options.signal?.removeEventListener("abort", this.#onAbort);
    }
  }

  /** One connection from its first byte to its end; never rejects. */
  async #welcome(connection: Deno.TcpConn, guest: Guest): Promise<void> {
    using _ = guest;
    const peer = shown(connection.remoteAddr);
    let greeting: Greeting | undefined;
    try {
      this.#requireAllowed(connection);
      greeting = await this.#greet(connection);
      guest.known();
      if (greeting !== undefined && !this.#stopped) {
        await this.#feed(connection, peer, greeting);
      }
    } catch (error) {
      if (!this.#stopped) {
        this.#refusals.add(
          peer,
          guest.evicted ? CROWDED : (error as Error).message,
        );
        if (greeting?.ours !== undefined) {
          await refuse(greeting.ours.channel, error);
        }
      }
    } finally {
      closeOnce(connection);
    }
  }

  #requireAllowed(connection: Deno.TcpConn): void {
    const { allow } = this.#options;
    const address = plainAddress(connection.remoteAddr.hostname);
    if (allow !== undefined && allow.length > 0 && !allow.includes(address)) {
      throw new WireError("its address is not among those of --allow");
    }
  }

  async #greet(connection: Deno.TcpConn): Promise<Greeting | undefined> {
    const { wire, key, maxBytes, handshakeTimeoutMs } = this.#options;
    this.#greetings.add(connection);
    try {
      return await greet(connection, {
        ...wire === undefined ? {} : { wire },
        ...key === undefined ? {} : { key },
        maxBytes: maxBytes ?? GIB,
        limitMs: handshakeTimeoutMs ?? 10_000,
      });
    } finally {
      this.#greetings.delete(connection);
    }
  }

  /**
   * Gives a feed its place. One that is silent for long makes room. Nothing
   * is awaited between the last look and the taking: peers may come at once.
   */
  async #claim(name: string, feed: Feed): Promise<void> {
    for (;;) {
      const other = this.#feeds.get(name);
      if (other === undefined) break;
      const now = clockNs(CLOCK.MONOTONIC);
      const heard = other.pump?.activeNs || other.started;
      const again = feed.ours !== undefined &&
        feed.ours.offer.instance === other.ours?.offer.instance;
      if (now - heard < STALE_NS && !again) {
        throw new WireError(`"${name}" is fed by ${other.peer} already`);
      }
      this.#tell(
        "note",
        again
          ? `${other.peer} comes back as ${feed.peer}`
          : `${other.peer} is silent, a new peer takes its place`,
      );
      other.evicted = true;
      other.pump?.stop();
      await other.pump?.done;
      if (this.#feeds.get(name) === other) this.#feeds.delete(name);
    }
    if (this.#feeds.size >= MAX_PEERS) {
      throw new WireError(`${MAX_PEERS} peers are served already`);
    }
    this.#feeds.set(name, feed);
  }

  async #feed(
    connection: Deno.TcpConn,
    peer: string,
    { announcement, ours }: Greeting,
  ): Promise<void> {
    const name = this.#options.as ?? announcement.name;
    const feed: Feed = {
      peer,
      announcement,
      connection,
      started: clockNs(CLOCK.MONOTONIC),
      ours,
      pump: undefined,
      evicted: false,
    };
    await this.#claim(name, feed);
    try {
      let stream = openDestination(announcement, this.#options);
      const last = await this.#answer(feed, stream, name);
      this.#tally.connected();
      this.#tell(
        "note",
        `${peer} sends "${announcement.name}" ` +
          `${kindOf(announcement)} into ${stream.path}`,
      );
      if (announcement.pixelBytes === 0 && ours === undefined) {
        this.#tell(
          "warning",
          `"${announcement.name}" has one axis: milk sends no pixels of it; ` +
            `make the source ${announcement.size[0]}x1`,
        );
      }
      try {
        for (;;) {
          const end = await this.#pumpOnce(feed, stream, name, last);
          const next = await this.#recreated(feed, stream, end);
          if (next === undefined) break;
          stream.close();
          stream = next;
        }
      } finally {
        stream.close();
      }
    } finally {
      if (this.#feeds.get(name) === feed) this.#feeds.delete(name);
    }
    if (this.#options.once && !feed.evicted) this.stop();
  }

  /**
   * Accepts an offer of our own wire.
   *
   * @returns The counter after which frames count, as both ends have it now.
   */
  async #answer(feed: Feed, stream: Stream, name: string): Promise<bigint> {
    if (feed.ours === undefined) return 0n;
    const { offer, channel } = feed.ours;
    const known = this.#known.get(name);
    const same = known?.source.inode === offer.source.inode &&
      known?.source.creationNs === offer.source.creationNs;
    const again = same && known?.instance === offer.instance;
    const progress = same && known !== undefined
      ? again ? known : { last: known.last, frames: 0n, skipped: 0n }
      : undefined;
    const last = progress?.last ?? offer.base;
    this.#known.set(name, {
      source: offer.source,
      instance: offer.instance,
      last,
      frames: progress?.frames ?? 0n,
      skipped: progress?.skipped ?? 0n,
    });
    try {
      const capabilities = offer.capabilities & CAPABILITY.zstd;
      await channel.send(
        writeAnswer({ refusal: "", capabilities, progress }),
      );
    } catch (error) {
      stream.close();
      throw error;
    }
    return last;
  }

  #start(feed: Feed, stream: Stream, last: bigint): Pump {
    const { announcement, ours } = feed;
    const idleMs = this.#options.idleTimeoutMs ?? 0;
    const schedule = this.#options.schedule ?? NO_SCHEDULE;
    if (ours === undefined) {
      return startReceive(stream.mapping, feed.connection, {
        pixelBytes: announcement.pixelBytes,
        keywordBytes: keywordBytes(announcement.keywords),
        idleMs,
        schedule,
      });
    }
    const { pingMs, pieceBytes, keywords } = ours.offer;
    const silenceMs = Math.max(MISSED_PINGS * pingMs, MIN_SILENCE_MS);
    const settings = {
      last,
      keywords,
      pieceBytes,
      silenceMs: idleMs > 0 ? Math.min(idleMs, silenceMs) : silenceMs,
      shiftNs: this.#options.clockShiftNs ?? 0n,
    };
    if ((ours.offer.capabilities & CAPABILITY.zstd) !== 0) {
      return startZstdReceive(stream, feed.connection, settings);
    }
    return startWireReceive(stream.mapping, feed.connection, {
      ...settings,
      direct: this.#options.direct ?? false,
      schedule,
    });
  }

  /** For the answer to the next connection of the same source. */
  #remember(feed: Feed, name: string, pump: Pump): void {
    const known = this.#known.get(name);
    if (feed.ours === undefined || known === undefined) return;
    const { frames, skipped } = pump.counters();
    this.#known.set(name, {
      ...known,
      last: frames > 0 ? pump.lastCnt0 : known.last,
      frames: known.frames + BigInt(frames),
      skipped: known.skipped + BigInt(skipped),
    });
  }

  async #pumpOnce(
    feed: Feed,
    stream: Stream,
    name: string,
    last: bigint,
  ): Promise<PumpEnd> {
    const pump = this.#start(feed, stream, last);
    feed.pump = pump;
    this.#tally.add(pump);
    this.#tallies.getOrInsertComputed(stream.path, () => new Tally()).add(pump);
    if (this.#stopped) pump.stop();
    let warned = false;
    const unwatch = every(LOOK_MS, () => {
      if (stream.presence() !== "same") pump.stop({ whole: true });
      if (!warned && pump.counters().foreign > 0) {
        warned = true;
        this.#tell("warning", `another program writes "${stream.name}", too`);
      }
    }, (reason) =>
      this.#tell(
        "warning",
        `cannot look after "${stream.name}": ${reason}; going on`,
      ));
    try {
      return await pump.done;
    } finally {
      unwatch();
      this.#remember(feed, name, pump);
    }
  }

  /**
   * After a pump: the stream to go on with where somebody removed or
   * re-created ours under the same connection.
   */
  async #recreated(
    feed: Feed,
    stream: Stream,
    end: PumpEnd,
  ): Promise<Stream | undefined> {
    const { peer, announcement } = feed;
    if (this.#stopped || feed.evicted) return undefined;
    const presence = end.reason === "stopped" ? stream.presence() : "same";
    if (presence !== "same" && feed.ours !== undefined) {
      // What was read ahead is lost with the pump: the peer comes back.
      this.#tell(
        "note",
        `"${stream.name}" is ${presence}; asking ${peer} anew`,
      );
      return undefined;
    }
    if (presence === "replaced") {
      const next = await reopenSettled(stream, this.#options.signal);
      if (next.writable && fits(next, announcement)) {
        this.#tell("note", `"${stream.name}" was re-created; going on`);
        return next;
      }
      next.close();
      this.#tell(
        "warning",
        `"${stream.name}" was re-created with another type or size; ` +
          `closing the connection of ${peer}`,
      );
      return undefined;
    }
    if (presence === "gone") {
      this.#tell("warning", `"${stream.name}" was removed; making it anew`);
      return openDestination(announcement, this.#options);
    }
    this.#tell(...explain(peer, announcement.name, end));
    return undefined;
  }
}
