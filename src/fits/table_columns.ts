/** The columns of a binary table, by TFORMn and TTYPEn. @module */

import { quoted } from "./errors.ts";
import type { FitsHdu } from "./hdu.ts";
import { failAt, type FitsHeader } from "./header.ts";

/** A column of a binary table. */
export interface TableColumn {
  /** Its number, from 1. */
  readonly number: number;
  /** TTYPE, in capitals. */
  readonly name: string;
  /** Where it begins within a row. */
  readonly at: number;
  /** The letter of its type. */
  readonly letter: string;
  /** How many of them a cell holds. */
  readonly repeat: number;
  /** Of P and Q: the letter of what is in the heap. */
  readonly of: string;
}

/** Bytes of an element by TFORM's letter. */
export const LETTER_BYTES: Readonly<Record<string, number>> = {
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

/** A table has at most this many columns. */
const MOST_COLUMNS = 999n;

/** TFORM taken apart. */
function readForm(
  header: FitsHeader,
  keyword: string,
): { bytes: number; letter: string; repeat: number; of: string } {
  const text = (header.text(keyword) ?? "").trim().toUpperCase();
  const match = /^(\d{0,9})([LXBIJKAEDCMPQ])([A-Z]?)/.exec(text);
  if (match === null) {
    return failAt(header, keyword, `column format ${quoted(text)} is unknown`);
  }
  const [, digits = "", letter = "", of = ""] = match;
  const repeat = digits === "" ? 1 : Number(digits);
  const bytes = letter === "X"
    ? Math.ceil(repeat / 8)
    : repeat * (LETTER_BYTES[letter] ?? 0);
  return { bytes, letter, repeat, of };
}

/**
 * Finds out where the columns of a table are.
 *
 * @param hdu The table.
 * @returns Its columns, in order; each lies within a row.
 * @throws {FitsError} When a format cannot be read or they do not fit a row.
 */
export function tableColumns(hdu: FitsHdu): TableColumn[] {
  const { header } = hdu;
  const fields = header.integer("TFIELDS");
  if (fields < 1n || fields > MOST_COLUMNS) {
    failAt(header, "TFIELDS", `value is ${fields}, not 1 to ${MOST_COLUMNS}`);
  }
  const columns: TableColumn[] = [];
  let at = 0;
  for (let number = 1; number <= Number(fields); number++) {
    const { bytes, ...form } = readForm(header, `TFORM${number}`);
    const name = (header.text(`TTYPE${number}`) ?? "").trim().toUpperCase();
    columns.push({ number, name, at, ...form });
    at += bytes;
  }
  if (at > (hdu.axes[0] ?? 0)) {
    failAt(
      header,
      "NAXIS1",
      `a row has ${hdu.axes[0]} bytes, its columns need ${at}`,
    );
  }
  return columns;
}
