/**
 * The transmitting end: a stream goes to a receiver, milk's or ours, for as
 * long as it is wanted.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import { isSystemError } from "../../ffi/errno.ts";
import {
  NO_SCHEDULE,
  type Pump,
  type PumpEnd,
  type Schedule,
  trySchedule,
} from "../../ffi/pump.ts";
import type { WaitSettings } from "../../ffi/wait.ts";
import { WirePump } from "../../ffi/wire_pump.ts";
import { type AxisOrder, StreamNotFoundError } from "../stream/format.ts";
import { lastWriter } from "../stream/describe.ts";
import { reopenSettled, requireSameKind, resume } from "../stream/reopen.ts";
import { Stream } from "../stream/stream.ts";
import { Waiter, type WaitOptions } from "../stream/wait.ts";
import {
  connectWithin,
  isUnknownHost,
  reason,
  reword,
  writeAll,
} from "./connect.ts";
import { showEndpoint } from "./endpoint.ts";
import { readKey } from "./key.ts";
import { writeHandshake } from "./milk_wire.ts";
import {
  Backoff,
  type BridgeStatus,
  closeOnce,
  type EventSink,
  every,
  Tally,
} from "./session.ts";
import { type Agreement, offerStream } from "./offer.ts";
import {
  announcedKeywords,
  PING_MS,
  startMilkPump,
  startOwnPump,
} from "./transmit_pump.ts";
import type { Policy, Progress } from "./wire.ts";

/** Which slices of a cube are sent. */
export type SliceMode = "auto" | "rolling" | "whole";

/** Which keyword records are sent with each frame. */
export type KeywordMode = "all" | "used" | "none";

/** What to transmit, and how. */
export interface TransmitOptions {
  /** The source: a name or a path. */
  stream: string;
  /** Folder that names are looked for in. */
  dir?: string;
  /** How a DAO stream's axes are stored. Default `python`. */
  axisOrder?: AxisOrder;
  /** Name or address of the receiver. */
  hostname: string;
  /** Its port. */
  port: number;
  /** milk's wire or our own. Default `milk`. */
  wire?: "milk" | "shmim";
  /** File of the key that the receiver has, too (our own wire). */
  key?: string;
  /** Which frames cross where the line is slow (our own). Default `latest`. */
  policy?: Policy;
  /** Frames that may wait with `every`, where the stream keeps none itself. */
  queue?: number;
  /** Counter of the last frame that is not to be sent. Default 0, none. */
  after?: bigint;
  /** Compress frames where that makes them smaller (our own wire). */
  zstd?: boolean;
  /** Added to the clock that the receiver is told, ns: for tests. */
  clockShiftNs?: bigint;
  /** How long the receiver may take to greet, ms. Default 10 s. */
  handshakeTimeoutMs?: number;
  /** How to wait for the source. */
  wait?: WaitOptions;
  /** `auto`: every new slice where cnt1 moves, else the whole cube. */
  slices?: SliceMode;
  /** Default `all`. */
  keywords?: KeywordMode;
  /** A source that is re-created with another type or size. */
  reopen?: "same" | "any" | "never";
  /** Connect again when the connection is lost. Default true. */
  reconnect?: boolean;
  /** Send frames of a source that never pauses. */
  allowTorn?: boolean;
  /** Priority and cores of the pump. */
  schedule?: Schedule;
  /** Ends it within 200 ms. */
  signal?: AbortSignal;
  /** Takes what there is to tell. */
  onEvent?: EventSink;
}

const LOOK_MS = 1000;
/** Longer than a peer that takes none needs to say so. */
const SETTLED_MS = 1000;
/** A host that does not answer is asked anew, not waited for two minutes. */
const CONNECT_MS = 5000;
const GREETING_MS = 10_000;

/**
 * Whether the receiver is reached: `refused` where nobody listens there, or
 * who does closes each connection at once; `unreachable` where the host does
 * not answer.
 */
export type Reach = "connecting" | "connected" | "refused" | "unreachable";

