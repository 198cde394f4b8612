/**
 * The pumps of a transmitter: what the helper is told of a source and of what
 * is wanted, over milk's wire and over ours.
 * @module
 */

import {
  NO_SCHEDULE,
  type Pump,
  startTransmit,
  type TransmitSettings,
} from "../../ffi/pump.ts";
import type { WaitSettings } from "../../ffi/wait.ts";
import { startWireTransmit, type WirePump } from "../../ffi/wire_pump.ts";
import type { Stream } from "../stream/stream.ts";
import type { Agreement } from "./offer.ts";
import type { KeywordMode, SliceMode, TransmitOptions } from "./transmit.ts";
import { PIECE_BYTES } from "./wire.ts";
import { startZstdTransmit } from "./zstd_transmit.ts";

/** What is wanted of a pump. */
export type PumpOptions = Pick<
  TransmitOptions,
  | "allowTorn"
  | "clockShiftNs"
  | "keywords"
  | "policy"
  | "queue"
  | "schedule"
  | "slices"
>;

/** Time between two heartbeats of our own wire. */
export const PING_MS = 1000;

const REPEAT_MS = 1000;
const SILENCE_MS = 5000;
const QUEUE = 16;
const SLICE_MODES: Readonly<Record<SliceMode, number>> = {
  auto: 0,
  rolling: 1,
  whole: 2,
};
const DECLARED_RING = 3;

/** How many keyword records a receiver is told to expect. */
export function announcedKeywords(
  stream: Stream,
  mode: KeywordMode = "all",
): number {
  switch (mode) {
    case "all":
      return stream.layout.keywordCount;
    case "used":
      return stream.keywords().length;
    case "none":
      return 0;
  }
}

function sliceMode(stream: Stream, mode: SliceMode = "auto"): number {
  return mode === "auto" && stream.layout.rolling
    ? DECLARED_RING
    : SLICE_MODES[mode];
}

/** What both wires are told. */
function common(
  stream: Stream,
  options: PumpOptions,
): Pick<
  TransmitSettings,
  "allowTorn" | "keywordsUsed" | "schedule" | "sliceMode"
> {
  return {
    sliceMode: sliceMode(stream, options.slices),
    keywordsUsed: options.keywords === "used",
    allowTorn: options.allowTorn ?? false,
    schedule: options.schedule ?? NO_SCHEDULE,
  };
}

/** Where a connection begins. */
interface Start {
  /** How to wait for the source. */
  readonly wait: WaitSettings;
  /** Frames up to this counter are known already. */
  readonly last: bigint;
  /** Keyword records announced to the peer. */
  readonly keywords: number;
}

/**
 * Starts a pump over milk's wire.
 *
 * @param start Where it begins; `repeat` sends the newest frame once more
 * where none comes.
 */
export function startMilkPump(
  stream: Stream,
  connection: Deno.TcpConn,
  options: PumpOptions,
  { repeat, ...start }: Start & { readonly repeat: boolean },
): Pump {
  return startTransmit(stream.mapping, connection, {
    ...common(stream, options),
    ...start,
    first: true,
    repeatMs: repeat ? REPEAT_MS : 0,
  });
}

/**
 * Starts a pump over our own wire.
 *
 * @param start Where it begins, as far as the receiver does not know better.
 * @param agreed What both ends agreed upon.
 */
export function startOwnPump(
  stream: Stream,
  connection: Deno.TcpConn,
  options: PumpOptions,
  start: Start,
  { progress, zstd }: Agreement,
): WirePump {
  const settings = {
    ...start,
    last: progress?.last ?? start.last,
    pieceBytes: PIECE_BYTES,
    pingMs: PING_MS,
    silenceMs: SILENCE_MS,
    shiftNs: options.clockShiftNs ?? 0n,
  };
  const shared = common(stream, options);
  if (zstd) {
    const { keywordsUsed } = shared;
    return startZstdTransmit(stream, connection, { ...settings, keywordsUsed });
  }
  return startWireTransmit(stream.mapping, connection, {
    ...shared,
    ...settings,
    every: options.policy === "every",
    queue: options.queue ?? QUEUE,
    first: progress === undefined,
  });
}
