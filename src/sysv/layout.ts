/**
 * The segment of a virtual device, byte for byte (little-endian). docs/sysv.md
 * shows the same table.
 * @module
 */

import { fullScale, MAX_RESOLUTION, type Wave, WAVES } from "./wave.ts";

/** Bytes of the segment. */
export const LENGTH = 4096;
/** First word: it is stored last. */
export const MAGIC = 0x3156_4544_4d49_4853n; // "SHIMDEV1"
/** Samples that are kept, for whoever draws them. */
export const HISTORY = 128;

const KEY_BYTES = 480;

/** Where the members lie. */
export const AT = {
  magic: 0,
  length: 8, // u32
  pid: 12, // i32
  start: 16, // u64: ns since the machine's start
  device: 24, // u64: of the key's file
  inode: 32, // u64: of the key's file
  keyId: 40, // u32
  keyBytes: 44, // u32
  keyPath: 48, // text of KEY_BYTES at most
  sequence: 528, // u64: odd while the record changes
  record: 536,
  claim: 1160, // u64: pid of the prompt, 0 = none
  request: 1168, // u64: number of the last request
  reply: 1176, // u64: number of the request that was answered last
  requestBytes: 1184, // u32
  replyBytes: 1188, // u32
  replyFlags: 1192, // u32
  requestText: 1200, // REQUEST_BYTES
  replyText: 1456, // REPLY_BYTES
} as const;

/** Bytes of the record. */
export const RECORD_BYTES = 624;
/** Longest request. */
export const REQUEST_BYTES = 256;
/** Longest reply. */
export const REPLY_BYTES = 2048;

/** Where the members of the record lie, from its begin. */
const FIELD = {
  sample: 0, // u64
  configuration: 8, // u64
  missed: 16, // u64
  monotonic: 24, // i64, ns
  realtime: 32, // i64, ns
  period: 40, // f64, s
  interval: 48, // f64, s
  phase: 56, // f64
  value: 64, // u32
  wave: 68, // u32: index in WAVES
  resolution: 72, // u32
  state: 76, // u32: index in STATES
  recent: 80, // u32: how many samples there are in the history
  history: 112, // u32 x HISTORY, the newest last
} as const;

/** What a device does at the moment. */
export const STATES = ["stopped", "running", "ended"] as const;
/** What a device does at the moment. */
export type State = typeof STATES[number];

/** What the record says. */
export interface SampleRecord {
  /** Number of the sample, 1 for the first; missed ones are counted. */
  readonly sample: bigint;
  /** Number of the configuration, 1 for the first. */
  readonly configuration: bigint;
  /** Samples that were missed because the device was late. */
  readonly missed: bigint;
  /** When it was made, CLOCK_MONOTONIC, ns. */
  readonly monotonicNs: bigint;
  /** When it was made, ns since 1970 UTC. */
  readonly realtimeNs: bigint;
  /** Seconds of one period. */
  readonly period: number;
  /** Seconds from one sample to the next. */
  readonly interval: number;
  /** 0 up to 1. */
  readonly phase: number;
  /** The sample. */
  readonly value: number;
  /** The wave. */
  readonly wave: Wave;
  /** Bits of a sample. */
  readonly resolution: number;
  /** What the device does. */
  readonly state: State;
  /** The last samples, the newest last. */
  readonly history: readonly number[];
}

/** A record as bytes. */
export function encodeRecord(
  record: SampleRecord,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(RECORD_BYTES));
  view.setBigUint64(FIELD.sample, record.sample, true);
  view.setBigUint64(FIELD.configuration, record.configuration, true);
  view.setBigUint64(FIELD.missed, record.missed, true);
  view.setBigInt64(FIELD.monotonic, record.monotonicNs, true);
  view.setBigInt64(FIELD.realtime, record.realtimeNs, true);
  view.setFloat64(FIELD.period, record.period, true);
  view.setFloat64(FIELD.interval, record.interval, true);
  view.setFloat64(FIELD.phase, record.phase, true);
  view.setUint32(FIELD.value, record.value, true);
  view.setUint32(FIELD.wave, WAVES.indexOf(record.wave), true);
  view.setUint32(FIELD.resolution, record.resolution, true);
  view.setUint32(FIELD.state, STATES.indexOf(record.state), true);
  const recent = record.history.slice(-HISTORY);
  view.setUint32(FIELD.recent, recent.length, true);
  const first = HISTORY - recent.length;
  recent.forEach((value, i) =>
    view.setUint32(FIELD.history + 4 * (first + i), value, true)
  );
  return new Uint8Array(view.buffer);
}

