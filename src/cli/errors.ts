/**
 * Exit codes, and errors as one line.
 * @module
 */

import { printable } from "./output.ts";

/** What the process ends with. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  timedOut: 124,
  signal: 128,
} as const;

/** A command line that cannot be understood: exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
  /** A word that is unknown, and those that are known. */
  readonly unknown: Unknown | undefined;

  /**
   * @param message One line: what is wrong, and what is taken instead.
   * @param options With `unknown`, whoever prints it may say what was meant.
   */
  constructor(
    message: string,
    { unknown, ...options }: ErrorOptions & { unknown?: Unknown } = {},
  ) {
    super(message, options);
    this.unknown = unknown;
  }
}

/** A word that is unknown, and those that are known. */
export type Unknown = readonly [word: string, known: readonly string[]];

/** A failure whose message is all there is to say: exit code 1. */
export class CommandError extends Error {
  override name = "CommandError";
  /** Exit code. */
  readonly code: number;

  /**
   * @param message One line: what is wrong, with what, and what to do.
   * @param code Exit code.
   */
  constructor(message: string, code: number = EXIT.failed) {
    super(message);
    this.code = code;
  }
}

/**
 * An error as one line; with its causes where asked for.
 *
 * @param error What was thrown.
 * @param debug With stack and causes.
 */
export function describe(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (!debug) {
    return printable(
      (error.message || error.name).replace(/\s*\n\s*/g, " "),
    );
  }
  const cause = error.cause === undefined
    ? ""
    : `\ncaused by ${describe(error.cause, true)}`;
  return (error.stack ?? `${error.name}: ${error.message}`) + cause;
}

/** The exit code that belongs to an error. */
export function exitCode(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof CommandError ? error.code : EXIT.failed;
}

/** What was perhaps meant: loaded only where somebody mistyped. */
export async function suggestion(error: unknown): Promise<string> {
  if (!(error instanceof UsageError) || error.unknown === undefined) return "";
  const { didYouMean } = await import("../words/suggest.ts");
  return didYouMean(...error.unknown);
}