/** A transmitter at work. */
export class Transmitter {
  readonly #options: TransmitOptions;
  readonly #tally = new Tally();
  readonly #abort = new AbortController();
  readonly #backoff = new Backoff();
  #stream: Stream;
  /** Counter of the last frame sent; `undefined`: none of this source. */
  #sent: bigint | undefined;
  readonly #instance = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n;
  #last: bigint;
  #pump: Pump | undefined;
  #told = "";
  #trouble: Reach = "connecting";
  #since: number | undefined;
  #queueFull = 0;
  /** Counts of sources that were re-created since. */
  #former = { frames: 0, skipped: 0 };
  /** Settles when it has ended; rejects where it cannot go on. */
  readonly done: Promise<void>;

  private constructor(options: TransmitOptions, stream: Stream) {
    this.#options = options;
    this.#stream = stream;
    this.#last = stream.cnt0;
    options.signal?.addEventListener("abort", this.#onAbort);
    if (options.signal?.aborted) this.stop();
    this.done = this.#run();
  }

  /**
   * Opens the source and starts to transmit.
   *
   * @throws {StreamNotFoundError | StreamFormatError} where there is no such
   * stream.
   * @throws {WireError} where it cannot cross this wire.
   * @throws {KeyFileError} where the key cannot be used.
   */
  static start(options: TransmitOptions): Transmitter {
    const poll = options.wait?.mode === "poll" || options.wait?.mode === "spin";
    const stream = Stream.open(options.stream, {
      ...options.dir === undefined ? {} : { dir: options.dir },
      ...options.axisOrder && { axisOrder: options.axisOrder },
      ...poll ? { writable: false } : {},
    });
    try {
      if (options.wire !== "shmim") writeHandshake(stream, 0);
      if (options.key !== undefined) readKey(options.key);
      return new Transmitter(options, stream);
    } catch (error) {
      stream.close();
      throw error;
    }
  }

  readonly #onAbort = (): void => this.stop();

  /** Ends it within 200 ms. */
  stop(): void {
    this.#abort.abort();
    this.#pump?.stop();
  }

  /** How it does. */
  status(): BridgeStatus {
    return this.#tally.status();
  }

  /** What the pump does right now. */
  get state(): string {
    return this.#pump?.state ?? "connecting";
  }

  /** Whether the receiver is reached; `connected` once that has lasted. */
  get reach(): Reach {
    return this.#settled ? "connected" : this.#trouble;
  }

  get #settled(): boolean {
    return this.#since !== undefined &&
      performance.now() - this.#since >= SETTLED_MS;
  }

