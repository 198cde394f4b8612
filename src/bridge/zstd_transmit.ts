/**
 * The transmitting end of a compressed connection: each frame is compressed
 * where that makes it smaller.
 * @module
 */

import { CLOCK, clockNs } from "../../ffi/clock.ts";
import type { FrameFacts } from "../../ffi/frame_facts.ts";
import { loadRecords, RECORD_BYTES } from "../../ffi/keyword_records.ts";
import { nextFrame, type WaitSettings } from "../../ffi/wait.ts";
import { limitUnsent } from "../../ffi/socket.ts";
import { crc32c, type WirePump } from "../../ffi/wire_pump.ts";
import type { Stream } from "../stream/stream.ts";
import { closeOnce } from "./session.ts";
import {
  Breach,
  BYTES,
  compress,
  COMPRESSED,
  Incoming,
  MARK,
  startSession,
  TYPE,
  UNKNOWN,
  WHOLE,
  wireClock,
  ZstdSession,
  type ZstdSettings,
} from "./zstd_common.ts";

/** What the transmitting end is told. */
export interface ZstdTransmit extends ZstdSettings {
  /** How to wait for the source. */
  readonly wait: WaitSettings;
  /** Of the records only those in use, packed. */
  readonly keywordsUsed: boolean;
  /** Time between two heartbeats. */
  readonly pingMs: number;
}

const WAIT_MS = 50;
const UNSENT_BYTES = 16_384;
const TRIPS = 16;
const EAGER_PINGS = 8;
const EAGER_MS = 25;
/** Drift of two clocks: 30 in a million. */
const DRIFT = 33_333n;
const PLAUSIBLE_NS = 10_000_000_000n;

interface Trip {
  readonly offsetNs: bigint;
  readonly rttNs: bigint;
  readonly at: bigint;
}

class Session extends ZstdSession<ZstdTransmit> {
  readonly #pixels = new Uint8Array(this.stream.layout.table.dataBytes);
  readonly #sent = new Uint8Array(this.settings.keywords * RECORD_BYTES);
  readonly #trips: Trip[] = [];
  #pings = 0;
  #nextPing = 0;
  #ended = false;

  override async work(): Promise<void> {
    limitUnsent(this.connection, UNSENT_BYTES);
    const both = [this.#listen(), this.#frames()];
    try { // whichever ends first ends the other
      await Promise.race(both);
    } finally {
      this.#ended = true;
      closeOnce(this.connection);
      await Promise.allSettled(both);
    }
  }

  async #listen(): Promise<void> {
    const incoming = new Incoming(this.connection, this.control);
    const block = new Uint8Array(BYTES.pong);
    while (!this.control.stopped) {
      const pong = await incoming.take(block, false);
      const arrived = wireClock(this.settings.shiftNs);
      const number = pong.getUint32(4, true);
      if (pong.getUint32(0, true) !== TYPE.pong || number > this.#pings) {
        throw new Breach();
      }
      this.#estimate(pong, arrived);
      this.control.put("peerCnt0", pong.getBigUint64(32, true));
      this.control.put("peerFrames", pong.getBigUint64(40, true));
    }
  }

  #estimate(pong: DataView, arrived: bigint): void {
    const [sent, received, answered] = [8, 16, 24]
      .map((at) => pong.getBigUint64(at, true)) as [bigint, bigint, bigint];
    const rttNs = arrived - sent - (answered - received);
    if (arrived < sent || answered < received || rttNs < 0n) return;
    const now = clockNs(CLOCK.MONOTONIC);
    const offsetNs = (sent - received + arrived - answered) / 2n;
    this.#trips.push({ offsetNs, rttNs, at: now });
    if (this.#trips.length > TRIPS) this.#trips.shift();
    const error = ({ rttNs, at }: Trip): bigint =>
      rttNs / 2n + (now - at) / DRIFT;
    const best = this.#trips.reduce((a, b) => error(b) < error(a) ? b : a);
    this.control.put("offsetNs", best.offsetNs);
    this.control.put("rttNs", best.rttNs);
    this.control.put("errorNs", error(best));
    this.control.count("roundTrips");
  }

