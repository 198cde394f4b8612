/** Keywords of a header to those of a stream, and back. @module */

import { FitsError, quoted } from "./errors.ts";
import { type FitsCardInput, formatCard, isPrintable } from "./format_card.ts";
import type { FitsHeader } from "./header.ts";
import type { FitsValue } from "./value.ts";

/** A keyword as a stream holds it. */
export type FitsStreamKeyword =
  & {
    /** The name, at most 16 bytes. */
    readonly name: string;
    /** The comment, at most 80 bytes. */
    readonly comment: string;
  }
  & (
    | { readonly type: "L"; readonly value: bigint }
    | { readonly type: "D"; readonly value: number }
    | { readonly type: "S"; readonly value: string }
  );

/** What mapping keywords may do. */
export interface FitsKeywordOptions {
  /** Whether a loss is an error. */
  readonly strict?: boolean;
  /** Keywords that the writer makes itself and takes from no stream. */
  readonly reserved?: readonly string[];
}

/** A stream's keywords, and what did not make it there. */
export interface StreamKeywords {
  /** The keywords, in the header's order. */
  readonly keywords: readonly FitsStreamKeyword[];
  /** One line for each thing that was cut or dropped. */
  readonly losses: readonly string[];
}

/** A header's keywords, and what did not make it there. */
export interface HeaderKeywords {
  /** The keywords, in the stream's order. */
  readonly cards: readonly FitsCardInput[];
  /** One line for each thing that was cut or dropped. */
  readonly losses: readonly string[];
}

/** Bytes that a stream keeps of a name, of a string, of a comment. */
const NAME_BYTES = 16;
const VALUE_BYTES = 16;
const COMMENT_BYTES = 80;

/** Keywords that say how a file is built, or that the writer makes itself. */
const STRUCTURE =
  /^(SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|GROUPS|[PG]COUNT|BSCALE|BZERO|BLANK|END|CHECKSUM|DATASUM|LONGSTRN|CONTINUE|COMMENT|HISTORY|HIERARCH|INHERIT|TFIELDS|THEAP|T(FORM|TYPE|UNIT|NULL|SCAL|ZERO|DISP|BCOL|DIM)\d+|Z(IMAGE|BITPIX|NAXIS\d*|TILE\d+|CMPTYPE))$/;

/** Keywords that only this writer adds: the state of the stream. */
const STATE =
  /^(DATE|DATE-OBS|DATE-END|DATE-WRT|TIMESYS|CNT[012]|STREAM|SHMTYPE)$/;

/** The axis of re and im that complex pixels get. */
const PAIR = /^(CTYPE1|CRPIX1|CRVAL1|CDELT1)$/;

/** The keyword by which a file from this writer is known. */
const OWN_MARK = "SHMTYPE";

/** Cuts text to a number of bytes without breaking a character. */
function cutBytes(text: string, most: number): string {
  const into = new Uint8Array(most);
  const { read } = new TextEncoder().encodeInto(text, into);
  return text.slice(0, read);
}

/** Collects losses, or throws at the first. */
class Losses {
  readonly lines: string[] = [];
  readonly #strict: boolean;

  constructor(options: FitsKeywordOptions) {
    this.#strict = options.strict ?? false;
  }