  #tell(level: "note" | "warning", message: string): void {
    this.#options.onEvent?.({ level, message });
  }

  get #peer(): string {
    const { hostname, port } = this.#options;
    return showEndpoint(hostname, port);
  }

  async #run(): Promise<void> {
    try {
      this.#checkSchedule();
      while (!this.#abort.signal.aborted) {
        const connection = await this.#connect();
        if (connection === undefined) break;
        try {
          if (this.#options.wire === "shmim") {
            await this.#serveOwn(connection);
          } else {
            await this.#serveMilk(connection);
          }
        } catch (error) {
          // The peer closed before the pump had taken the connection.
          if (!isSystemError(error, "ENOTCONN")) throw error;
          this.#tell("warning", `${this.#peer} closed the connection`);
        } finally {
          closeOnce(connection);
          // Whoever closes at once would be asked ten times a second.
          if (this.#settled) this.#backoff.reset();
          this.#trouble = this.#settled ? "connecting" : "refused";
          this.#since = undefined;
        }
        if (this.#abort.signal.aborted) break;
        if (this.#options.reconnect === false) {
          throw new Deno.errors.ConnectionReset(
            `The connection to ${this.#peer} was lost`,
          );
        }
        await pause(this.#backoff.next(), this.#abort.signal);
      }
    } finally {
      this.#options.signal?.removeEventListener("abort", this.#onAbort);
      this.#stream.close();
    }
  }

  #checkSchedule(): void {
    const refused = trySchedule(this.#options.schedule ?? NO_SCHEDULE);
    if (refused !== undefined) {
      this.#tell("warning", `${refused.message}: going on without`);
    }
  }

  /** Connects, again and again; `undefined` where it is to end. */
  async #connect(): Promise<Deno.TcpConn | undefined> {
    const { hostname, port } = this.#options;
    const { signal } = this.#abort;
    for (let first = true; !signal.aborted; first = false) {
      try {
        return await connectWithin(CONNECT_MS, { hostname, port, signal });
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#trouble = error instanceof Deno.errors.ConnectionRefused
          ? "refused"
          : "unreachable";
        const hopeless = error instanceof Deno.errors.NotCapable ||
          (first && this.#told === "" && isUnknownHost(error));
        if (hopeless || this.#options.reconnect === false) {
          throw reword(error, this.#peer);
        }
        this.#tellOnce(
          `no receiver at ${this.#peer} (${reason(error)}); trying again`,
        );
        await pause(this.#backoff.next(), signal);
      }
    }
    return undefined;
  }

  #tellOnce(message: string): void {
    if (message !== this.#told) this.#tell("warning", message);
    this.#told = message;
  }

  #connected(how: string): void {
    this.#tell("note", `connected to ${this.#peer}${how}`);
    this.#tally.connected();
    this.#since = performance.now();
    this.#told = "";
    this.#queueFull = 0;
  }

  /** One connection: agreement, then a pump until it ends. */
  async #serveOwn(connection: Deno.TcpConn): Promise<void> {
    const keywords = this.#announcedKeywords;
    const cnt0 = this.#stream.cnt0;
    const before = cnt0 > 0n ? cnt0 - 1n : 0n;
    const sent = this.#sent ?? before;
    const least = sent < before ? sent : before;
    const after = this.#options.after ?? 0n;
    // A source that was created anew counts from its own beginning.
    const base = least < after && after <= cnt0 ? after : least;
    let agreed: Agreement;
    try {
      agreed = await offerStream(connection, this.#stream, {
        ...this.#options.key === undefined ? {} : { key: this.#options.key },
        policy: this.#options.policy ?? "latest",
        zstd: this.#options.zstd ?? false,
        keywords,
        pingMs: PING_MS,
        base,
        instance: this.#instance,
        limitMs: this.#options.handshakeTimeoutMs ?? GREETING_MS,
        signal: this.#abort.signal,
      });
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#tellOnce(`${this.#peer}: ${reason(error)}`);
      return;
    }
    if (agreed.progress !== undefined) this.#reconcile(agreed.progress);
    this.#connected(agreed.authenticated ? ", which has our key" : "");
    const end = await this.#pumpOnce(
      (wait) =>
        startOwnPump(
          this.#stream,
          connection,
          this.#options,
          { wait, last: base, keywords },
          agreed,
        ),
    );
    await this.#goesOn(end, keywords);
  }

  /** What went out when the line broke may not have come: the other end says
   * how many frames of this source did, and how many it missed. */
  #reconcile({ frames, skipped }: Progress): void {
    const now = this.#tally.status();
    const before = this.#former;
    this.#tally.correct({
      frames: Number(frames) - (now.frames - before.frames),
      skipped: Number(skipped) - (now.skipped - before.skipped),
    });
  }

  /** One connection: announcement, then pumps until it ends. */
  async #serveMilk(connection: Deno.TcpConn): Promise<void> {
    this.#connected("");
    const keywords = this.#announcedKeywords;
    const handshake = writeHandshake(this.#stream, keywords);
    try {
      await writeAll(connection, handshake, this.#abort.signal);
    } catch (error) {
      this.#tell("warning", `${this.#peer}: ${reason(error)}`);
      return;
    }
    let fresh = true;
    while (!this.#abort.signal.aborted) {
      const repeat = fresh;
      const end = await this.#pumpOnce((wait) => {
        // What was published before the first connection is nobody's loss.
        if (this.#tally.status().frames === 0) this.#last = this.#stream.cnt0;
        const start = { wait, last: this.#last, keywords, repeat };
        return startMilkPump(this.#stream, connection, this.#options, start);
      });
      fresh = false;
      if (!await this.#goesOn(end, keywords)) return;
    }
  }

  get #announcedKeywords(): number {
    return announcedKeywords(this.#stream, this.#options.keywords);
  }

  async #pumpOnce(start: (wait: WaitSettings) => Pump): Promise<PumpEnd> {
    const stream = this.#stream;
    using waiter = new Waiter(stream.mapping, {
      ...this.#options.wait,
      onWarning: (message) => this.#tell("warning", message),
    }, stream.name);
    const pump = start(waiter.settings);
    this.#pump = pump;
    this.#tally.add(pump);
    if (this.#abort.signal.aborted) pump.stop();
    const unwatch = every(LOOK_MS, () => this.#look(pump), this.#blind);
    try {
      return await pump.done;
    } finally {
      unwatch();
      this.#pump = undefined;
      if (pump.counters().frames > 0) {
        this.#last = pump.lastCnt0;
        this.#sent = pump.lastCnt0;
      }
    }
  }

  /** The pump needs no look at the file: it goes on. */
  readonly #blind = (reason: string): void =>
    this.#tell(
      "warning",
      `cannot look after "${this.#stream.name}": ${reason}; going on`,
    );

  /** Whether the source was re-created; no, where that cannot be seen. */
  #replaced(): boolean {
    try {
      return this.#stream.presence() === "replaced";
    } catch (error) {
      this.#blind(reason(error));
      return false;
    }
  }

  /** What the pump cannot see: a re-created source, a writer that stalls. */
  #look(pump: Pump): void {
    const { name } = this.#stream;
    const queueFull = pump instanceof WirePump
      ? pump.wireCounters().queueFull
      : 0;
    if (queueFull > this.#queueFull) {
      this.#queueFull = queueFull;
      this.#tellOnce(
        `the line is slower than "${name}": the queue is full, frames are lost`,
      );
    }
    if (this.#stream.presence() === "replaced") {
      pump.stop();
      return;
    }
    if (pump.state === "restless") {
      this.#tellOnce(`source never pauses: no whole frame of "${name}"`);
    } else if (pump.state === "stalled") {
      const pid = lastWriter(this.#stream) ?? "unknown";
      this.#tellOnce(
        `the writer of "${name}" (pid ${pid}) holds its write flag up`,
      );
    } else if (pump.state === "blocked") {
      this.#tellOnce(`${this.#peer} takes nothing at the moment`);
    }
  }

  /** Whether the connection goes on after a pump has ended. */
  async #goesOn(end: PumpEnd, keywords: number): Promise<boolean> {
    if (this.#abort.signal.aborted) return false;
    const replaced = this.#replaced();
    const broken = end.reason === "error" && isSystemError(end.error, "EBADFD");
    if (replaced || broken) return await this.#follow(keywords, broken);
    if (end.reason === "error") {
      this.#tell("warning", `${this.#peer}: ${end.error.message}`);
    } else if (end.reason === "idle") {
      this.#tell("warning", `${this.#peer} is silent: connecting anew`);
    } else if (end.reason === "breach") {
      this.#tell("warning", `${this.#peer} broke the rules of the wire`);
    } else {
      this.#tell("warning", `${this.#peer} closed the connection`);
    }
    return false;
  }

  /** Opens the source anew. The wire has no second handshake. */
  async #follow(keywords: number, broken: boolean): Promise<boolean> {
    const old = this.#stream;
    let next: Stream;
    try {
      next = await reopenSettled(old, this.#abort.signal);
    } catch (error) {
      if (error instanceof StreamNotFoundError && !broken) return true;
      throw error;
    }
    const same = next.sameShape(old);
    const hint = " (--reopen any follows)";
    requireSameKind(old, next, this.#options.reopen, hint);
    const { last, note } = resume(next);
    this.#tell(
      "note",
      note === undefined
        ? `"${old.name}" was re-created; going on with the new one`
        : `"${old.name}" was re-created and ${note}; going on`,
    );
    old.close();
    this.#stream = next;
    this.#last = last;
    this.#sent = last;
    const { frames, skipped } = this.#tally.status();
    this.#former = { frames, skipped };
    return same && keywords === this.#announcedKeywords;
  }
}
