/** The table of a cube's frames: a BINTABLE of counters and times. @module */

import { Checksum } from "./checksum.ts";
import type { FitsCardInput } from "./format_card.ts";
import { paddedBytes } from "./types.ts";
import { sealedHeader } from "./write_header.ts";

/** What is known of one frame of a cube. */
export interface FitsFrameInfo {
  /** The stream's counter. */
  readonly cnt0: bigint;
  /** The stream's second counter. */
  readonly cnt1?: bigint;
  /** When the frame was taken: nanoseconds since 1970, UTC. */
  readonly acquired?: bigint;
  /** When the frame was written to the stream: nanoseconds since 1970, UTC. */
  readonly written?: bigint;
  /** When the frame was noticed: nanoseconds since 1970, UTC. */
  readonly arrived?: bigint;
}

/** Stands for a time that is not known. */
export const UNKNOWN_TIME: bigint = -(1n << 63n);

/** What is added to a stored counter: FITS has no unsigned 64-bit integers. */
const COUNTER_ZERO = 1n << 63n;

const ROW_BYTES = 32;

/** Bytes of a row that also says when its frame arrived. */
export const ARRIVAL_ROW_BYTES = 40;

function columnCards(arrival: boolean): FitsCardInput[] {
  const counter = (n: number, name: string, comment: string) => [
    { keyword: `TTYPE${n}`, value: name, comment },
    { keyword: `TFORM${n}`, value: "K", comment: "64-bit integer" },
    { keyword: `TSCAL${n}`, value: 1n },
    { keyword: `TZERO${n}`, value: COUNTER_ZERO, comment: "unsigned" },
  ];
  const time = (n: number, name: string, comment: string) => [
    { keyword: `TTYPE${n}`, value: name, comment },
    { keyword: `TFORM${n}`, value: "K", comment: "64-bit integer" },
    { keyword: `TUNIT${n}`, value: "ns", comment: "since 1970-01-01, UTC" },
    { keyword: `TNULL${n}`, value: UNKNOWN_TIME, comment: "not known" },
  ];
  return [
    ...counter(1, "CNT0", "counter of the stream"),
    ...counter(2, "CNT1", "second counter of the stream"),
    ...time(3, "ATIME", "when the frame was taken"),
    ...time(4, "WTIME", "when the frame was written"),
    ...arrival ? time(5, "ARRIVAL", "when the frame was noticed") : [],
  ];
}

/** A time that an int64 can hold. */
function timeOf(value: bigint | undefined): bigint {
  if (value === undefined) return UNKNOWN_TIME;
  return BigInt.asIntN(64, value) === value ? value : UNKNOWN_TIME;
}

/**
 * Writes one row: the counters and times, big-endian.
 *
 * @param view The rows.
 * @param at Where this one begins.
 * @param row What is known of the frame.
 */
function putRow(view: DataView, at: number, row: FitsFrameInfo): void {
  view.setBigInt64(at, BigInt.asUintN(64, row.cnt0) - COUNTER_ZERO);
  view.setBigInt64(at + 8, BigInt.asUintN(64, row.cnt1 ?? 0n) - COUNTER_ZERO);
  view.setBigInt64(at + 16, timeOf(row.acquired));
  view.setBigInt64(at + 24, timeOf(row.written));
}

/**
 * Writes one row that also says when its frame arrived.
 *
 * @param view The rows.
 * @param at Where this one begins.
 * @param row What is known of the frame.
 */
export function putArrivalRow(
  view: DataView,
  at: number,
  row: FitsFrameInfo,
): void {
  putRow(view, at, row);
  view.setBigInt64(at + 32, timeOf(row.arrived));
}

/**
 * Reads one row that also says when its frame arrived.
 *
 * @param view The rows, as `putArrivalRow` writes them.
 * @param at Where this one begins.
 * @returns What is known of the frame.
 */
export function readArrivalRow(view: DataView, at: number): FitsFrameInfo {
  const counter = (offset: number): bigint =>
    view.getBigInt64(at + offset) + COUNTER_ZERO;
  const time = (offset: number): bigint | undefined => {
    const value = view.getBigInt64(at + offset);
    return value === UNKNOWN_TIME ? undefined : value;
  };
  const [acquired, written, arrived] = [time(16), time(24), time(32)];
  return {
    cnt0: counter(0),
    cnt1: counter(8),
    ...acquired === undefined ? {} : { acquired },
    ...written === undefined ? {} : { written },
    ...arrived === undefined ? {} : { arrived },
  };
}

/**
 * Makes the extension of rows that are there already.
 *
 * @param rows Whole rows, not filled up.
 * @param arrival Whether they are those of `putArrivalRow`.
 * @returns Its header, the rows, and what fills them up.
 */
export function frameTableOf(
  rows: Uint8Array<ArrayBuffer>,
  arrival: boolean,
): Uint8Array<ArrayBuffer>[] {
  const rowBytes = arrival ? ARRIVAL_ROW_BYTES : ROW_BYTES;
  const count = rows.length / rowBytes;
  const sum = new Checksum();
  sum.update(rows);
  const cards: FitsCardInput[] = [
    { keyword: "XTENSION", value: "BINTABLE", comment: "binary table" },
    { keyword: "BITPIX", value: 8n, comment: "bytes" },
    { keyword: "NAXIS", value: 2n, comment: "two axes" },
    { keyword: "NAXIS1", value: BigInt(rowBytes), comment: "bytes of a row" },
    { keyword: "NAXIS2", value: BigInt(count), comment: "frames" },
    { keyword: "PCOUNT", value: 0n, comment: "no heap" },
    { keyword: "GCOUNT", value: 1n, comment: "one group" },
    { keyword: "TFIELDS", value: arrival ? 5n : 4n, comment: "columns" },
    ...columnCards(arrival),
    { keyword: "EXTNAME", value: "FRAMES", comment: "one row for each frame" },
  ];
  const filling = new Uint8Array(paddedBytes(rows.length) - rows.length);
  const header = sealedHeader(cards, sum.value) as Uint8Array<ArrayBuffer>;
  return [header, rows, filling];
}

/** Collects what is known of each frame and makes a table of it. */
export class FrameTable {
  readonly #rows: FitsFrameInfo[] = [];

  /** How many frames there are. */
  get length(): number {
    return this.#rows.length;
  }

  /** The last frame. */
  get last(): FitsFrameInfo | undefined {
    return this.#rows.at(-1);
  }

  /**
   * Adds a frame.
   *
   * @param info What is known of it.
   */
  add(info: FitsFrameInfo): void {
    this.#rows.push(info);
  }

  /**
   * Builds the extension.
   *
   * @returns Its header, its data, and what fills them to whole blocks.
   */
  encode(): Uint8Array[] {
    const rows = new Uint8Array(this.length * ROW_BYTES);
    const view = new DataView(rows.buffer);
    this.#rows.forEach((row, i) => putRow(view, i * ROW_BYTES, row));
    return frameTableOf(rows, false);
  }
}
