/** The columns of a binary table that hold a compressed image. @module */

import { FitsError, quoted } from "../errors.ts";
import type { FitsHdu } from "../hdu.ts";
import type { FitsHeader } from "../header.ts";

/** A column whose cells lead to bytes in the heap. */
export interface HeapColumn {
  /** Where its descriptor begins within a row. */
  readonly at: number;
  /** Whether length and offset have 64 bits (Q) or 32 (P). */
  readonly wide: boolean;
  /** Bytes of an element in the heap. */
  readonly elementBytes: number;
}

/** A column whose cells hold a number. */
export interface NumberColumn {
  /** Where it begins within a row. */
  readonly at: number;
  /** Its type by FITS's letter. */
  readonly letter: string;
}

/** The columns that matter, each as far as it is there. */
export interface TileColumns {
  /** COMPRESSED_DATA. */
  readonly compressed?: HeapColumn;
  /** GZIP_COMPRESSED_DATA: floats that were not quantized. */
  readonly gzip?: HeapColumn;
  /** UNCOMPRESSED_DATA: tiles that were not compressed. */
  readonly uncompressed?: HeapColumn;
  /** ZSCALE. */
  readonly scale?: NumberColumn;
  /** ZZERO. */
  readonly zero?: NumberColumn;
  /** ZBLANK. */
  readonly blank?: NumberColumn;
  /** Whether there is a mask of pixels without value. */
  readonly masked: boolean;
}

/** Bytes of an element by TFORM's letter. */
const BYTES: Readonly<Record<string, number>> = {
  L: 1,
  B: 1,
  A: 1,
  I: 2,
  J: 4,
  E: 4,
  K: 8,
  D: 8,
  C: 8,
  M: 16,
  P: 8,
  Q: 16,
};

const HEAP: Readonly<Record<string, "compressed" | "gzip" | "uncompressed">> = {
  COMPRESSED_DATA: "compressed",
  GZIP_COMPRESSED_DATA: "gzip",
  UNCOMPRESSED_DATA: "uncompressed",
};

const NUMBERS: Readonly<Record<string, "scale" | "zero" | "blank">> = {
  ZSCALE: "scale",
  ZZERO: "zero",
  ZBLANK: "blank",
};

/** A table has at most this many columns. */
const MOST_COLUMNS = 999n;

function fail(header: FitsHeader, keyword: string, problem: string): never {
  const card = header.card(keyword)?.number;
  throw new FitsError(
    problem,
    card === undefined ? { keyword } : { keyword, card },
  );
}

/** TFORM taken apart. */
function readForm(
  header: FitsHeader,
  n: number,
): { bytes: number; letter: string; repeat: number; of: string } {
  const keyword = `TFORM${n}`;
  const text = (header.text(keyword) ?? "").trim().toUpperCase();
  const match = /^(\d{0,9})([LXBIJKAEDCMPQ])([A-Z]?)/.exec(text);
  if (match === null) {
    return fail(header, keyword, `column format ${quoted(text)} is unknown`);
  }
  const [, digits = "", letter = "", of = ""] = match;
  const repeat = digits === "" ? 1 : Number(digits);
  const bytes = letter === "X"
    ? Math.ceil(repeat / 8)
    : repeat * (BYTES[letter] ?? 0);
  return { bytes, letter, repeat, of };
}

/**
 * Finds the columns of a tile-compressed image.
 *
 * @param hdu The table.
 * @returns Where they are in a row.
 * @throws {FitsError} When a format cannot be read or they do not fit a row.
 */
export function findColumns(hdu: FitsHdu): TileColumns {
  const { header } = hdu;
  const fields = header.integer("TFIELDS");
  if (fields < 1n || fields > MOST_COLUMNS) {
    fail(header, "TFIELDS", `value is ${fields}, not 1 to ${MOST_COLUMNS}`);
  }
  const found: { -readonly [K in keyof TileColumns]: TileColumns[K] } = {
    masked: false,
  };
  let at = 0;
  for (let n = 1; n <= Number(fields); n++) {
    const { bytes, letter, repeat, of } = readForm(header, n);
    const name = (header.text(`TTYPE${n}`) ?? "").trim().toUpperCase();
    const heap = HEAP[name];
    const number = NUMBERS[name];
    if (heap !== undefined) {
      const elementBytes = BYTES[of];
      if (
        !/[PQ]/.test(letter) || repeat !== 1 || elementBytes === undefined
      ) {
        fail(header, `TFORM${n}`, `column ${name} is no array in the heap`);
      }
      found[heap] = { at, wide: letter === "Q", elementBytes };
    } else if (number !== undefined) {
      if (!/[BIJKED]/.test(letter) || repeat !== 1) {
        fail(header, `TFORM${n}`, `column ${name} does not hold one number`);
      }
      found[number] = { at, letter };
    } else if (name === "NULL_PIXEL_MASK") found.masked = true;
    at += bytes;
  }
  if (at > (hdu.axes[0] ?? 0)) {
    fail(
      header,
      "NAXIS1",
      `a row has ${hdu.axes[0]} bytes, its columns need ${at}`,
    );
  }
  return found;
}

/**
 * Reads a descriptor.
 *
 * @param row The table's rows.
 * @param from Where the row begins.
 * @param column The column.
 * @returns The length in bytes and the offset in the heap.
 */
export function readDescriptor(
  row: DataView,
  from: number,
  column: HeapColumn,
): { bytes: number; at: number } {
  const where = from + column.at;
  const [count, at] = column.wide
    ? [Number(row.getBigInt64(where)), Number(row.getBigInt64(where + 8))]
    : [row.getInt32(where), row.getInt32(where + 4)];
  return { bytes: count * column.elementBytes, at };
}

/**
 * Reads a number.
 *
 * @param row The table's rows.
 * @param from Where the row begins.
 * @param column The column.
 * @returns The number; one of 64 bits as bigint.
 */
export function readNumber(
  row: DataView,
  from: number,
  column: NumberColumn,
): number | bigint {
  const where = from + column.at;
  switch (column.letter) {
    case "B":
      return row.getUint8(where);
    case "I":
      return row.getInt16(where);
    case "J":
      return row.getInt32(where);
    case "K":
      return row.getBigInt64(where);
    case "E":
      return row.getFloat32(where);
    default:
      return row.getFloat64(where);
  }
}