  add(keyword: string, what: string, card?: number): void {
    const place = card === undefined ? { keyword } : { keyword, card };
    const error = new FitsError(what, place);
    if (this.#strict) throw error;
    this.lines.push(error.message);
  }
}

/** What a header's value becomes in a stream; a text says why it cannot. */
function streamValue(
  value: FitsValue | undefined,
):
  | { type: "L"; value: bigint }
  | { type: "D"; value: number }
  | { type: "S"; value: string }
  | string {
  switch (typeof value) {
    case "boolean":
      return { type: "L", value: value ? 1n : 0n };
    case "bigint":
      return BigInt.asIntN(64, value) === value
        ? { type: "L", value }
        : "integer exceeds 64 bits, dropped";
    case "number":
      return { type: "D", value };
    case "string":
      return { type: "S", value };
    case "undefined":
      return "value cannot be read, dropped";
    default:
      return value === null
        ? "value is undefined, dropped"
        : "value is complex, dropped";
  }
}

/**
 * Maps a header's keywords to those of a stream. Keywords that describe the
 * file (BITPIX, BZERO, CHECKSUM, …), those that this module's writer added and
 * commentary are not keywords of a stream and are left out without a report; T
 * and F become 1 and 0.
 *
 * @param header The header.
 * @param options Whether a loss is an error.
 * @returns The keywords, and one line for each loss.
 * @throws {FitsError} In strict mode, at the first loss.
 */
export function toStreamKeywords(
  header: FitsHeader,
  options: FitsKeywordOptions = {},
): StreamKeywords {
  const losses = new Losses(options);
  const keywords: FitsStreamKeyword[] = [];
  const taken = new Set<string>();
  const pair = header.text("CTYPE1")?.toUpperCase() === "COMPLEX";
  const own = header.has(OWN_MARK);
  for (const card of header.cards) {
    const { keyword, number } = card;
    const key = keyword.toUpperCase();
    if (card.commentary || key === "" || STRUCTURE.test(key)) continue;
    if ((own && STATE.test(key)) || (pair && PAIR.test(key))) continue;
    if (header.card(keyword) !== card) {
      losses.add(keyword, "keyword occurs again, the first wins", number);
      continue;
    }
    const value = streamValue(card.value);
    if (typeof value === "string") {
      losses.add(keyword, card.problem ?? value, number);
      continue;
    }
    const name = cutBytes(keyword, NAME_BYTES);
    if (taken.has(name)) {
      const as = `cut to ${quoted(name)} it is another's name, dropped`;
      losses.add(keyword, as, number);
      continue;
    }
    if (name !== keyword) {
      losses.add(keyword, `name is cut to ${quoted(name)}`, number);
    }
    taken.add(name);
    const comment = cutBytes(card.comment, COMMENT_BYTES);
    if (comment !== card.comment) {
      losses.add(keyword, `comment is cut to ${COMMENT_BYTES} bytes`, number);
    }
    if (value.type === "S") {
      const text = cutBytes(value.value, VALUE_BYTES);
      if (text !== value.value) {
        losses.add(keyword, `string is cut to ${quoted(text)}`, number);
      }
      keywords.push({ name, type: "S", value: text, comment });
    } else keywords.push({ name, ...value, comment });
  }
  return { keywords, losses: losses.lines };
}

/** Makes text printable, reporting when that changes it. */
function printable(
  text: string,
  what: string,
  name: string,
  losses: Losses,
): string {
  if (isPrintable(text)) return text;
  losses.add(name, `${what} is not ASCII, its odd characters become ?`);
  return [...text].map((c) => isPrintable(c) ? c : "?").join("");
}

/** Why a stream's keyword cannot be written at all; undefined when it can. */
function unwritable(
  keyword: FitsStreamKeyword,
  taken: ReadonlySet<string>,
  reserved: ReadonlySet<string>,
): string | undefined {
  const { name, value } = keyword;
  const key = name.toUpperCase();
  if (name === "") return "keyword has no name, dropped";
  if (STRUCTURE.test(key) || reserved.has(key)) {
    return "name belongs to the file, dropped";
  }
  if (taken.has(key)) {
    return "keyword occurs again, the first wins";
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    return `value is ${value}, which a header cannot hold, dropped`;
  }
  const spaces = name.trim() !== name || /\s\s/.test(name);
  if (!isPrintable(name) || name.includes("=") || spaces) {
    return "name cannot stand in a header, dropped";
  }
  return undefined;
}

/**
 * Maps a stream's keywords to those of a header. Names that are not plain FITS
 * (more than 8 bytes, lower case, …) are written with HIERARCH.
 *
 * @param keywords The stream's keywords.
 * @param options Whether a loss is an error.
 * @returns What to write, and one line for each loss.
 * @throws {FitsError} In strict mode, at the first loss.
 */
export function toHeaderKeywords(
  keywords: readonly FitsStreamKeyword[],
  options: FitsKeywordOptions = {},
): HeaderKeywords {
  const losses = new Losses(options);
  const cards: FitsCardInput[] = [];
  const taken = new Set<string>();
  const reserved = new Set(options.reserved);
  for (const keyword of keywords) {
    const { name } = keyword;
    const problem = unwritable(keyword, taken, reserved);
    if (problem !== undefined) {
      losses.add(name, problem);
      continue;
    }
    taken.add(name.toUpperCase());
    const value = typeof keyword.value === "string"
      ? printable(keyword.value, "string", name, losses)
      : keyword.value;
    const comment = printable(keyword.comment, "comment", name, losses);
    const card = { keyword: name, value, comment };
    const { commentCut } = formatCard(card);
    if (commentCut) {
      losses.add(name, "comment is cut: it does not fit beside the value");
    }
    cards.push(card);
  }
  return { cards, losses: losses.lines };
}