  async #frames(): Promise<void> {
    const control = this.control;
    const { mapping } = this.stream;
    while (!control.stopped && !this.#ended) {
      await this.#ping();
      const facts = await nextFrame(
        mapping,
        this.settings.wait,
        this.last,
        WAIT_MS,
        this.#pixels,
        0,
      );
      if (facts === undefined || facts === "stalled") continue;
      if (facts.torn) {
        control.add("torn");
        continue;
      }
      await this.#keywords();
      await this.#send(facts);
    }
  }

  async #ping(): Promise<void> {
    if (performance.now() < this.#nextPing) return;
    const pause = this.#pings < EAGER_PINGS ? EAGER_MS : this.settings.pingMs;
    this.#nextPing = performance.now() + pause;
    const ping = new DataView(new ArrayBuffer(BYTES.ping));
    ping.setUint32(0, TYPE.ping, true);
    ping.setUint32(4, ++this.#pings, true);
    ping.setBigUint64(16, this.control.value("offsetNs"), true);
    ping.setBigUint64(24, this.control.value("errorNs"), true);
    ping.setBigUint64(32, this.control.value("rttNs"), true);
    ping.setBigUint64(40, this.control.get("lastCnt0"), true);
    ping.setBigUint64(48, this.control.get("skipped"), true);
    ping.setBigUint64(8, wireClock(this.settings.shiftNs), true);
    await this.write(new Uint8Array(ping.buffer));
  }

  async #keywords(): Promise<void> {
    const now = new Uint8Array(this.#sent.length);
    if (now.length === 0) return;
    const { keywordsUsed } = this.settings;
    if (loadRecords(this.stream.mapping, now, keywordsUsed)) {
      this.control.add("droppedKeywords");
    }
    const differs = (byte: number, index: number): boolean =>
      byte !== this.#sent[index];
    const from = now.findIndex(differs);
    if (from < 0) return;
    const first = Math.floor(from / RECORD_BYTES);
    const end = Math.floor(now.findLastIndex(differs) / RECORD_BYTES) + 1;
    const records = now.slice(first * RECORD_BYTES, end * RECORD_BYTES);
    const message = new Uint8Array(BYTES.keywords + records.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, TYPE.keywords, true);
    view.setUint32(4, first, true);
    view.setUint32(8, end - first, true);
    view.setUint32(12, crc32c(records, crc32c(message.slice(0, 12))), true);
    message.set(records, BYTES.keywords);
    this.#sent.set(now);
    this.control.count("keywordUpdates");
    await this.write(message);
  }

  #ageNs({ writetimeNs }: FrameFacts): bigint {
    const { clock } = this.stream.layout.table;
    const age = clockNs(clock) - writetimeNs;
    return age >= 0n && age < PLAUSIBLE_NS ? age : UNKNOWN;
  }

  async #send(facts: FrameFacts): Promise<void> {
    const control = this.control;
    const packed = await compress(this.#pixels);
    const shrinks = packed.length < this.#pixels.length;
    const stored = shrinks ? packed.slice() : this.#pixels;
    const behind = this.stream.cnt0 - facts.cnt0;
    const head = new DataView(new ArrayBuffer(BYTES.frame));
    const time = (at: number, ns: bigint): void => {
      head.setBigInt64(at, ns / 1_000_000_000n, true);
      head.setBigInt64(at + 8, ns % 1_000_000_000n, true);
    };
    head.setUint32(0, TYPE.frame, true);
    head.setUint32(4, shrinks ? COMPRESSED : 0, true);
    head.setBigUint64(8, facts.cnt0, true);
    head.setBigUint64(16, facts.cnt1, true);
    head.setBigUint64(24, facts.cnt2, true);
    time(32, facts.atimeNs);
    time(48, facts.writetimeNs);
    head.setBigUint64(64, wireClock(this.settings.shiftNs), true);
    head.setBigUint64(72, this.#ageNs(facts), true);
    head.setUint32(80, WHOLE, true);
    head.setUint32(
      84,
      behind > 0n && behind < WHOLE ? Number(behind) : 0,
      true,
    );
    head.setBigUint64(88, BigInt(stored.length), true);
    const bytes = new Uint8Array(head.buffer);
    const sum = crc32c(stored, crc32c(bytes));
    await this.write(bytes);
    await this.#pieces(stored, sum);
    if (facts.cnt0 > this.last + 1n) {
      control.add("skipped", facts.cnt0 - this.last - 1n);
    }
    this.last = facts.cnt0;
    control.add("frames");
    control.set("lastCnt0", facts.cnt0);
    control.set("lastCnt1", facts.cnt1);
    control.set("lastNs", clockNs(CLOCK.MONOTONIC));
    if (behind > 0n) control.count("late");
    const age = this.#ageNs(facts);
    if (age !== UNKNOWN) control.latency(age);
  }

  async #pieces(stored: Uint8Array, sum: number): Promise<void> {
    const { pieceBytes } = this.settings;
    for (let at = 0; at < stored.length; at += pieceBytes) {
      const last = at + pieceBytes >= stored.length;
      const mark = new DataView(new ArrayBuffer(BYTES.mark));
      mark.setUint32(0, last ? MARK.end : MARK.more, true);
      mark.setUint32(4, last ? sum : 0, true);
      await this.write(stored.subarray(at, at + pieceBytes));
      await this.write(new Uint8Array(mark.buffer));
    }
  }
}

/** Starts to send compressed frames over a connection, which it closes. */
export function startZstdTransmit(
  stream: Stream,
  connection: Deno.TcpConn,
  settings: ZstdTransmit,
): WirePump {
  return startSession(Session, stream, connection, settings);
}
