/**
 * Changes to a list of keywords, with types as people type them.
 * @module
 */

import type { Keyword } from "./keywords.ts";

/**
 * Makes a keyword of a text. Without a type, what reads as a whole number of
 * 64 bits is L, what reads as a number D, everything else S.
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
  const whole = /^[+-]?\d+$/.test(text) ? BigInt(text) : undefined;
  const fits = whole !== undefined && BigInt.asIntN(64, whole) === whole;
  const number = text.trim() === "" ? NaN : Number(text);
  const numeric = !Number.isNaN(number) || /^[+-]?nan$/i.test(text);
  const found = type ?? (fits ? "L" : numeric ? "D" : "S");
  if (found === "S") return { name, type: "S", value: text, comment };
  if (found === "L" && fits) return { name, type: "L", value: whole, comment };
  if (found === "D" && numeric) {
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
