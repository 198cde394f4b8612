/**
 * What is said where a permission is missing: which one, and what grants it.
 * @module
 */

import { PROGRAM } from "./program.ts";

/** Quotes a word for a shell where it needs it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Deno's own sentence, and that of `ffi/access.ts`. */
const SENTENCE =
  /^Requires (\w+) access to (?:"(.*)"|([^"]*)), run again with the --allow-/s;

/**
 * A refusal with the flag that grants what is missing, and the call that
 * prints the whole line. Others stay as they are.
 *
 * @param error What was thrown.
 * @param words The command line.
 * @param narrowed Whether the program holds more than this run of it.
 */
export function withGrant(
  error: unknown,
  words: readonly string[],
  narrowed: boolean,
): unknown {
  const found = SENTENCE.exec(error instanceof Error ? error.message : "");
  if (found === null) return error;
  const [, kind = "", quoted, bare = ""] = found;
  // One module of the program is not loaded without the others.
  const what = PROGRAM.find((path) => quoted?.startsWith(`${path}/src/`)) ??
    quoted ?? bare;
  const message = `Requires ${kind} access to "${what}"`;
  const advice = kind === "all"
    ? "which Deno gives with --allow-all only; name a file elsewhere"
    : narrowed
    ? `beyond what "shmim ${words[0]}" needs; --no-narrow lets it`
    : Deno.build.standalone
    ? "this program was built without it"
    : `run again with ${quote(`--allow-${kind}=${what}`)} ` +
      `(the whole line: ${
        ["shmim permissions", ...words.map(quote)].join(" ")
      })`;
  return new Deno.errors.NotCapable(`${message}, ${advice}`, { cause: error });
}
