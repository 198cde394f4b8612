/**
 * The process that carries segments between this partition and one on another
 * host, in both directions, over one connection. It outlives its daemon; of
 * itself it keeps nothing that the registry and the segments do not have.
 * @module
 */

import { join } from "@std/path";
import { pause as sleep } from "../../ffi/clock.ts";
import { Admission } from "../bridge/admission.ts";
import { plainMessage } from "../bridge/connect.ts";
import { plainAddress } from "../bridge/peer.ts";
import {
  HandshakeError,
  initiate,
  respond,
  SERVICE,
} from "../bridge/handshake.ts";
import { Bell } from "./bell.ts";
import { positive, whole } from "./check.ts";
import { Copies } from "./copies.ts";
import { PartitionError } from "./errors.ts";
import type { Request } from "./control.ts";
import {
  type EventLevel,
  KeptEvents,
  type NumberedEvent,
} from "./kept_events.ts";
import { pause } from "./layout.ts";
import { Line, type Message } from "./line.ts";
import { changeRegistry } from "./registry.ts";
import { OwnerEnd, releaseHolds } from "./owner_end.ts";
import { requireUnit } from "./unit.ts";

/** Version of what is said on the line. */
const VERSION = 1;
/** How often the registry is looked at without being rung for, ms. */
const LOOK_MS = 500;
const WAIT_MS = 200;
const CLAIM_MS = 2000;
const GREETING_MS = 5000;
/** How soon a lost line is tried again, and how late at most, ms. */
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;
const KEPT_EVENTS = 100;
/** Connections that have not shown the key yet, and new ones in a second. */
const LIMITS = { open: 8, perSecond: 20 };

/** Which end connects: the one with the higher number of a partition. */
export type FerryWhere =
  | { readonly listen: string }
  | { readonly host: string; readonly port: number };

/** What is carried, and how. */
export interface FerryOptions {
  /** The run folder. */
  readonly folder: string;
  /** Our unit. */
  readonly unit: number;
  /** The other partition. */
  readonly peer: number;
  /** Where it is met. */
  readonly where: FerryWhere;
  /** The key that both have. */
  readonly key?: Uint8Array<ArrayBuffer>;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** How it does. */
export interface FerryStatus {
  /** Where it listens; 0 where it connects. */
  readonly port: number;
  /** Whether the line stands. */
  readonly line: boolean;
  /** Why not. */
  readonly why: string;
  /** Lines that there were, this one among them. */
  readonly lines: number;
  /** Our copies of what the peer owns. */
  readonly copies: number;
  /** Its copies of what we own that are in use. */
  readonly served: number;
  /** What happened, each with its number. */
  readonly events: readonly NumberedEvent[];
}

/** Only one process carries between two partitions; one that ends may yet. */
function claimPeer(folder: string, unit: number, peer: number): Deno.FsFile {
  const path = join(folder, `ferry-${unit}-${peer}.lock`);
  const file = Deno.openSync(path, { write: true, create: true, mode: 0o600 });
  const end = performance.now() + CLAIM_MS;
  while (!file.tryLockSync(true)) {
    if (performance.now() > end) {
      file.close();
      throw new PartitionError(
        `Segments of partition ${peer} are carried already for unit ${unit}`,
      );
    }
    pause(20);
  }
  return file;
}

/** The bell of the run folder, made where there is none. */
function findBell(folder: string): Bell {
  return changeRegistry(folder, (registry) => {
    const there = registry.bell === 0 ? undefined : Bell.at(registry.bell - 1);
    const bell = there ?? Bell.make();
    registry.bell = bell.id + 1;
    return bell;
  });
}

/** Carries segments. */
export class Ferry {
  readonly #options: FerryOptions;
  readonly #lock: Deno.FsFile;
  readonly #partition: number;
  readonly #bell: Bell;
  readonly #copies: Copies;
  readonly #listener: Deno.TcpListener | undefined;
  readonly #answers = new Map<string, Message>();
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  #timeoutS: number;
  #retryMs = FIRST_RETRY_MS;
  #line: Line | undefined;
  #serving: OwnerEnd | undefined;
  #peerTimeoutS = 1;
  #lost = performance.now();
  #released = false;
  readonly #admission = new Admission(LIMITS);
  readonly #events = new KeptEvents(KEPT_EVENTS);
  #lines = 0;

  /**
   * Takes the duty, and listens where that is its end.
   *
   * @throws {PartitionError} where another process has it.
   */
  constructor(options: FerryOptions) {
    const { folder, unit, peer, where } = options;
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#over.signal]);
    const own = requireUnit(folder, unit);
    this.#partition = own.partition;
    this.#timeoutS = own.limits.timeoutS;
    this.#lock = claimPeer(folder, unit, peer);
    this.#bell = findBell(folder);
    const partition = this.#partition;
    const bell = this.#bell;
    this.#copies = new Copies({ folder, unit, partition, peer, bell });
    this.#listener = "listen" in where
      ? Deno.listen({ hostname: where.listen, port: 0 })
      : undefined;
  }

