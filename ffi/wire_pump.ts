/**
 * Pumps of our own wire, and the sum that its frames carry.
 * @module
 */

import { helper } from "./helper.ts";
import type { Mapping } from "./mapping.ts";
import { putWait, WAIT_WORDS, type WaitSettings } from "./wait.ts";
import {
  Control,
  giveSocket,
  Pump,
  type Schedule,
  scheduleWords,
} from "./pump.ts";
import type { ConnectedSocket } from "./socket.ts";
import { wordsOf } from "./words.ts";

/** The words of `struct shmim_wire_control` behind the common ones. */
const WORDS = [
  "late",
  "aborted",
  "damaged",
  "queued",
  "queueFull",
  "roundTrips",
  "rttNs",
  "offsetNs",
  "errorNs",
  "peerCnt0",
  "peerFrames",
  "keywordUpdates",
  "oneWayNs",
  "incomplete",
] as const;

/** The counters among them. */
export const WIRE_COUNTERS = [
  "late",
  "aborted",
  "damaged",
  "queued",
  "queueFull",
  "keywordUpdates",
] as const satisfies readonly (keyof WireCounters)[];

const UNKNOWN = 0xffff_ffff_ffff_ffffn;

/** What is known of the other end's clock. */
export interface ClockEstimate {
  /** Transmitter's clock minus receiver's, ns. */
  readonly offsetNs: bigint;
  /** It is wrong by so much at most, ns. */
  readonly errorNs: bigint;
  /** Round trip of the sample that it is from, ns. */
  readonly rttNs: bigint;
}

/** Counters that only pumps of our own wire have. */
export interface WireCounters {
  /** Frames that a newer one had overtaken when they left. */
  readonly late: number;
  /** Frames given up half-way because the source changed them. */
  readonly aborted: number;
  /** Frames whose CRC-32C did not agree. */
  readonly damaged: number;
  /** Frames that wait to be sent. */
  readonly queued: number;
  /** Times that there was no room for one more. */
  readonly queueFull: number;
  /** Keyword messages. */
  readonly keywordUpdates: number;
}

