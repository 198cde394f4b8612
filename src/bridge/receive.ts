/**
 * The receiving end: listens, takes streams from transmitters, milk's or
 * ours, and survives every one of them.
 * @module
 */

import { CLOCK, clockNs, pause } from "../../ffi/clock.ts";
import { NO_SCHEDULE, type Schedule, trySchedule } from "../../ffi/pump.ts";
import { Admission, type Guest } from "./admission.ts";
import type { DestinationOptions } from "./destination.ts";
import { Feed, type House } from "./feed.ts";
import { greet, type Greeting, refuse, type WireChoice } from "./greet.ts";
import { readKey } from "./key.ts";
import { WireError } from "./milk_wire.ts";
import { plainAddress, shown } from "./peer.ts";
import { Refusals } from "./refusals.ts";
import {
  type BridgeStatus,
  closeOnce,
  type EventSink,
  Tally,
} from "./session.ts";

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

const MAX_PEERS = 16;
/** Connections of one address in a second: milk's come without a key. */
const MAX_RATE = 2000;
const CROWDED = "too many connections that announce nothing";
const STALE_NS = 2_000_000_000n;
const GIB = 2 ** 30;
/** Thirty years: the pumps count in 64 bits of ns. */
const MAX_IDLE_MS = 1e12;

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
  readonly #house: House;
  readonly #feeds = new Map<string, Feed>();
  readonly #greetings = new Set<Deno.TcpConn>();
  readonly #admission = new Admission({ open: 64, perSecond: MAX_RATE });
  readonly #tasks = new Set<Promise<void>>();
  readonly #refusals = new Refusals((event) => this.#options.onEvent?.(event));
  #stopped = false;
  /** Settles when it has ended. */
  readonly done: Promise<void>;

  private constructor(options: ReceiveOptions, listener: Deno.TcpListener) {
    this.#options = options;
    this.#listener = listener;
    this.#house = {
      options,
      tally: new Tally(),
      tallies: new Map(),
      known: new Map(),
      stopped: () => this.#stopped,
      tell: (level, message) => this.#tell(level, message),
    };
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
    for (const feed of this.#feeds.values()) feed.stop();
  }

  /** How it does, all peers together. */
  status(): BridgeStatus {
    return this.#house.tally.status();
  }

  /** How each stream did that was ever fed, by its file. */
  byStream(): { path: string; status: BridgeStatus }[] {
    return [...this.#house.tallies].map(([path, tally]) => ({
      path,
      status: tally.status(),
    }));
  }

  /** Names of the streams that are being fed, as their peers call them. */
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
  async #claim(feed: Feed): Promise<void> {
    const { name } = feed;
    for (;;) {
      const other = this.#feeds.get(name);
      if (other === undefined) break;
      const again = feed.instance !== undefined &&
        feed.instance === other.instance;
      if (clockNs(CLOCK.MONOTONIC) - other.heardNs < STALE_NS && !again) {
        throw new WireError(`"${name}" is fed by ${other.peer} already`);
      }
      this.#tell(
        "note",
        again
          ? `${other.peer} comes back as ${feed.peer}`
          : `${other.peer} is silent, a new peer takes its place`,
      );
      await other.evict();
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
    greeting: Greeting,
  ): Promise<void> {
    const name = this.#options.as ?? greeting.announcement.name;
    const feed = new Feed(this.#house, connection, { peer, name, greeting });
    await this.#claim(feed);
    try {
      await feed.run();
    } finally {
      if (this.#feeds.get(name) === feed) this.#feeds.delete(name);
    }
    if (this.#options.once && !feed.evicted) this.stop();
  }
}