  /** The port that it listens on; 0 where it connects. */
  get port(): number {
    return this.#listener === undefined
      ? 0
      : (this.#listener.addr as Deno.NetAddr).port;
  }

  #tell(message: string, level: EventLevel = "note"): void {
    this.#events.add(level, message);
  }

  /** Answers the daemon. */
  answer(request: Request): FerryStatus {
    if (request.do !== "status") {
      throw new PartitionError(`A ferry knows no "${request.do}"`);
    }
    const after = whole(request, "after");
    return {
      port: this.port,
      line: this.#line !== undefined,
      why: this.#why,
      lines: this.#lines,
      copies: this.#copies.size,
      served: this.#serving?.copies ?? 0,
      events: this.#events.after(after),
    };
  }

  /** Carries until the signal comes. */
  async run(): Promise<void> {
    const meeting = this.#listener === undefined
      ? this.#connect()
      : this.#accept(this.#listener);
    const working = Promise.all([this.#watch(), meeting]);
    const ended = new Promise<void>((resolve) => {
      if (this.#signal.aborted) resolve();
      this.#signal.addEventListener("abort", () => resolve());
    });
    try {
      await Promise.race([working, ended]);
    } finally {
      this.#over.abort();
      this.#listener?.close();
      await this.#farewell();
      await working.catch(() => {});
      this.#copies[Symbol.dispose]();
      this.#bell[Symbol.dispose]();
      this.#lock.close();
    }
  }

  /** What has gone with us is told, as far as that goes fast. */
  async #farewell(): Promise<void> {
    try {
      this.#serving?.lookAround();
      await this.#line?.drain(500);
    } catch {
      // the registry went, too
    }
    this.#line?.close();
    this.#serving?.[Symbol.dispose]();
  }

  /** Goes on whenever it is rung for. */
  async #watch(): Promise<void> {
    const signal = this.#signal;
    let changes = -1n;
    let looked = -Infinity;
    let sent = -Infinity;
    while (!signal.aborted) {
      const seen = this.#bell.count;
      const now = performance.now();
      const found = this.#bell.changes;
      if (found !== changes || now - looked > LOOK_MS) {
        [changes, looked] = [found, now];
        if (!this.#wanted()) break;
        this.#during(() => {
          this.#serving?.lookAround();
          this.#copies.lookAround();
        });
        this.#during(() => this.#release(now));
      }
      this.#during(() => {
        this.#serving?.push();
        this.#copies.push();
      });
      const pulseMs = 250 * Math.min(4, this.#timeoutS, this.#peerTimeoutS);
      if (now - sent > pulseMs) {
        sent = now;
        this.#line?.send({ t: "tick" });
      }
      await this.#bell.wait(seen, WAIT_MS);
    }
  }

