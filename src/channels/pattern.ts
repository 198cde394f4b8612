/**
 * Names of many streams in one word: `dm01disp{00..11}`.
 * @module
 */

/** A name and the number that its range gave it. */
export interface NumberedName {
  /** The name. */
  readonly name: string;
  /** The number; 0 where there is no range. */
  readonly number: number;
}

const MOST = 1000;

/**
 * Names that a pattern stands for, as a shell would expand it: numbers keep
 * the width of the first one.
 *
 * @param pattern A name with at most one range, `{00..11}`.
 * @throws {SyntaxError} where it is no such pattern.
 */
export function expandNames(pattern: string): NumberedName[] {
  const match = /^([^{}]*)\{(\d+)\.\.(\d+)\}([^{}]*)$/.exec(pattern);
  if (match === null) {
    if (/[{}]/.test(pattern)) {
      throw new SyntaxError(
        `"${pattern}" has no range of the form {00..11}`,
      );
    }
    return [{ name: pattern, number: 0 }];
  }
  const [, before = "", first = "", last = "", after = ""] = match;
  const [from, to] = [Number(first), Number(last)];
  if (to < from || to - from >= MOST) {
    throw new SyntaxError(
      `"${pattern}" goes from ${first} to ${last}: that must be 1 to ${MOST} ` +
        "names",
    );
  }
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    name: before + String(from + i).padStart(first.length, "0") + after,
    number: from + i,
  }));
}
