/**
 * TOML with the place of every key. `@std/toml` reads the values; where they
 * stand, and that no key is given twice, is watched over here, because the
 * library takes duplicates in silence and gives no places.
 * @module
 */

import { parse } from "../../std/toml.ts";

/** A place in a text, both counted from 1. */
export interface Place {
  /** Line. */
  readonly line: number;
  /** Column. */
  readonly column: number;
}

/** Something that is wrong in a file. */
export interface Problem extends Place {
  /** One line. */
  readonly message: string;
}

/** A key's value and where the key stands. */
export interface TomlEntry {
  /** A table, or what `@std/toml` makes of it. */
  readonly value: unknown;
  /** Where its key stands. */
  readonly place: Place;
}

/** A table with the places of its keys. */
export class TomlTable {
  /** Where it begins. */
  readonly place: Place;
  /** Its keys in the order of the file. */
  readonly entries: Map<string, TomlEntry> = new Map();
  /** Has a heading of its own, or came as one value. */
  closed = false;

  /** @param place Where it begins. */
  constructor(place: Place) {
    this.place = place;
  }
}

/** A text that is no TOML. */
export class TomlError extends SyntaxError {
  /** Name of the class. */
  override name = "TomlError";
  /** What is wrong, and where. */
  readonly problem: Problem;

  /** @param problem What is wrong, and where. */
  constructor(problem: Problem) {
    super(`line ${problem.line}, column ${problem.column}: ${problem.message}`);
    this.problem = problem;
  }
}

