/** The columns of a binary table that hold a compressed image. @module */

import type { FitsHdu } from "../hdu.ts";
import { failAt } from "../header.ts";
import { LETTER_BYTES, tableColumns } from "../table_columns.ts";

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
}

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

/**
 * Finds the columns of a tile-compressed image.
 *
 * @param hdu The table.
 * @returns Where they are in a row.
 * @throws {FitsError} When a format cannot be read, they do not fit a row, or
 * there is a mask of pixels without value.
 */
export function findColumns(hdu: FitsHdu): TileColumns {
  const { header } = hdu;
  const found: { -readonly [K in keyof TileColumns]: TileColumns[K] } = {};
  for (const { number, name, at, letter, repeat, of } of tableColumns(hdu)) {
    const heap = HEAP[name];
    const scaling = NUMBERS[name];
    if (heap !== undefined) {
      const elementBytes = LETTER_BYTES[of];
      if (
        !/[PQ]/.test(letter) || repeat !== 1 || elementBytes === undefined
      ) {
        failAt(
          header,
          `TFORM${number}`,
          `column ${name} is no array in the heap`,
        );
      }
      found[heap] = { at, wide: letter === "Q", elementBytes };
    } else if (scaling !== undefined) {
      if (!/[BIJKED]/.test(letter) || repeat !== 1) {
        failAt(
          header,
          `TFORM${number}`,
          `column ${name} does not hold one number`,
        );
      }
      found[scaling] = { at, letter };
    } else if (name === "NULL_PIXEL_MASK") {
      failAt(
        header,
        `TTYPE${number}`,
        `column ${name}: a mask of pixels without value is not supported`,
      );
    }
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
