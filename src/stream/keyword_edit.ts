/**
 * Changes to a list of keywords, with types as people type them.
 * @module
 */

import type { Keyword } from "./keywords.ts";

const WHOLE = /^([+-]?\d+|0x[\da-f]+)$/i;
const INFINITE = /^[+-]?inf(inity)?$/i;

/** What a text says as a double; `undefined` where it is none. */
function doubleFrom(text: string): number | undefined {
  if (/^[+-]?nan$/i.test(text)) return NaN;
  if (INFINITE.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  const number = text.trim() === "" ? NaN : Number(text);
  return Number.isNaN(number) ? undefined : number;
}

/**
 * Makes a keyword of a text. Without a type, what reads as a whole number of
 * 64 bits is L, what reads as a number D, everything else S. Nothing is
 * rounded unasked: a larger whole number needs a type, and a number beyond
 * the doubles is none.
 *
 * @param name Its name.
 * @param text Its value as typed.
 * @param comment Its comment.
 * @param type The type wanted.
 * @throws {SyntaxError} where the text is no value of that type.
 */
export function keywordFrom(
  name: string,
  text: string,
  comment: string,
  type?: Keyword["type"],
): Keyword {
  const whole = WHOLE.test(text) ? BigInt(text) : undefined;
  const fits = whole !== undefined && BigInt.asIntN(64, whole) === whole;
  const number = doubleFrom(text);
  const found = type ??
    (whole !== undefined ? "L" : number !== undefined ? "D" : "S");
  if (found === "S") return { name, type: "S", value: text, comment };
  if (found === "L" && fits) return { name, type: "L", value: whole, comment };
  if (found === "L" && whole !== undefined && type === undefined) {
    throw new SyntaxError(
      `"${text}" has more than 64 bits, keyword "${name}" cannot hold it; ` +
        "--type D stores the nearest double, --type S its text",
    );
  }
  const beyond = number !== undefined && !Number.isFinite(number) &&
    !Number.isNaN(number) && !INFINITE.test(text);
  if (found === "D" && number !== undefined && !beyond) {
    return { name, type: "D", value: number, comment };
  }
  throw new SyntaxError(
    `"${text}" is no value of type ${found} for keyword "${name}"`,
  );
}

/**
 * Sets keywords in a list: an existing one keeps its place, and its comment
 * where the new one has none; further ones of the same name go.
 *
 * @returns A new list.
 */
export function withKeywords(
  list: readonly Keyword[],
  changes: readonly Keyword[],
): Keyword[] {
  const result = [...list];
  for (const change of changes) {
    const at = result.findIndex(({ name }) => name === change.name);
    if (at < 0) {
      result.push(change);
      continue;
    }
    const comment = change.comment || (result[at]?.comment ?? "");
    result[at] = { ...change, comment };
    for (let i = result.length - 1; i > at; i--) {
      if (result[i]?.name === change.name) result.splice(i, 1);
    }
  }
  return result;
}