const KEY = /[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;
const BLANK = /[ \t]*/y;
const QUOTES = ['"""', "'''", '"', "'"];
const OPEN: Readonly<Record<string, string>> = { "[": "]", "{": "}" };

/** Reads a text from its beginning to its end. */
class Reader {
  readonly #text: string;
  readonly #duplicates: Problem[];
  #at = 0;

  constructor(text: string, duplicates: Problem[]) {
    this.#text = text;
    this.#duplicates = duplicates;
  }

  read(): TomlTable {
    const root = new TomlTable({ line: 1, column: 1 });
    let current = root;
    for (this.#skipLines(); this.#at < this.#text.length; this.#skipLines()) {
      if (this.#text[this.#at] === "[") current = this.#heading(root);
      else this.#pair(current, "\n");
      this.#endOfLine();
    }
    return root;
  }

  #placeOf(at: number): Place {
    const before = this.#text.slice(0, at);
    const line = before.split("\n").length;
    return { line, column: at - before.lastIndexOf("\n") };
  }

  #fail(at: number, message: string): never {
    throw new TomlError({ ...this.#placeOf(at), message });
  }

  #blanks(): void {
    BLANK.lastIndex = this.#at;
    this.#at += BLANK.exec(this.#text)?.[0].length ?? 0;
  }

  /** Skips blanks, comments and line ends. */
  #skipLines(): void {
    for (;;) {
      this.#blanks();
      const next = this.#text[this.#at];
      if (next === "#") this.#skipComment();
      else if (next === "\n" || next === "\r") this.#at++;
      else return;
    }
  }

  #skipComment(): void {
    const end = this.#text.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  #endOfLine(): void {
    this.#blanks();
    if (this.#text[this.#at] === "#") this.#skipComment();
    const rest = this.#text.slice(this.#at, this.#at + 2);
    if (rest !== "" && rest[0] !== "\n" && rest !== "\r\n") {
      this.#fail(this.#at, `Expected the end of the line, not "${rest[0]}"`);
    }
  }

  /** A dotted key: its parts and where each begins. */
  #key(): { name: string; at: number }[] {
    const parts: { name: string; at: number }[] = [];
    for (;;) {
      this.#blanks();
      KEY.lastIndex = this.#at;
      const word = KEY.exec(this.#text)?.[0];
      if (word === undefined) {
        this.#fail(
          this.#at,
          "A key is missing, or holds a character that " +
            "needs quotes",
        );
      }
      parts.push({ name: this.#unquoted(word), at: this.#at });
      this.#at += word.length;
      this.#blanks();
      if (this.#text[this.#at] !== ".") return parts;
      this.#at++;
    }
  }

  #unquoted(word: string): string {
    if (!/^["']/.test(word)) return word;
    return String(this.#std(word, this.#at));
  }

  /** A `[heading]`: its table. */
  #heading(root: TomlTable): TomlTable {
    const start = this.#at++;
    if (this.#text[this.#at] === "[") {
      this.#fail(
        start,
        "Lists of tables ([[…]]) have no place here: write " +
          "[group.NAME]",
      );
    }
    const path = this.#key();
    if (this.#text[this.#at] !== "]") {
      this.#fail(this.#at, 'The heading is not closed by "]"');
    }
    this.#at++;
    const last = path.pop();
    const parent = this.#descend(root, path, false);
    if (last === undefined) return parent;
    const place = this.#placeOf(last.at);
    const there = parent.entries.get(last.name);
    if (there === undefined) {
      const table = new TomlTable(place);
      table.closed = true;
      parent.entries.set(last.name, { value: table, place });
      return table;
    }
    if (there.value instanceof TomlTable && !there.value.closed) {
      there.value.closed = true;
      return there.value;
    }
    this.#duplicate(last.name, place, there.place);
    return new TomlTable(place); // its keys belong to nobody
  }

  #duplicate(name: string, place: Place, first: Place): void {
    this.#duplicates.push({
      ...place,
      message: `"${name}" is given twice, first in line ${first.line}`,
    });
  }

  /** The table that dotted names lead to, made where it is missing. */
  #descend(
    from: TomlTable,
    path: readonly { name: string; at: number }[],
    inside: boolean,
  ): TomlTable {
    let table = from;
    for (const { name, at } of path) {
      const place = this.#placeOf(at);
      const there = table.entries.get(name);
      if (there === undefined) {
        const made = new TomlTable(place);
        table.entries.set(name, { value: made, place });
        table = made;
      } else if (
        there.value instanceof TomlTable && !(inside && there.value.closed)
      ) {
        table = there.value;
      } else {
        this.#duplicate(name, place, there.place);
        return new TomlTable(place);
      }
    }
    return table;
  }

  /** `key = value`. */
  #pair(current: TomlTable, end: "\n" | "}"): void {
    const path = this.#key();
    if (this.#text[this.#at] !== "=") {
      this.#fail(this.#at, 'Expected "=" after the key');
    }
    this.#at++;
    this.#blanks();
    const last = path.pop();
    if (last === undefined) return;
    const parent = this.#descend(current, path, true);
    const place = this.#placeOf(last.at);
    const value = this.#value(place, end);
    const there = parent.entries.get(last.name);
    if (there !== undefined) this.#duplicate(last.name, place, there.place);
    else parent.entries.set(last.name, { value, place });
  }

  #value(place: Place, end: "\n" | "}"): unknown {
    if (this.#text[this.#at] === "{") return this.#inlineTable(place);
    const start = this.#at;
    this.#skipValue(end);
    const text = this.#text.slice(start, this.#at).trimEnd();
    if (text === "") this.#fail(start, "The value is missing");
    return this.#std(text, start);
  }

  #inlineTable(place: Place): TomlTable {
    const table = new TomlTable(place);
    this.#at++;
    this.#blanks();
    while (this.#text[this.#at] !== "}") {
      this.#pair(table, "}");
      this.#blanks();
      if (this.#text[this.#at] === ",") this.#at++;
      else if (this.#text[this.#at] !== "}") {
        this.#fail(this.#at, 'The table is not closed by "}" in its line');
      }
      this.#blanks();
    }
    this.#at++;
    table.closed = true;
    return table;
  }

  /** Goes to the end of a value: a line's end, a comment, a comma. */
  #skipValue(end: "\n" | "}"): void {
    const brackets: string[] = [];
    while (this.#at < this.#text.length) {
      const next = this.#text[this.#at] ?? "";
      const within = brackets.length > 0;
      if (QUOTES.some((quote) => this.#text.startsWith(quote, this.#at))) {
        this.#skipString();
        continue;
      }
      if (next === "#" && within) {
        this.#skipComment();
        continue;
      }
      if (!within && (next === "\n" || next === "#")) return;
      if (!within && end === "}" && (next === "," || next === "}")) return;
      if (OPEN[next] !== undefined) brackets.push(OPEN[next] ?? "");
      else if (next === brackets.at(-1)) brackets.pop();
      this.#at++;
    }
  }

  #skipString(): void {
    const start = this.#at;
    const quote = QUOTES.find((one) => this.#text.startsWith(one, start)) ??
      '"';
    for (this.#at += quote.length; this.#at < this.#text.length; this.#at++) {
      if (this.#text.startsWith(quote, this.#at)) {
        this.#at += quote.length;
        return;
      }
      if (this.#text[this.#at] === "\n" && quote.length === 1) break;
      if (this.#text[this.#at] === "\\" && quote.startsWith('"')) this.#at++;
    }
    this.#fail(start, `The string is not closed by ${quote}`);
  }

  /** One value, by the library. */
  #std(text: string, at: number): unknown {
    try {
      return parse(`v = ${text}\n`).v;
    } catch {
      const shown = text.split("\n", 1)[0];
      this.#fail(at, `Not a TOML value: ${shown}`);
    }
  }
}

/**
 * Reads TOML.
 *
 * @param text The text.
 * @returns The root table, and each key that was given twice.
 * @throws {TomlError} where it is no TOML, with line and column.
 */
export function readToml(
  text: string,
): { root: TomlTable; duplicates: Problem[] } {
  const duplicates: Problem[] = [];
  const root = new Reader(text.replace(/^\ufeff/, ""), duplicates).read();
  return { root, duplicates };
}
