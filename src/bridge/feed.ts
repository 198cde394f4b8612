/**
 * One peer into one stream: the agreement, then a pump for as long as the
 * connection and the stream last.
 * @module
 */

import { CLOCK, clockNs } from "../../ffi/clock.ts";
import {
  NO_SCHEDULE,
  type Pump,
  type PumpEnd,
  startReceive,
} from "../../ffi/pump.ts";
import { startWireReceive } from "../../ffi/wire_pump.ts";
import { reopenSettled } from "../stream/reopen.ts";
import type { Stream } from "../stream/stream.ts";
import { kindOf } from "../stream/types.ts";
import { fits, openDestination } from "./destination.ts";
import type { Greeting } from "./greet.ts";
import { type Announcement, keywordBytes } from "./milk_wire.ts";
import { explain } from "./peer.ts";
import type { ReceiveOptions } from "./receive.ts";
import { type BridgeEvent, every, Tally } from "./session.ts";
import {
  CAPABILITY,
  type Progress,
  type SourceId,
  writeAnswer,
} from "./wire.ts";
import { startZstdReceive } from "./zstd_receive.ts";

const LOOK_MS = 1000;
/** A peer of our own wire that misses so many heartbeats is gone. */
const MISSED_PINGS = 5;
const MIN_SILENCE_MS = 5000;

/** What has come of a source over our own wire, and from whom. */
export interface Known extends Progress {
  /** The source. */
  readonly source: SourceId;
  /** The transmitter. */
  readonly instance: bigint;
}

/** What all feeds of a receiver have in common. */
export interface House {
  /** What was asked for. */
  readonly options: ReceiveOptions;
  /** Counts all pumps. */
  readonly tally: Tally;
  /** Counts those of each stream, by its file. */
  readonly tallies: Map<string, Tally>;
  /** By name: the last frame that has come over our own wire. */
  readonly known: Map<string, Known>;
  /** Whether the receiver is to end. */
  stopped(): boolean;
  /** Takes what there is to tell. */
  tell(level: BridgeEvent["level"], message: string): void;
}

/** One peer that sends a stream. */
export class Feed {
  readonly #house: House;
  readonly #connection: Deno.TcpConn;
  readonly #ours: Greeting["ours"];
  readonly #started = clockNs(CLOCK.MONOTONIC);
  #pump: Pump | undefined;
  #evicted = false;
  /** The peer's address. */
  readonly peer: string;
  /** The name that it is stored under. */
  readonly name: string;
  /** What the peer announced. */
  readonly announcement: Announcement;

  /**
   * @param from Who it is, what the stream is called here, and what was
   * agreed upon so far.
   */
  constructor(
    house: House,
    connection: Deno.TcpConn,
    from: {
      readonly peer: string;
      readonly name: string;
      readonly greeting: Greeting;
    },
  ) {
    this.#house = house;
    this.#connection = connection;
    this.#ours = from.greeting.ours;
    this.peer = from.peer;
    this.name = from.name;
    this.announcement = from.greeting.announcement;
  }

  /** Which transmitter it is; `undefined` over milk's wire. */
  get instance(): bigint | undefined {
    return this.#ours?.offer.instance;
  }

  /** When the peer was heard last, monotonic ns. */
  get heardNs(): bigint {
    return this.#pump?.activeNs || this.#started;
  }

  /** Whether another peer has its place. */
  get evicted(): boolean {
    return this.#evicted;
  }

  /** Ends it within 200 ms. */
  stop(): void {
    this.#pump?.stop();
  }

  /** Ends it for another peer. */
  async evict(): Promise<void> {
    this.#evicted = true;
    this.stop();
    await this.#pump?.done;
  }

  /** Feeds the stream until the connection ends. */
  async run(): Promise<void> {
    const { options, tally, tell } = this.#house;
    const { announcement, peer } = this;
    let stream = openDestination(announcement, options);
    try {
      const last = await this.#answer();
      tally.connected();
      tell(
        "note",
        `${peer} sends "${announcement.name}" ${kindOf(announcement)} into ` +
          stream.path,
      );
      if (announcement.pixelBytes === 0 && this.#ours === undefined) {
        tell(
          "warning",
          `"${announcement.name}" has one axis: milk sends no pixels of it; ` +
            `make the source ${announcement.size[0]}x1`,
        );
      }
      for (;;) {
        const end = await this.#pumpOnce(stream, last);
        const next = await this.#recreated(stream, end);
        if (next === undefined) break;
        stream.close();
        stream = next;
      }
    } finally {
      stream.close();
    }
  }

