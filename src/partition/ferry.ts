/**
 * The process that carries segments between this partition and one on another
 * host, in both directions, over one connection. It outlives its daemon; of
 * itself it keeps nothing that the registry and the segments do not have.
 * @module
 */

import { join } from "@std/path";
import { standStill } from "../../ffi/clock.ts";
import { plainMessage } from "../bridge/connect.ts";
import { Bell } from "./bell.ts";
import { whole } from "./check.ts";
import { Copies } from "./copies.ts";
import { PartitionError } from "./errors.ts";
import type { Request } from "./control.ts";
import {
  type EventLevel,
  KeptEvents,
  type NumberedEvent,
} from "./kept_events.ts";
import type { Line, Message } from "./line.ts";
import { Meeting, type MeetingPlace } from "./meeting.ts";
import { changeRegistry } from "./registry.ts";
import { OwnerEnd, releaseHolds } from "./owner_end.ts";
import { requireUnit } from "./unit.ts";

/** How often the registry is looked at without being rung for, ms. */
const LOOK_MS = 500;
const WAIT_MS = 200;
const CLAIM_MS = 2000;
const KEPT_EVENTS = 100;

/** What is carried, and how. */
export interface FerryOptions {
  /** The run folder. */
  readonly folder: string;
  /** Our unit. */
  readonly unit: number;
  /** The other partition. */
  readonly peer: number;
  /** Where it is met. */
  readonly where: MeetingPlace;
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
    standStill(20);
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
  readonly #meeting: Meeting;
  readonly #answers = new Map<string, Message>();
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  #timeoutS: number;
  #line: Line | undefined;
  #serving: OwnerEnd | undefined;
  #peerTimeoutS = 1;
  #lost = performance.now();
  #released = false;
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
    this.#meeting = new Meeting({
      partition,
      peer,
      where,
      key: options.key,
      signal: this.#signal,
      timeoutS: () => this.#timeoutS,
      tell: (message) => this.#tell(message, "warning"),
      onMet: (line, timeoutS) => this.#join(line, timeoutS),
      onLost: (line) => {
        if (line === this.#line) this.#leave();
      },
      onMessage: (message, line) => {
        if (line !== this.#line) return;
        this.#onMessage(message);
      },
      onParcel: (parcel, line) => {
        if (line !== this.#line) return;
        if (parcel.ask) this.#serving?.onParcel(parcel);
        else this.#copies.onParcel(parcel);
      },
      most: (ask, handle) =>
        ask ? this.#serving?.most(handle) : this.#copies.most(handle),
    });
  }

  /** The port that it listens on; 0 where it connects. */
  get port(): number {
    return this.#meeting.port;
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
      why: this.#meeting.why,
      lines: this.#lines,
      copies: this.#copies.size,
      served: this.#serving?.copies ?? 0,
      events: this.#events.after(after),
    };
  }

  /** Carries until the signal comes. */
  async run(): Promise<void> {
    const working = Promise.all([this.#watch(), this.#meeting.run()]);
    const ended = new Promise<void>((resolve) => {
      if (this.#signal.aborted) resolve();
      this.#signal.addEventListener("abort", () => resolve());
    });
    try {
      await Promise.race([working, ended]);
    } finally {
      this.#over.abort();
      this.#meeting.close();
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

  /** The line stands; one before it has lost its other end. */
  #join(line: Line, timeoutS: number): void {
    const { folder, unit, peer } = this.#options;
    const before = this.#line;
    if (before !== undefined) {
      this.#leave();
      before.close();
    }
    this.#line = line;
    this.#lines++;
    this.#released = false;
    this.#peerTimeoutS = timeoutS;
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