  /** Whether the unit is up; what it is set to. */
  #wanted(): boolean {
    const { folder, unit } = this.#options;
    try {
      const { limits } = requireUnit(folder, unit);
      this.#timeoutS = limits.timeoutS;
      return true;
    } catch (error) {
      if (!(error instanceof PartitionError)) throw error;
      this.#tell(error.message);
      this.#over.abort();
      return false;
    }
  }

  /** What goes wrong between the two ends costs the line, not the process. */
  #during(what: () => void): void {
    try {
      what();
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      this.#tell(plainMessage(error), "warning");
      this.#line?.close();
    }
  }

  /** A partition that is silent has nothing here any more. */
  #release(now: number): void {
    const timeoutS = this.#timeoutS;
    if (this.#line !== undefined) {
      if (this.#line.silentMs > timeoutS * 1000) {
        this.#tell(
          `no sign for ${timeoutS} s: the line is given up`,
          "warning",
        );
        this.#line.close();
      }
      return;
    }
    if (this.#released || now - this.#lost < timeoutS * 1000) return;
    const { folder, peer } = this.#options;
    const count = releaseHolds(folder, this.#partition, peer);
    this.#released = true;
    if (count > 0) {
      this.#tell(
        `partition ${peer} was silent for ${timeoutS} s: it no longer has ` +
          `${count} segments`,
        "warning",
      );
    }
  }

  async #connect(): Promise<void> {
    const { where, key } = this.#options;
    const signal = this.#signal;
    if ("listen" in where) return;
    const { host, port } = where;
    while (!signal.aborted) {
      let connection: Deno.TcpConn | undefined;
      try {
        connection = await Deno.connect({
          hostname: host,
          port,
          signal: AbortSignal.any([signal, AbortSignal.timeout(GREETING_MS)]),
        });
        const opened = connection;
        await this.#meet(opened, () =>
          initiate(opened, {
            service: SERVICE.segments,
            ...key === undefined ? {} : { key },
          }));
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) throw error;
        this.#notMet(error);
      } finally {
        close(connection);
      }
      await sleep(this.#retryMs, signal);
      this.#retryMs = Math.min(LAST_RETRY_MS, 2 * this.#retryMs);
    }
  }

  #why = "";

  #notMet(error: unknown): void {
    const why = plainMessage(error);
    if (this.#signal.aborted || why === this.#why) return;
    this.#why = why;
    this.#tell(`no line to partition ${this.#options.peer}: ${why}`, "warning");
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    const { key } = this.#options;
    for await (const connection of listener) {
      const { hostname } = connection.remoteAddr as Deno.NetAddr;
      const guest = this.#admission.enter(
        plainAddress(hostname),
        () => close(connection),
      );
      if (guest === undefined) {
        connection.close();
        continue;
      }
      this.#meet(connection, () =>
        respond(connection, new Uint8Array(0), {
          service: SERVICE.segments,
          ...key === undefined ? {} : { key },
        }), guest.known)
        .catch((error) => this.#notMet(error))
        .finally(() => {
          guest.known();
          close(connection);
        });
    }
  }

  /** Greets, and stays until the line is lost. */
  async #meet(
    connection: Deno.TcpConn,
    greet: () => ReturnType<typeof initiate>,
    onKnown: () => void = () => {},
  ): Promise<void> {
    const { peer } = this.#options;
    const late = setTimeout(() => close(connection), GREETING_MS);
    let greeted = false;
    const done = (): void => {
      if (greeted) return;
      greeted = true;
      clearTimeout(late);
      onKnown();
    };
    let line: Line | undefined;
    try {
      line = new Line(await greet(), connection);
      const from = this.#partition;
      const hello: Message = {
        t: "hello",
        from,
        to: peer,
        version: VERSION,
        timeoutS: this.#timeoutS,
      };
      const running = line.run({
        onMessage: (message) => {
          if (message.t === "hello" && !greeted) {
            this.#requirePeer(message);
            done();
            this.#join(line as Line);
          } else if (line === this.#line) this.#onMessage(message);
          else if (!greeted) {
            throw new PartitionError("It does not say who it is");
          }
        },
        onParcel: (parcel) => {
          if (line !== this.#line) return;
          if (parcel.ask) this.#serving?.onParcel(parcel);
          else this.#copies.onParcel(parcel);
        },
        most: (ask, handle) =>
          ask ? this.#serving?.most(handle) : this.#copies.most(handle),
      });
      line.send(hello);
      if (this.#signal.aborted) line.close();
      await running;
    } finally {
      done();
      line?.close();
      if (line !== undefined && line === this.#line) this.#leave();
    }
  }

  #requirePeer(message: Message): void {
    const { peer } = this.#options;
    const from = whole(message, "from");
    const to = whole(message, "to");
    const version = whole(message, "version");
    if (version !== VERSION) {
      throw new HandshakeError(
        `it speaks version ${version} of the line, we ${VERSION}`,
      );
    }
    if (from !== peer || to !== this.#partition) {
      throw new HandshakeError(
        `it is partition ${from} and looks for ${to}; here is ` +
          `${this.#partition}, which waits for ${peer}`,
      );
    }
    this.#peerTimeoutS = positive(message, "timeoutS");
  }

  /** The line stands; one before it has lost its other end. */
  #join(line: Line): void {
    const { folder, unit, peer } = this.#options;
    const before = this.#line;
    if (before !== undefined) {
      this.#leave();
      before.close();
    }
    this.#line = line;
    this.#lines++;
    this.#released = false;
    this.#retryMs = FIRST_RETRY_MS;
    this.#why = "";
    this.#serving = new OwnerEnd({
      folder,
      unit,
      partition: this.#partition,
      peer,
      bell: this.#bell,
      answers: this.#answers,
    }, line);
    this.#tell(`line to partition ${peer} stands`);
    this.#copies.join(line);
  }

  #leave(): void {
    this.#line = undefined;
    this.#lost = performance.now();
    this.#serving?.[Symbol.dispose]();
    this.#serving = undefined;
    this.#copies.part();
    if (this.#signal.aborted) return;
    this.#tell(`line to partition ${this.#options.peer} is lost`, "warning");
  }

  #onMessage(message: Message): void {
    if (message.t === "tick") return;
    if (this.#serving?.onMessage(message)) return;
    if (this.#copies.onMessage(message)) return;
    throw new PartitionError(`It breaks the rules of the line: ${message.t}`);
  }
}

function close(connection: Deno.TcpConn | undefined): void {
  try {
    connection?.close();
  } catch {
    // it was lost already
  }
}