/**
 * Takes a record apart.
 *
 * @throws {RangeError} where it says what no device says.
 */
export function decodeRecord(bytes: Uint8Array<ArrayBuffer>): SampleRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, RECORD_BYTES);
  const word = (at: number): number => view.getUint32(at, true);
  const wave = WAVES[word(FIELD.wave)];
  const state = STATES[word(FIELD.state)];
  const resolution = word(FIELD.resolution);
  const value = word(FIELD.value);
  const recent = word(FIELD.recent);
  const period = view.getFloat64(FIELD.period, true);
  const interval = view.getFloat64(FIELD.interval, true);
  const good = resolution >= 1 && resolution <= MAX_RESOLUTION &&
    value <= fullScale(resolution) && recent <= HISTORY && period > 0 &&
    interval > 0 && Number.isFinite(period) && Number.isFinite(interval);
  if (wave === undefined || state === undefined || !good) {
    throw new RangeError("The record of the device's sample is damaged");
  }
  const first = HISTORY - recent;
  return {
    sample: view.getBigUint64(FIELD.sample, true),
    configuration: view.getBigUint64(FIELD.configuration, true),
    missed: view.getBigUint64(FIELD.missed, true),
    monotonicNs: view.getBigInt64(FIELD.monotonic, true),
    realtimeNs: view.getBigInt64(FIELD.realtime, true),
    period,
    interval,
    phase: view.getFloat64(FIELD.phase, true),
    value,
    wave,
    resolution,
    state,
    history: Array.from(
      { length: recent },
      (_, i) => word(FIELD.history + 4 * (first + i)),
    ),
  };
}

/** Who made the segment, and of which file its key is. */
export interface DeviceHeader {
  /** Process of the device. */
  readonly pid: number;
  /** When it began, ns since the machine's start. */
  readonly startNs: bigint;
  /** The key's file. */
  readonly keyPath: string;
  /** The key's id. */
  readonly keyId: number;
  /** Device number of the key's file. */
  readonly keyDevice: bigint;
  /** Inode of the key's file. */
  readonly keyInode: bigint;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** All before the record but the magic, which is 0. */
export function encodeHeader(header: DeviceHeader): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(AT.sequence));
  view.setUint32(AT.length, LENGTH, true);
  view.setInt32(AT.pid, header.pid, true);
  view.setBigUint64(AT.start, header.startNs, true);
  view.setBigUint64(AT.device, header.keyDevice, true);
  view.setBigUint64(AT.inode, header.keyInode, true);
  view.setUint32(AT.keyId, header.keyId, true);
  const bytes = new Uint8Array(view.buffer);
  const { written } = encoder.encodeInto(
    header.keyPath,
    bytes.subarray(AT.keyPath, AT.keyPath + KEY_BYTES),
  );
  view.setUint32(AT.keyBytes, written, true);
  return bytes;
}

/** Takes it apart; its text may hold anything. */
export function decodeHeader(bytes: Uint8Array<ArrayBuffer>): DeviceHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, AT.sequence);
  const length = Math.min(KEY_BYTES, view.getUint32(AT.keyBytes, true));
  return {
    pid: view.getInt32(AT.pid, true),
    startNs: view.getBigUint64(AT.start, true),
    keyPath: decoder.decode(
      bytes.subarray(AT.keyPath, AT.keyPath + length),
    ),
    keyId: view.getUint32(AT.keyId, true),
    keyDevice: view.getBigUint64(AT.device, true),
    keyInode: view.getBigUint64(AT.inode, true),
  };
}
