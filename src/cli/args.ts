/**
 * Command lines: one table of options for each command, parsed strictly.
 * @module
 */

import { parseArgs } from "@std/cli";
import { UsageError } from "./errors.ts";
import { COMMON_OPTIONS, type OptionSpec } from "./options.ts";

export { COMMON_OPTIONS, type OptionSpec } from "./options.ts";

/** A parsed command line. */
export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>;
  /** Words that are no options, in order. */
  readonly words: readonly string[];

  /**
   * @param args What was typed after the command's name.
   * @param options The command's options.
   * @throws {UsageError} on unknown options and missing values.
   */
  constructor(args: readonly string[], options: readonly OptionSpec[]) {
    const all = [...options, ...COMMON_OPTIONS];
    const joined = joinValues(args, all);
    const names = (some: readonly OptionSpec[]): string[] =>
      some.map((option) => option.name);
    const alias: Record<string, string> = {};
    for (const { name, short } of all) {
      if (short !== undefined) alias[short] = name;
    }
    const parsed = parseArgs(joined, {
      boolean: names(all.filter((option) => option.value === undefined)),
      string: [
        ...names(all.filter((option) => option.value !== undefined)),
        "_",
      ],
      collect: names(all.filter((option) => option.many)),
      alias,
      "--": true,
      unknown: (arg, key) => {
        if (key === undefined) return true;
        throw unknownOption(arg, all);
      },
    });
    this.#values = parsed;
    this.words = [...parsed._.map(String), ...parsed["--"] ?? []];
  }

  /** A flag. */
  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** A text, `undefined` where it was not given. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  /** All values of an option that may be repeated; commas separate, too. */
  list(name: string): string[] {
    const value = this.#values[name];
    const items = Array.isArray(value)
      ? value
      : value === undefined
      ? []
      : [value];
    return items.flatMap((item) => String(item).split(",")).filter((item) =>
      item !== ""
    );
  }

  /** One of several words. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) {
      throw new UsageError(
        `--${name} takes ${choices.join(", ")}, not "${value}"`,
        { unknown: [value, choices] },
      );
    }
    return found;
  }

  /** A number in a range. */
  number(
    name: string,
    min = -Infinity,
    max = Infinity,
  ): number | undefined {
    const value = this.text(name);
    return value === undefined
      ? undefined
      : numberFrom(`--${name}`, value, min, max);
  }

  /** A whole number in a range. */
  integer(
    name: string,
    min = Number.MIN_SAFE_INTEGER,
    max = Number.MAX_SAFE_INTEGER,
  ): number | undefined {
    const value = this.text(name);
    return value === undefined
      ? undefined
      : integerFrom(`--${name}`, value, min, max);
  }

  /**
   * Exactly these words, no more and no less.
   *
   * @param names Their names, for the error.
   */
  exactly(...names: string[]): string[] {
    if (this.words.length < names.length) {
      throw new UsageError(`${names[this.words.length]} is missing`);
    }
    const extra = this.words[names.length];
    if (extra !== undefined) {
      throw new UsageError(`"${extra}" is one argument too many`);
    }
    return [...this.words];
  }
}

/** Reads a number. */
export function numberFrom(
  what: string,
  text: string,
  min = -Infinity,
  max = Infinity,
): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) {
    throw new UsageError(`${what} takes a number, not "${text}"`);
  }
  if (value < min || value > max) {
    throw new UsageError(`${what} takes ${range(min, max)}, not ${text}`);
  }
  return value;
}

/** Reads a whole number, decimal or `0x…`. */
export function integerFrom(
  what: string,
  text: string,
  min = Number.MIN_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
): number {
  const value = /^(-?\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) {
    throw new UsageError(`${what} takes a whole number, not "${text}"`);
  }
  if (value < min || value > max) {
    throw new UsageError(`${what} takes ${range(min, max)}, not ${text}`);
  }
  return value;
}

function range(min: number, max: number): string {
  if (max === Infinity || max === Number.MAX_SAFE_INTEGER) {
    return `${min} or more`;
  }
  return `${min} to ${max}`;
}

function unknownOption(arg: string, all: readonly OptionSpec[]): UsageError {
  const word = arg.replace(/=.*/, "");
  const known = all.flatMap(({ name, short }) =>
    short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]
  );
  return new UsageError(`Unknown option ${word}`, { unknown: [word, known] });
}

/** `--count 3` becomes `--count=3`, so that values may begin with a dash. */
function joinValues(
  args: readonly string[],
  options: readonly OptionSpec[],
): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--") return [...joined, ...args.slice(i)];
    const option = options.find(({ name, short }) =>
      arg === `--${name}` || (short !== undefined && arg === `-${short}`)
    );
    if (option?.value === undefined) {
      joined.push(arg);
      continue;
    }
    const value = args[i + 1];
    const optional = /^\[[^\]]*\]$/.test(option.value);
    if (optional && (value ?? "-").startsWith("-")) {
      joined.push(`--${option.name}=`);
      continue;
    }
    i++;
    if (value === undefined) {
      throw new UsageError(`--${option.name} needs a value: ${option.value}`);
    }
    joined.push(`--${option.name}=${value}`);
  }
  return joined;
}
