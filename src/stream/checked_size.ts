/**
 * Axes and pixel type as a header claims them, checked: the same fields, at
 * other places, in every format.
 * @module
 */

import { viewOf, wordAt } from "./header_bytes.ts";
import { type DataType, MAX_PIXELS, pixelCount, pixelNumber } from "./types.ts";

/** What is wrong with a header. */
export interface Fault {
  /** In words. */
  readonly reason: string;
  /** Where it is. */
  readonly offset: number;
  /** What should be there. */
  readonly expected: string;
  /** What is there. */
  readonly found: string;
}

/** Puts a fault into words. */
export function fault(
  what: string,
  offset: number,
  expected: string,
  found: number | bigint | string,
): Fault {
  return {
    reason: `${what} is ${found}, expected ${expected}`,
    offset,
    expected,
    found: String(found),
  };
}

/** Whether something is wrong. */
export function isFault(value: object): value is Fault {
  return "reason" in value;
}

/** Where the fields lie. */
export interface SizePlaces {
  /** Number of axes, 8 bits. */
  readonly naxis: number;
  /** Their lengths, 32 bits each. */
  readonly size: number;
  /** Code of the data type, 8 bits. */
  readonly type: number;
  /** Number of pixels, 64 bits. */
  readonly elements: number;
}

function badElements(size: number[], place: number, elements: bigint): Fault {
  const what = "the number of pixels";
  const product = pixelCount(size);
  return elements !== product
    ? fault(what, place, `${product} (the product of the axes)`, elements)
    : fault(what, place, `at most ${MAX_PIXELS}`, product);
}

/**
 * Reads and checks axes, type and number of pixels.
 *
 * @param header The header.
 * @param at Where the fields lie.
 * @param codes Data types by their codes; none is 0.
 * @returns What it claims, or the first thing that cannot be.
 */
export function checkedSize(
  header: Uint8Array<ArrayBuffer>,
  at: SizePlaces,
  codes: readonly (DataType | undefined)[],
): { readonly size: number[]; readonly type: DataType } | Fault {
  const view = viewOf(header);
  const naxis = view.getUint8(at.naxis);
  if (naxis < 1 || naxis > 3) {
    return fault("the number of axes", at.naxis, "1 to 3", naxis);
  }
  const size: number[] = [];
  for (let axis = 0; axis < naxis; axis++) {
    const place = at.size + 4 * axis;
    const length = view.getUint32(place, true);
    if (length === 0) {
      return fault(`the length of axis ${axis}`, place, "at least 1", length);
    }
    size.push(length);
  }
  const code = view.getUint8(at.type);
  const type = codes[code];
  if (type === undefined) {
    const known = `1 to ${codes.length - 1}`;
    return fault("the data type code", at.type, known, code);
  }
  // Numbers are exact up to the most pixels there can be, and cheaper.
  const product = pixelNumber(size);
  if (product > MAX_PIXELS || wordAt(view, at.elements) !== product) {
    return badElements(size, at.elements, view.getBigUint64(at.elements, true));
  }
  return { size, type };
}
