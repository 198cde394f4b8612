/**
 * A table of the channel file while it is read: each key is asked for once,
 * and what nobody asked for is unknown.
 * @module
 */

import { didYouMean } from "../words/suggest.ts";
import { type Place, type Problem, TomlTable } from "./toml.ts";

interface Reading {
  /** It must be there. */
  required?: boolean;
  /** Its errors are told elsewhere. */
  quiet?: boolean;
}

/** A table that is being read. */
export class Section {
  /** The last part of its heading. */
  readonly name: string;
  readonly #table: TomlTable;
  readonly #problems: Problem[];
  readonly #known = new Set<string>();

  /**
   * @param name What it is called.
   * @param table What stands in it.
   * @param problems Where problems go.
   */
  constructor(name: string, table: TomlTable, problems: Problem[]) {
    this.name = name;
    this.#table = table;
    this.#problems = problems;
  }

  /** Where it begins. */
  get place(): Place {
    return this.#table.place;
  }

  /** Whether a key is there. */
  has(key: string): boolean {
    return this.#table.entries.has(key);
  }

  /** Tells of a problem at a key, or at the heading. */
  problem(key: string, message: string): void {
    const place = this.#table.entries.get(key)?.place ?? this.place;
    this.#problems.push({ ...place, message });
  }

  /** Tells that a key is missing. */
  missing(key: string): void {
    this.#problems.push({
      ...this.place,
      message: `"${key}" is missing in "${this.name}"`,
    });
  }

  #get<T>(
    key: string,
    what: string,
    convert: (value: unknown) => T | undefined,
    { required = false, quiet = false }: Reading = {},
  ): T | undefined {
    this.#known.add(key);
    const entry = this.#table.entries.get(key);
    if (entry === undefined) {
      if (required && !quiet) this.missing(key);
      return undefined;
    }
    const value = convert(entry.value);
    if (value === undefined && !quiet) {
      this.problem(key, `"${key}" takes ${what}`);
    }
    return value;
  }

  /** A text. */
  text(key: string, reading?: Reading): string | undefined {
    return this.#get(
      key,
      "a text in quotes",
      (value) => typeof value === "string" && value !== "" ? value : undefined,
      reading,
    );
  }

  /** A text, or a list of texts. */
  texts(key: string, reading?: Reading): string[] | undefined {
    return this.#get(key, "a text, or a list of texts", (value) => {
      const list = Array.isArray(value) ? value : [value];
      const good = list.length > 0 &&
        list.every((one) => typeof one === "string" && one !== "");
      return good ? list as string[] : undefined;
    }, reading);
  }

  /** One of several words. */
  choice<T extends string>(
    key: string,
    choices: readonly T[],
    quiet = false,
  ): T | undefined {
    return this.#get(
      key,
      choices.map((choice) => `"${choice}"`).join(" or "),
      (value) => choices.find((choice) => choice === value),
      { quiet },
    );
  }

  /** True or false. */
  flag(key: string, quiet = false): boolean | undefined {
    return this.#get(
      key,
      "true or false",
      (value) => typeof value === "boolean" ? value : undefined,
      { quiet },
    );
  }

  /** A whole number in a range. */
  integer(
    key: string,
    min: number,
    max: number,
    reading?: Reading,
  ): number | undefined {
    return this.#get(
      key,
      `a whole number from ${min} to ${max}`,
      (value) => isWhole(value, min, max) ? value : undefined,
      reading,
    );
  }

  /** A list of whole numbers. */
  integers(
    key: string,
    min: number,
    max: number,
    quiet = false,
  ): number[] | undefined {
    return this.#get(
      key,
      `a list of whole numbers from ${min} to ${max}`,
      (value) =>
        Array.isArray(value) && value.every((one) => isWhole(one, min, max))
          ? value as number[]
          : undefined,
      { quiet },
    );
  }

  /** A table inside; an empty one where it is missing. */
  section(key: string): Section {
    const table = this.#get(
      key,
      "a table",
      (value) => value instanceof TomlTable ? value : undefined,
    ) ?? new TomlTable(this.place);
    return new Section(key, table, this.#problems);
  }

  /** The tables inside a table: `[key.NAME]`. */
  sections(key: string): Section[] {
    const outer = this.section(key);
    return [...outer.#table.entries.keys()].map((name) => outer.section(name));
  }

  /** Tells of every key that nobody asked for. */
  finish(): void {
    const known = [...this.#known];
    for (const key of this.#table.entries.keys()) {
      if (this.#known.has(key)) continue;
      this.problem(
        key,
        `Unknown key "${key}" in "${this.name}"${didYouMean(key, known)}`,
      );
    }
  }
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min &&
    (value as number) <= max;
}
