/** Writes cards: fixed format, CONTINUE for long strings, HIERARCH. @module */

import { CARD_BYTES } from "./types.ts";
import type { FitsValue } from "./value.ts";

/** A keyword to be written. */
export interface FitsCardInput {
  /** The keyword; one that is not plain FITS is written with HIERARCH. */
  readonly keyword: string;
  /** The value: bigint for integers, number for floating-point. */
  readonly value: FitsValue;
  /** The comment. */
  readonly comment?: string;
}

/** A keyword as it is written. */
export interface FormattedCard {
  /** One or more 80-character cards. */
  readonly cards: readonly string[];
  /** Whether the comment had to be cut. */
  readonly commentCut: boolean;
}

const PLAIN_KEYWORD = /^[A-Z0-9_-]{1,8}$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * Whether text can stand in a header.
 *
 * @param text Any text.
 * @returns Whether it is printable ASCII.
 */
export function isPrintable(text: string): boolean {
  return PRINTABLE.test(text);
}

/**
 * Whether a keyword needs no HIERARCH.
 *
 * @param keyword A keyword.
 * @returns Whether it is 1 to 8 of A-Z, 0-9, _ and -.
 */
export function isPlainKeyword(keyword: string): boolean {
  return PLAIN_KEYWORD.test(keyword);
}

/** Writes a floating-point number so that it reads back exactly. */
function formatReal(value: number): string {
  if (!Number.isFinite(value)) {
    throw new RangeError(`Cannot write ${value} into a FITS header`);
  }
  const text = Object.is(value, -0) ? "-0" : String(value);
  const [digits = "", exponent] = text.split("e");
  const point = digits.includes(".") ? digits : `${digits}.0`;
  return exponent === undefined
    ? point
    : `${point}E${exponent.replace("+", "")}`;
}

/** Writes every value but a string; right-aligned as fixed format wants. */
function formatScalar(value: Exclude<FitsValue, string>): string {
  if (value === null) return "";
  if (typeof value === "boolean") return (value ? "T" : "F").padStart(20);
  if (typeof value === "bigint") return value.toString().padStart(20);
  if (typeof value === "number") return formatReal(value).padStart(20);
  return `(${formatReal(value.re)}, ${formatReal(value.im)})`.padStart(20);
}

/** What stands before the value. */
function prefixOf(keyword: string): string {
  if (isPlainKeyword(keyword)) return `${keyword.padEnd(8)}= `;
  const name = /^[\x20-\x7e]+$/.test(keyword) && !keyword.includes("=") &&
    keyword.trim() === keyword && !/\s\s/.test(keyword);
  const prefix = `HIERARCH ${keyword} = `;
  // A value needs some room: the shortest string piece, or a double.
  if (!name || prefix.length > 54) {
    throw new SyntaxError(
      `Keyword ${JSON.stringify(keyword)} cannot be written into a FITS header`,
    );
  }
  return prefix;
}

/** Cuts `text` into pieces with doubled quotes, none longer than the room. */
function quotedPieces(text: string, first: number, next: number): string[] {
  const pieces: string[] = [];
  let piece = "";
  for (const character of text) {
    const code = character === "'" ? "''" : character;
    if (piece.length + code.length > (pieces.length === 0 ? first : next)) {
      pieces.push(piece);
      piece = "";
    }
    piece += code;
  }
  pieces.push(piece);
  return pieces;
}

/** Takes from a comment what fits, at a blank where there is one. */
function takeComment(comment: string, room: number): [string, string] {
  if (comment.length <= room) return [comment, ""];
  const blank = comment.lastIndexOf(" ", room);
  if (blank > 0) return [comment.slice(0, blank), comment.slice(blank + 1)];
  return [comment.slice(0, room), comment.slice(room)];
}

/** Writes a string that fits into one card with its comment, if it does. */
function formatShort(
  prefix: string,
  value: string,
  comment: string,
): string | undefined {
  const text = value.replaceAll("'", "''");
  const tail = comment === "" ? "" : ` / ${comment}`;
  for (const width of [18, 8]) {
    const padded = `'${text.padEnd(8)}'`.padEnd(width + 2);
    const card = `${prefix}${padded}${tail}`;
    if (card.trimEnd().length <= CARD_BYTES) return card.trimEnd();
  }
  return undefined;
}

/** Writes a string over several cards. */
function formatLong(prefix: string, value: string, comment: string): string[] {
  const next = "CONTINUE  ";
  const pieces = quotedPieces(
    value,
    CARD_BYTES - prefix.length - 3,
    CARD_BYTES - next.length - 3,
  );
  const cards: string[] = [];
  let rest = comment;
  for (let i = 0; i < pieces.length || rest !== ""; i++) {
    const head = `${i === 0 ? prefix : next}'${pieces[i] ?? ""}`;
    const last = i >= pieces.length - 1;
    const room = CARD_BYTES - head.length - "&' / ".length;
    let said = "";
    if (last && rest !== "" && room >= 8) {
      [said, rest] = takeComment(rest, room);
    }
    const more = !last || rest !== "";
    cards.push(`${head}${more ? "&" : ""}'${said === "" ? "" : ` / ${said}`}`);
  }
  return cards;
}

/**
 * Writes a keyword as one or more cards. A string that is too long goes on in
 * CONTINUE cards, and so does its comment; the comment of any other value is
 * cut at the card's end.
 *
 * @param input The keyword.
 * @returns The cards, each of 80 characters.
 * @throws {SyntaxError} When the keyword or a text cannot stand in a header.
 * @throws {RangeError} When a number is not finite.
 */
export function formatCard(input: FitsCardInput): FormattedCard {
  const { keyword, value } = input;
  const comment = (input.comment ?? "").trim();
  if (
    !isPrintable(comment) || (typeof value === "string" && !isPrintable(value))
  ) {
    throw new SyntaxError(
      `Keyword ${JSON.stringify(keyword)}: text is not printable ASCII`,
    );
  }
  const prefix = prefixOf(keyword);
  const fill = (card: string): string => card.padEnd(CARD_BYTES);
  if (typeof value === "string") {
    // An & at the end would ask for a CONTINUE that is not there.
    const short = value.trimEnd().endsWith("&")
      ? undefined
      : formatShort(prefix, value, comment);
    const cards = short === undefined
      ? formatLong(prefix, value, comment)
      : [short];
    return { cards: cards.map(fill), commentCut: false };
  }
  const head = `${prefix}${formatScalar(value)}`;
  if (head.length > CARD_BYTES) {
    throw new RangeError(
      `Keyword ${JSON.stringify(keyword)}: value does not fit into a card`,
    );
  }
  const room = Math.max(0, CARD_BYTES - head.length - 3);
  const said = comment.slice(0, room);
  const card = said === "" ? head : `${head} / ${said}`;
  return { cards: [fill(card)], commentCut: said.length < comment.length };
}
