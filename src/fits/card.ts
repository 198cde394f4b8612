/** One 80-byte card of a header. @module */

import { FitsError } from "./errors.ts";
import { CARD_BYTES } from "./types.ts";
import { type FitsValue, type ParsedValue, parseValue } from "./value.ts";

/** One keyword of a header, its CONTINUE cards included. */
export interface FitsCard {
  /** The card's number in its header, counted from 1. */
  readonly number: number;
  /** The keyword; of a HIERARCH card what follows that word. */
  readonly keyword: string;
  /** The value; undefined for commentary and where it cannot be read. */
  readonly value: FitsValue | undefined;
  /** The comment; of a commentary card (HISTORY, COMMENT, …) its text. */
  readonly comment: string;
  /** Whether the card carries text only and no value. */
  readonly commentary: boolean;
  /** What is wrong with the card, when it can be read around. */
  readonly problem?: string;
}

const DECODER = new TextDecoder();

/** The offset of the first byte that no card may hold, or -1. */
function firstBadByte(bytes: Uint8Array): number {
  return bytes.findIndex((byte) => byte < 0x20 || byte > 0x7e);
}

/** Writes a byte as `0x0a`. */
function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

/** Builds a card from the value field that was found in it. */
function valueCard(
  number: number,
  keyword: string,
  parsed: ParsedValue,
  problem: string | undefined,
): FitsCard {
  const wrong = parsed.problem ?? problem;
  const { value } = parsed;
  return {
    number,
    keyword,
    value: typeof value === "string" ? value.trimEnd() : value,
    comment: parsed.comment,
    commentary: false,
    ...(wrong === undefined ? {} : { problem: wrong }),
  };
}

/**
 * Reads one card. A byte that is not printable ASCII is an error within the
 * keyword; elsewhere it is kept (as UTF-8, else as a replacement character)
 * and named in the card's `problem`.
 *
 * @param bytes The card's 80 bytes.
 * @param number The card's number in its header, counted from 1.
 * @returns The card; a CONTINUE card has the keyword `CONTINUE`.
 * @throws {FitsError} When the keyword holds a byte that is not ASCII.
 */
export function parseCard(bytes: Uint8Array, number: number): FitsCard {
  const bad = firstBadByte(bytes);
  let problem: string | undefined;
  if (bad >= 0) {
    problem = `byte ${bad + 1} is ${hex(bytes[bad] ?? 0)}, ` +
      "which is not printable ASCII";
    if (bad < 8) {
      throw new FitsError(`${problem} (END may be missing)`, { card: number });
    }
  }
  const text = DECODER.decode(bytes.subarray(0, CARD_BYTES));
  const keyword = text.slice(0, 8).trim();
  if (keyword === "CONTINUE") {
    return valueCard(number, keyword, parseValue(text.slice(8)), problem);
  }
  if (keyword === "HIERARCH" && !text.startsWith("= ", 8)) {
    const equals = text.indexOf("=", 8);
    const name = text.slice(8, equals).trim().replace(/\s+/g, " ");
    if (equals > 0 && name !== "") {
      const parsed = parseValue(text.slice(equals + 1));
      return valueCard(number, name, parsed, problem);
    }
  }
  const plain = keyword === "" || keyword === "COMMENT" ||
    keyword === "HISTORY";
  if (!plain && text.startsWith("= ", 8)) {
    return valueCard(number, keyword, parseValue(text.slice(10)), problem);
  }
  return {
    number,
    keyword,
    value: undefined,
    comment: text.slice(8).trimEnd(),
    commentary: true,
    ...(problem === undefined ? {} : { problem }),
  };
}