/** The control block of a pump that TypeScript itself is. */
export class WireControl extends Control {
  #index(name: typeof WORDS[number]): number {
    return Control.COMMON + WORDS.indexOf(name);
  }

  /** Counts. */
  count(name: typeof WORDS[number]): void {
    const index = this.#index(name);
    this.words[index] = (this.words[index] ?? 0n) + 1n;
  }

  /** A word's value. */
  value(name: typeof WORDS[number]): bigint {
    return this.words[this.#index(name)] ?? 0n;
  }

  /** Sets a word; `undefined`: not known. */
  put(name: typeof WORDS[number], value: bigint | undefined): void {
    this.words[this.#index(name)] = value === undefined
      ? UNKNOWN
      : BigInt.asUintN(64, value);
  }
}

/** A pump of our own wire at work. */
export class WirePump extends Pump {
  /** @param run Starts the pump with its control block. */
  constructor(
    run: (control: BigUint64Array<ArrayBuffer>) => Promise<number>,
  ) {
    super(run, WORDS.length);
  }

  #word(name: typeof WORDS[number]): bigint {
    return this.more(WORDS.indexOf(name));
  }

  /** Its counters now, beside those that every pump has. */
  wireCounters(): WireCounters {
    return Object.fromEntries(
      WIRE_COUNTERS.map((name) => [name, Number(this.#word(name))]),
    ) as Record<typeof WIRE_COUNTERS[number], number>;
  }

  /** The two clocks; `undefined` before the first round trip. */
  get clocks(): ClockEstimate | undefined {
    const errorNs = this.#word("errorNs");
    if (this.#word("roundTrips") === 0n || errorNs === UNKNOWN) {
      return undefined;
    }
    return {
      offsetNs: BigInt.asIntN(64, this.#word("offsetNs")),
      errorNs,
      rttNs: this.#word("rttNs"),
    };
  }

  /** From written there to published here, last frame, ns (receiving). */
  get oneWayNs(): bigint | undefined {
    const value = this.#word("oneWayNs");
    return value === UNKNOWN ? undefined : value;
  }

  /** Source counter that the receiver has published last (transmitting). */
  get peerCnt0(): bigint {
    return this.#word("peerCnt0");
  }

  /** Whether half a frame is in the stream (receiving with `direct`). */
  get incomplete(): boolean {
    return this.#word("incomplete") !== 0n;
  }
}

/** What a transmitting pump is told. */
export interface WireTransmitSettings {
  /** How to wait for the source. */
  readonly wait: WaitSettings;
  /** Frames up to this counter are known already. */
  readonly last: bigint;
  /** 0 by the stream's ways, 1 slices, 2 whole, 3 declared as a ring. */
  readonly sliceMode: number;
  /** Every frame, as far as there is room, instead of the newest. */
  readonly every: boolean;
  /** Frames that may wait, where the stream keeps none itself. */
  readonly queue: number;
  /** Keyword records announced to the peer. */
  readonly keywords: number;
  /** Send used records only, packed. */
  readonly keywordsUsed: boolean;
  /** Bytes of a piece, as announced. */
  readonly pieceBytes: number;
  /** Time between two heartbeats. */
  readonly pingMs: number;
  /** Give up where the peer is silent for so long, 0 = never. */
  readonly silenceMs: number;
  /** Nothing of this source was sent before. */
  readonly first: boolean;
  /** Send frames of a source that never pauses. */
  readonly allowTorn: boolean;
  /** Added to the clock that the peer is told, ns: for tests. */
  readonly shiftNs: bigint;
  /** Priority and cores. */
  readonly schedule: Schedule;
}

/**
 * Starts a transmitting pump on a stream and a connection. The connection
 * stays open for the caller to close.
 */
export function startWireTransmit(
  mapping: Mapping,
  socket: ConnectedSocket,
  settings: WireTransmitSettings,
): WirePump {
  const words = wordsOf([
    settings.sliceMode,
    settings.every,
    settings.queue,
    settings.keywords,
    settings.keywordsUsed,
    settings.pieceBytes,
    settings.pingMs,
    settings.silenceMs,
    settings.first,
    settings.allowTorn,
    settings.shiftNs,
    ...scheduleWords(settings.schedule),
  ], WAIT_WORDS + 1);
  putWait(words, settings.wait, settings.last, 0);
  giveSocket(words, WAIT_WORDS, socket);
  return new WirePump((control) =>
    mapping.run((helper, table) =>
      helper.shmim_wire_transmit(table, words, control)
    )
  );
}

/** What a receiving pump is told. */
export interface WireReceiveSettings {
  /** Frames up to this source counter are known already. */
  readonly last: bigint;
  /** Keyword records announced. */
  readonly keywords: number;
  /** Bytes of a piece, as announced. */
  readonly pieceBytes: number;
  /** Give up where the peer is silent for so long, 0 = never. */
  readonly silenceMs: number;
  /** Put pieces into the stream as they come. */
  readonly direct: boolean;
  /** Added to the clock that the peer is told, ns: for tests. */
  readonly shiftNs: bigint;
  /** Priority and cores. */
  readonly schedule: Schedule;
}

/** Starts a receiving pump on a connection and a stream. */
export function startWireReceive(
  mapping: Mapping,
  socket: ConnectedSocket,
  settings: WireReceiveSettings,
): WirePump {
  const words = wordsOf([
    settings.last,
    settings.keywords,
    settings.pieceBytes,
    settings.silenceMs,
    settings.direct,
    settings.shiftNs,
    ...scheduleWords(settings.schedule),
  ], 1);
  giveSocket(words, 0, socket);
  return new WirePump((control) =>
    mapping.run((helper, table) =>
      helper.shmim_wire_receive(table, words, control)
    )
  );
}

/**
 * CRC-32C of bytes, as the wire carries it.
 *
 * @param bytes What to sum up.
 * @param before The sum of what came before. Default 0, nothing.
 * @param options `plain`: by table, not by the processor's instruction.
 */
export function crc32c(
  bytes: Uint8Array<ArrayBuffer>,
  before = 0,
  options: { plain?: boolean } = {},
): number {
  return helper().shmim_crc32c(
    before,
    bytes,
    BigInt(bytes.byteLength),
    options.plain ? 1 : 0,
  );
}
