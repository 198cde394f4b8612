/**
 * The commands that people know from before: how each one's words become
 * those of a command of this tool.
 * @module
 */

import { UsageError } from "../cli/errors.ts";

/** What an old command line becomes. */
export interface Translation {
  /** The words behind `shmim`. */
  readonly words: readonly string[];
  /** What is said on standard error before it runs. */
  readonly notes: readonly string[];
}

/** A command that people know from before. */
export interface OldName {
  /** What they type. */
  readonly name: string;
  /** Where it came from. */
  readonly from: string;
  /** The command that does it now: without it the name is not there. */
  readonly command: string;
  /** Its old usage, without the name. */
  readonly usage: readonly string[];
  /** What is different now, a sentence each. */
  readonly changed: readonly string[];
  /** What is typed behind the name, and what it becomes behind `shmim`. */
  readonly examples: readonly (readonly [string, string])[];
  /**
   * Translates what was typed behind the name; looks at nothing else.
   *
   * @throws {UsageError} where the old command did not take that, either.
   */
  translate(words: readonly string[]): Translation;
}

/** Options of one letter, as the old commands took them. */
export interface OldWords {
  /** The letters that were given, without a value. */
  readonly flags: ReadonlySet<string>;
  /** The values of letters that take one, the last of each. */
  readonly values: ReadonlyMap<string, string>;
  /** Words that are no options, in order. */
  readonly words: readonly string[];
  /** Long options as they were typed: the new command's own. */
  readonly long: readonly string[];
}

/**
 * Takes an old command line apart as `getopts` did: letters may stand
 * together, and a value may stand with its letter. Options and words may be
 * mixed; `--` ends the options.
 *
 * @param name The command, for errors.
 * @param letters Its letters; one with a ":" behind it takes a value.
 * @param words What was typed.
 */
export function readWords(
  name: string,
  letters: string,
  words: readonly string[],
): OldWords {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const plain: string[] = [];
  const long: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") {
      plain.push(...words.slice(i + 1));
      break;
    }
    if (word.startsWith("--")) {
      long.push(word);
      continue;
    }
    if (!word.startsWith("-") || word === "-" || /^-[\d.]/.test(word)) {
      plain.push(word);
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] ?? "";
      const found = letter === ":" ? -1 : letters.indexOf(letter);
      if (found < 0) {
        throw new UsageError(`${name} takes no -${letter}`);
      }
      if (letters[found + 1] !== ":") {
        flags.add(letter);
        continue;
      }
      const value = word.slice(at + 1) || words[++i];
      if (value === undefined) {
        throw new UsageError(`${name} -${letter} needs a value`);
      }
      values.set(letter, value);
      break;
    }
  }
  return { flags, values, words: plain, long };
}

/**
 * Exactly so many words.
 *
 * @param words What was typed.
 * @param wanted What each of them is; those in brackets may be left out.
 */
export function expectWords(
  words: readonly string[],
  ...wanted: string[]
): string[] {
  const missing = wanted[words.length];
  if (missing !== undefined && !missing.startsWith("[")) {
    throw new UsageError(`${missing} is missing`);
  }
  const extra = words[wanted.length];
  if (extra !== undefined) {
    throw new UsageError(
      `"${extra}" is one argument too many`,
    );
  }
  return [...words];
}

/** Words that may begin with a dash stand behind `--`. */
export function guarded(words: readonly string[]): string[] {
  return words.some((word) => word.startsWith("-"))
    ? ["--", ...words]
    : [...words];
}

/** An option where it was given. */
export function option(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`--${name}`, value];
}
