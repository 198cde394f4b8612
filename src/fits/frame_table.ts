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
}

/** Stands for a time that is not known. */
const NO_TIME = -(1n << 63n);

/** What is added to a stored counter: FITS has no unsigned 64-bit integers. */
const COUNTER_ZERO = 1n << 63n;

const ROW_BYTES = 32;

/** The cards of the four columns. */
function columnCards(): FitsCardInput[] {
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
    { keyword: `TNULL${n}`, value: NO_TIME, comment: "not known" },
  ];
  return [
    ...counter(1, "CNT0", "counter of the stream"),
    ...counter(2, "CNT1", "second counter of the stream"),
    ...time(3, "ATIME", "when the frame was taken"),
    ...time(4, "WTIME", "when the frame was written"),
  ];
}

/** A time that an int64 can hold. */
function timeOf(value: bigint | undefined): bigint {
  if (value === undefined) return NO_TIME;
  return BigInt.asIntN(64, value) === value ? value : NO_TIME;
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
   * @returns Its header and its data, each in whole blocks.
   */
  encode(): Uint8Array[] {
    const bytes = this.length * ROW_BYTES;
    const data = new Uint8Array(paddedBytes(bytes));
    const view = new DataView(data.buffer);
    this.#rows.forEach((row, i) => {
      const at = i * ROW_BYTES;
      view.setBigInt64(at, row.cnt0 - COUNTER_ZERO);
      view.setBigInt64(at + 8, (row.cnt1 ?? 0n) - COUNTER_ZERO);
      view.setBigInt64(at + 16, timeOf(row.acquired));
      view.setBigInt64(at + 24, timeOf(row.written));
    });
    const sum = new Checksum();
    sum.update(data);
    const cards: FitsCardInput[] = [
      { keyword: "XTENSION", value: "BINTABLE", comment: "binary table" },
      { keyword: "BITPIX", value: 8n, comment: "bytes" },
      { keyword: "NAXIS", value: 2n, comment: "two axes" },
      {
        keyword: "NAXIS1",
        value: BigInt(ROW_BYTES),
        comment: "bytes of a row",
      },
      { keyword: "NAXIS2", value: BigInt(this.length), comment: "frames" },
      { keyword: "PCOUNT", value: 0n, comment: "no heap" },
      { keyword: "GCOUNT", value: 1n, comment: "one group" },
      { keyword: "TFIELDS", value: 4n, comment: "columns" },
      ...columnCards(),
      {
        keyword: "EXTNAME",
        value: "FRAMES",
        comment: "one row for each frame",
      },
    ];
    return [sealedHeader(cards, sum.value), data];
  }
}
