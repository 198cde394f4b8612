/** CFITSIO's extended file names: `file.fits[SCI,2][*,*,3:3]`. @module */

import { quoted } from "./errors.ts";

/** An HDU chosen by its number, counted from 0, or by EXTNAME and EXTVER. */
export type FitsHduChoice =
  | number
  | { readonly name: string; readonly version?: number };

/** One axis of a section, counted from 1, both ends included. */
export interface FitsRange {
  /** The first pixel; `"*"` is the whole axis, `"-*"` the axis reversed. */
  readonly first: number | "*" | "-*";
  /** The last pixel; less than `first` reverses the axis. */
  readonly last: number;
  /** Every how many pixels one is taken, at least 1. */
  readonly step: number;
}

/** A file name taken apart. */
export interface FitsName {
  /** The file itself. */
  readonly path: string;
  /** The HDU in brackets. */
  readonly hdu?: FitsHduChoice;
  /** The section in brackets, the fastest axis first. */
  readonly section?: readonly FitsRange[];
}

const RANGE = /^(-?\*|\d{1,15})(?::(\d{1,15}))?(?::(\d{1,15}))?$/;

/** Reads one axis of a section. */
function parseRange(text: string, whole: string): FitsRange {
  const match = RANGE.exec(text);
  const start = match?.[1] ?? "";
  const star = start.endsWith("*");
  // After a star only a step may come: *:2.
  if (match === null || (star && match[3] !== undefined)) {
    throw new SyntaxError(
      `Section ${quoted(whole)}: ${quoted(text)} is not *, -*, first:last ` +
        "or first:last:step",
    );
  }
  const step = Number((star ? match[2] : match[3]) ?? 1);
  const first = star ? start as "*" | "-*" : Number(start);
  const last = star ? 0 : Number(match[2] ?? start);
  if (first === 0 || (!star && last === 0) || step === 0) {
    throw new RangeError(
      `Section ${quoted(whole)}: pixels and steps count from 1`,
    );
  }
  return { first, last, step };
}

/**
 * Reads a section such as `*,*,3:3`.
 *
 * @param text What stands in the brackets.
 * @returns One range for each axis.
 * @throws {SyntaxError} When a part is no range.
 * @throws {RangeError} When a pixel or a step is 0.
 */
export function parseSection(text: string): FitsRange[] {
  return text.split(",").map((part) => parseRange(part.trim(), text));
}

/**
 * Reads an HDU such as `1`, `SCI` or `SCI,2`.
 *
 * @param text What stands in the brackets.
 * @returns The HDU's number, or its name and version.
 * @throws {SyntaxError} When the text is none of these.
 */
export function parseHduChoice(text: string): FitsHduChoice {
  const trimmed = text.trim();
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed);
  const match = /^([^,;#=()[\]]+?)\s*(?:,\s*(\d{1,9}))?$/.exec(trimmed);
  if (match?.[1] === undefined) {
    throw new SyntaxError(
      `HDU ${quoted(text)} is not a number, EXTNAME or EXTNAME,EXTVER`,
    );
  }
  const version = match[2] === undefined ? {} : { version: Number(match[2]) };
  return { name: match[1], ...version };
}

/** Whether brackets hold a section and not an HDU. */
function isSection(text: string): boolean {
  return /[*:]/.test(text);
}

/**
 * Takes a name apart the way CFITSIO does: the file, then an HDU in brackets,
 * then a section in brackets, both optional.
 *
 * @param text A name such as `cube.fits[SCI,2][*,*,3:3]`.
 * @returns The file's path and what the brackets ask for.
 * @throws {SyntaxError} When the brackets hold something else.
 * @throws {RangeError} When a section counts from 0.
 */
export function parseFitsName(text: string): FitsName {
  const match = /^(.+?)((?:\[[^[\]]*\])*)$/s.exec(text);
  const path = match?.[1] ?? text;
  const brackets = (match?.[2] ?? "").match(/[^[\]]+(?=\])|(?<=\[)(?=\])/g) ??
    [];
  const [one, two] = brackets;
  if (one === undefined) return { path };
  if (brackets.length > 2 || (two !== undefined && isSection(one))) {
    throw new SyntaxError(
      `File name ${quoted(text)}: at most [HDU][section] may follow`,
    );
  }
  if (isSection(one)) return { path, section: parseSection(one) };
  const hdu = parseHduChoice(one);
  return two === undefined
    ? { path, hdu }
    : { path, hdu, section: parseSection(two) };
}
