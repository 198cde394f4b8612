/**
 * The metadata record of DAO (Durham) and what it says of a file: two
 * generations without a version, told apart by the file's size.
 * @module
 */

import { checkedSize, type Fault, fault, isFault } from "./checked_size.ts";
import { text, viewOf } from "./header_bytes.ts";
import { type DataType, pixelNumber, TYPE_CODES, TYPES } from "./types.ts";

/** Offsets in a metadata record. */
export const AT = {
  name: 0,
  naxis: 80,
  size: 84,
  elements: 96,
  type: 104,
  creationTime: 112,
  lastAccess: 120,
  atime: 136,
  shared: 144,
  status: 145,
  logFlag: 146,
  semaphores: 148,
  cnt0: 152,
  cnt1: 160,
  cnt2: 168,
  writeFlag: 176,
  keywords: 178,
  packets: 180,
  packetFrames: 200,
  fifoSize: 4296,
  fifoLastWritten: 4300,
} as const;

/** Bytes of a record with the fields of a FIFO, since 2026. */
export const RECORD_BYTES = 4304;
/** Bytes of a record before. */
export const RECORD_BYTES_BEFORE_FIFO = 4296;
/** Bytes of the name's field; the last is a zero. */
export const NAME_BYTES = 80;
/** Bytes of one keyword record. */
export const KEYWORD_BYTES = 120;
/** Packets of a frame, at most. */
export const PACKETS = 512;
/** Frames of a FIFO that anybody would keep. */
export const DEPTH_MAX = 65536;

/** Data types by code; there is no half-precision float. */
export const CODES: readonly (DataType | undefined)[] = TYPE_CODES
  .filter((type) => type !== "f16");

/** What a record says of the whole file. */
export interface Claims {
  readonly name: string;
  readonly type: DataType;
  /** Axes as they are stored. */
  readonly size: readonly number[];
  readonly keywords: number;
}

/** Which generation a file is, and how many frames it keeps. */
export interface Generation {
  readonly recordBytes: number;
  readonly depth: number;
}

/**
 * Reads what a record claims.
 *
 * @param record At least 4296 bytes.
 * @returns The claims, or the first of them that cannot be.
 */
export function readClaims(record: Uint8Array<ArrayBuffer>): Claims | Fault {
  const view = viewOf(record);
  const name = text(record, AT.name, NAME_BYTES);
  if (name === "") return fault("the name", AT.name, "a path", '""');
  const claimed = checkedSize(record, AT, CODES);
  if (isFault(claimed)) return claimed;
  return { name, ...claimed, keywords: view.getUint16(AT.keywords, true) };
}

/** Bytes of one frame. */
export function frameBytes(claims: Claims): number {
  return pixelNumber(claims.size) * TYPES[claims.type].bytes;
}

/** Bytes that a file of a generation has. */
export function fileBytes(claims: Claims, generation: Generation): number {
  return generation.depth * (generation.recordBytes + frameBytes(claims)) +
    KEYWORD_BYTES * claims.keywords;
}

/**
 * Which generation a file is. Both can only hold by coincidence: then the
 * newer one.
 *
 * @param record The file's first bytes, 4304 where it has as many.
 * @param bytes The file's size.
 */
export function generationOf(
  record: Uint8Array<ArrayBuffer>,
  claims: Claims,
  bytes: number,
): Generation | Fault {
  const older = { recordBytes: RECORD_BYTES_BEFORE_FIFO, depth: 1 };
  const isOlder = bytes === fileBytes(claims, older);
  if (record.length < RECORD_BYTES) {
    return isOlder ? older : size(bytes, fileBytes(claims, older));
  }
  const view = viewOf(record);
  const depth = view.getUint32(AT.fifoSize, true);
  const last = view.getUint32(AT.fifoLastWritten, true);
  const sane = depth >= 1 && depth <= DEPTH_MAX;
  const newer = { recordBytes: RECORD_BYTES, depth };
  const isNewer = sane && bytes === fileBytes(claims, newer);
  if (isNewer && last < depth) return newer;
  if (isOlder) return older;
  if (isNewer) {
    return fault(
      "the FIFO's last index",
      AT.fifoLastWritten,
      `less than its size, ${depth}`,
      last,
    );
  }
  if (!sane) {
    return fault("the FIFO's size", AT.fifoSize, `1 to ${DEPTH_MAX}`, depth);
  }
  return size(bytes, fileBytes(claims, newer));
}

function size(found: number, expected: number): Fault {
  return {
    reason: `the file is ${found} bytes, its header asks for ${expected}` +
      (found < expected ? " (truncated)" : ""),
    offset: 0,
    expected: String(expected),
    found: String(found),
  };
}
