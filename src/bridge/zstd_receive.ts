/**
 * The receiving end of a compressed connection.
 * @module
 */

import { CLOCK, clockNs } from "../../ffi/clock.ts";
import { RECORD_BYTES, storeRecords } from "../../ffi/keyword_records.ts";
import { crc32c, type WirePump } from "../../ffi/wire_pump.ts";
import type { Stream } from "../stream/stream.ts";
import {
  Breach,
  BYTES,
  COMPRESSED,
  decompress,
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

const FLAGS = 7;

class Session extends ZstdSession {
  readonly #in = new Incoming(this.connection, this.control);
  readonly #records = new Uint8Array(this.settings.keywords * RECORD_BYTES);
  #news = false;
  #run = 0n;

  override async work(): Promise<void> {
    const type = new Uint8Array(4);
    while (!this.control.stopped) {
      const view = await this.#in.take(type, false);
      switch (view.getUint32(0, true)) {
        case TYPE.frame:
          await this.#frame();
          break;
        case TYPE.keywords:
          await this.#keywords();
          break;
        case TYPE.ping:
          await this.#ping();
          break;
        default:
          throw new Breach();
      }
    }
  }

  /** The rest of a message whose type has been taken. */
  async #rest(type: number, bytes: number): Promise<DataView<ArrayBuffer>> {
    const block = new Uint8Array(bytes);
    await this.#in.take(block.subarray(4), true);
    const view = new DataView(block.buffer);
    view.setUint32(0, type, true);
    return view;
  }

  async #keywords(): Promise<void> {
    const head = await this.#rest(TYPE.keywords, BYTES.keywords);
    const first = head.getUint32(4, true);
    const count = head.getUint32(8, true);
    if (count === 0 || first + count > this.settings.keywords) {
      throw new Breach();
    }
    const records = this.#records.subarray(
      first * RECORD_BYTES,
      (first + count) * RECORD_BYTES,
    );
    await this.#in.take(records, true);
    const sum = crc32c(records, crc32c(new Uint8Array(head.buffer, 0, 12)));
    if (sum !== head.getUint32(12, true)) throw new Breach();
    this.control.count("keywordUpdates");
    this.#news = true;
  }

  async #ping(): Promise<void> {
    const { shiftNs } = this.settings;
    const received = wireClock(shiftNs);
    const ping = await this.#rest(TYPE.ping, BYTES.ping);
    const error = ping.getBigUint64(24, true);
    this.control.put("offsetNs", ping.getBigInt64(16, true));
    this.control.put("errorNs", error);
    this.control.put("rttNs", ping.getBigUint64(32, true));
    if (error !== UNKNOWN) this.control.count("roundTrips");
    const pong = new DataView(new ArrayBuffer(BYTES.pong));
    pong.setUint32(0, TYPE.pong, true);
    pong.setUint32(4, ping.getUint32(4, true), true);
    pong.setBigUint64(8, ping.getBigUint64(8, true), true);
    pong.setBigUint64(16, received, true);
    pong.setBigUint64(32, this.last, true);
    pong.setBigUint64(40, this.control.get("frames"), true);
    pong.setBigUint64(48, this.control.value("damaged"), true);
    pong.setBigUint64(24, wireClock(shiftNs), true);
    await this.write(new Uint8Array(pong.buffer));
  }

  /** Bytes that must come, and where they belong. */
  #place(head: DataView): { size: number; offset: number; slice: number } {
    const { slices, sliceBytes, dataBytes } = this.stream.layout.table;
    const slice = head.getUint32(80, true);
    const whole = slice === WHOLE;
    if (!whole && (slices < 2 || slice >= slices)) throw new Breach();
    const size = whole ? dataBytes : sliceBytes;
    const flags = head.getUint32(4, true);
    const bytes = head.getBigUint64(88, true);
    const fits = (flags & COMPRESSED) === 0
      ? bytes === BigInt(size)
      : bytes > 0n && bytes < BigInt(size);
    if (!fits || (flags & ~FLAGS) !== 0) throw new Breach();
    return {
      size,
      offset: whole ? 0 : slice * sliceBytes,
      slice: whole ? -1 : slice,
    };
  }

  async #frame(): Promise<void> {
    const head = await this.#rest(TYPE.frame, BYTES.frame);
    const place = this.#place(head);
    const stored = new Uint8Array(Number(head.getBigUint64(88, true)));
    const mark = new Uint8Array(BYTES.mark);
    const { pieceBytes } = this.settings;
    for (let at = 0; at < stored.length; at += pieceBytes) {
      const piece = stored.subarray(at, at + pieceBytes);
      await this.#in.take(piece, true);
      const what = (await this.#in.take(mark, true)).getUint32(0, true);
      if (what === MARK.abort) {
        this.control.count("aborted");
        return;
      }
      const last = at + pieceBytes >= stored.length;
      if (what !== (last ? MARK.end : MARK.more)) throw new Breach();
    }
    const sum = crc32c(stored, crc32c(new Uint8Array(head.buffer)));
    const good = sum === new DataView(mark.buffer).getUint32(4, true);
    const plain = (head.getUint32(4, true) & COMPRESSED) === 0;
    const pixels = !good || plain
      ? stored
      : await decompress(stored, place.size);
    if (!good || pixels === undefined) {
      this.control.count("damaged");
      return;
    }
    this.#publish(head, pixels, place);
  }

  #publish(
    head: DataView<ArrayBuffer>,
    pixels: Uint8Array<ArrayBuffer>,
    { offset, slice }: { offset: number; slice: number },
  ): void {
    const control = this.control;
    const cnt0 = head.getBigUint64(8, true);
    if (cnt0 === this.last) {
      control.add("repeats");
      return;
    }
    if (cnt0 > this.last + 1n) control.add("skipped", cnt0 - this.last - 1n);
    this.#run = cnt0 === this.last + 1n ? this.#run + 1n : 1n;
    const { mapping } = this.stream;
    if (this.#news) {
      storeRecords(mapping, this.#records);
      this.#news = false;
    }
    mapping.putFrame(
      pixels,
      offset,
      slice,
      new BigUint64Array(head.buffer, 8, 7),
      this.#run,
    );
    this.last = cnt0;
    control.add("frames");
    control.set("lastCnt0", cnt0);
    control.set("lastCnt1", head.getBigUint64(16, true));
    control.set("lastNs", clockNs(CLOCK.MONOTONIC));
    control.set("foreign", mapping.foreign);
    if (head.getUint32(84, true) > 0) control.count("late");
    this.#oneWay(head);
  }

  #oneWay(head: DataView): void {
    const age = head.getBigUint64(72, true);
    const known = this.control.value("errorNs") !== UNKNOWN &&
      this.control.value("roundTrips") > 0n;
    if (!known || age === UNKNOWN) return;
    const offset = BigInt.asIntN(64, this.control.value("offsetNs"));
    const ns = BigInt.asIntN(
      64,
      wireClock(this.settings.shiftNs) + offset -
        head.getBigUint64(64, true) + age,
    );
    this.control.put("oneWayNs", ns > 0n ? ns : 0n);
    this.control.latency(ns > 0n ? ns : 0n);
  }
}

/** Starts to take compressed frames off a connection, which it closes. */
export function startZstdReceive(
  stream: Stream,
  connection: Deno.TcpConn,
  settings: ZstdSettings,
): WirePump {
  return startSession(Session, stream, connection, settings);
}