  /**
   * Accepts an offer of our own wire.
   *
   * @returns The counter after which frames count, as both ends have it now.
   */
  async #answer(): Promise<bigint> {
    if (this.#ours === undefined) return 0n;
    const { offer, channel } = this.#ours;
    const known = this.#house.known.get(this.name);
    const same = known?.source.inode === offer.source.inode &&
      known?.source.creationNs === offer.source.creationNs;
    const again = same && known?.instance === offer.instance;
    const progress = same && known !== undefined
      ? again ? known : { last: known.last, frames: 0n, skipped: 0n }
      : undefined;
    const last = progress?.last ?? offer.base;
    this.#house.known.set(this.name, {
      source: offer.source,
      instance: offer.instance,
      last,
      frames: progress?.frames ?? 0n,
      skipped: progress?.skipped ?? 0n,
    });
    const capabilities = offer.capabilities & CAPABILITY.zstd;
    await channel.send(writeAnswer({ refusal: "", capabilities, progress }));
    return last;
  }

  #start(stream: Stream, last: bigint): Pump {
    const { options } = this.#house;
    const idleMs = options.idleTimeoutMs ?? 0;
    const schedule = options.schedule ?? NO_SCHEDULE;
    if (this.#ours === undefined) {
      const { pixelBytes, keywords } = this.announcement;
      return startReceive(stream.mapping, this.#connection, {
        pixelBytes,
        keywordBytes: keywordBytes(keywords),
        idleMs,
        schedule,
      });
    }
    const { pingMs, pieceBytes, keywords, capabilities } = this.#ours.offer;
    const silenceMs = Math.max(MISSED_PINGS * pingMs, MIN_SILENCE_MS);
    const settings = {
      last,
      keywords,
      pieceBytes,
      silenceMs: idleMs > 0 ? Math.min(idleMs, silenceMs) : silenceMs,
      shiftNs: options.clockShiftNs ?? 0n,
    };
    if ((capabilities & CAPABILITY.zstd) !== 0) {
      return startZstdReceive(stream, this.#connection, settings);
    }
    return startWireReceive(stream.mapping, this.#connection, {
      ...settings,
      direct: options.direct ?? false,
      schedule,
    });
  }

  /** For the answer to the next connection of the same source. */
  #remember(pump: Pump): void {
    const known = this.#house.known.get(this.name);
    if (this.#ours === undefined || known === undefined) return;
    const { frames, skipped } = pump.counters();
    this.#house.known.set(this.name, {
      ...known,
      last: frames > 0 ? pump.lastCnt0 : known.last,
      frames: known.frames + BigInt(frames),
      skipped: known.skipped + BigInt(skipped),
    });
  }

  async #pumpOnce(stream: Stream, last: bigint): Promise<PumpEnd> {
    const { tally, tallies, tell } = this.#house;
    const pump = this.#start(stream, last);
    this.#pump = pump;
    tally.add(pump);
    tallies.getOrInsertComputed(stream.path, () => new Tally()).add(pump);
    if (this.#house.stopped() || this.#evicted) pump.stop();
    let warned = false;
    const look = (): void => {
      if (stream.presence() !== "same") pump.stop({ whole: true });
      if (!warned && pump.counters().foreign > 0) {
        warned = true;
        tell("warning", `another program writes "${stream.name}", too`);
      }
    };
    const unwatch = every(LOOK_MS, look, (reason) =>
      tell(
        "warning",
        `cannot look after "${stream.name}": ${reason}; going on`,
      ));
    try {
      return await pump.done;
    } finally {
      unwatch();
      this.#remember(pump);
    }
  }

  /**
   * After a pump: the stream to go on with where somebody removed or
   * re-created ours under the same connection.
   */
  async #recreated(
    stream: Stream,
    end: PumpEnd,
  ): Promise<Stream | undefined> {
    const { options, tell } = this.#house;
    const { peer, announcement } = this;
    if (this.#house.stopped() || this.#evicted) return undefined;
    const presence = end.reason === "stopped" ? stream.presence() : "same";
    if (presence !== "same" && this.#ours !== undefined) {
      // What was read ahead is lost with the pump: the peer comes back.
      tell("note", `"${stream.name}" is ${presence}; asking ${peer} anew`);
      return undefined;
    }
    if (presence === "replaced") {
      const next = await reopenSettled(stream, options.signal);
      if (next.writable && fits(next, announcement)) {
        tell("note", `"${stream.name}" was re-created; going on`);
        return next;
      }
      next.close();
      tell(
        "warning",
        `"${stream.name}" was re-created with another type or size; ` +
          `closing the connection of ${peer}`,
      );
      return undefined;
    }
    if (presence === "gone") {
      tell("warning", `"${stream.name}" was removed; making it anew`);
      return openDestination(announcement, options);
    }
    tell(...explain(peer, announcement.name, end));
    return undefined;
  }
}
