/** The value field of a card: `'text' / comment`, `12`, `1.5D3`, … @module */

/** A complex value. */
export interface FitsComplex {
  /** The real part. */
  readonly re: number;
  /** The imaginary part. */
  readonly im: number;
}

/**
 * A keyword's value. Integers are always bigint and floating-point values
 * always number, so that the two stay apart; `null` is a value that the card
 * leaves undefined.
 */
export type FitsValue =
  | string
  | boolean
  | bigint
  | number
  | FitsComplex
  | null;

/** What a value field holds. */
export interface ParsedValue {
  /** The value; undefined when it cannot be read. Strings keep their blanks. */
  readonly value: FitsValue | undefined;
  /** What follows the slash. */
  readonly comment: string;
  /** Why the value cannot be read. */
  readonly problem?: string;
}

const INTEGER = /^[+-]?\d+$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?$/;
const COMPLEX = /^\(\s*([^\s,()]+)\s*,\s*([^\s,()]+)\s*\)/;

/** Reads a real number; D exponents are E exponents. */
function parseReal(text: string): number | undefined {
  if (!FLOAT.test(text)) return undefined;
  return Number(text.replace(/[Dd]/, "E"));
}

/** Splits `rest` at the slash that starts the comment. */
function commentOf(rest: string): string {
  const text = rest.trim();
  return text.startsWith("/") ? text.slice(1).trim() : text;
}

/** Reads a quoted string; `text` starts at the opening quote. */
function parseString(text: string): ParsedValue {
  let value = "";
  let from = 1;
  for (;;) {
    const quote = text.indexOf("'", from);
    if (quote < 0) {
      return {
        value: undefined,
        comment: "",
        problem: "string has no closing quote",
      };
    }
    value += text.slice(from, quote);
    if (text[quote + 1] !== "'") {
      return { value, comment: commentOf(text.slice(quote + 1)) };
    }
    value += "'";
    from = quote + 2;
  }
}

/** Reads `(re, im)`; `text` starts at the parenthesis. */
function parseComplex(text: string): ParsedValue {
  const match = COMPLEX.exec(text);
  const re = parseReal(match?.[1] ?? "");
  const im = parseReal(match?.[2] ?? "");
  if (match === null || re === undefined || im === undefined) {
    return {
      value: undefined,
      comment: "",
      problem: "complex value is not of the form (re, im)",
    };
  }
  const comment = commentOf(text.slice(match[0].length));
  return { value: { re, im }, comment };
}

/**
 * Reads a value field in fixed or free format.
 *
 * @param field What follows the value indicator `= `.
 * @returns The value and the comment, or the reason why there is no value.
 */
export function parseValue(field: string): ParsedValue {
  const text = field.trim();
  if (text.startsWith("'")) return parseString(text);
  if (text.startsWith("(")) return parseComplex(text);
  const slash = text.indexOf("/");
  const token = (slash < 0 ? text : text.slice(0, slash)).trim();
  const comment = slash < 0 ? "" : text.slice(slash + 1).trim();
  if (token === "") return { value: null, comment };
  if (token === "T" || token === "F") return { value: token === "T", comment };
  if (INTEGER.test(token)) {
    return { value: BigInt(token.replace(/^\+/, "")), comment };
  }
  const value = parseReal(token);
  if (value === undefined) {
    return { value, comment, problem: "value is not one that FITS knows" };
  }
  return { value, comment };
}
