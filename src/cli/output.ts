/**
 * Where commands write: data to standard output, talk to standard error. A
 * reader that goes away early (`| head`) is no failure.
 * @module
 */

/** Thrown where nobody reads standard output any more: ends with code 0. */
export class OutputClosed extends Error {
  override name = "OutputClosed";
}

const encoder = new TextEncoder();

/** Columns of a text: one for each character. */
function textWidth(text: string): number {
  return ASCII.test(text) ? text.length : [...text].length;
}

const ASCII = /^[ -~]*$/;

function writeAll(
  to: { writeSync(bytes: Uint8Array): number },
  bytes: Uint8Array,
): void {
  for (let at = 0; at < bytes.length;) {
    at += to.writeSync(bytes.subarray(at));
  }
}

/** What a command may write to. */
export class Output {
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean = Deno.stdout.isTerminal();
  /** Whether standard error is a terminal. */
  readonly errorIsTerminal: boolean = Deno.stderr.isTerminal();
  #live = "";

  /** Whether to use colour. */
  get color(): boolean {
    return this.isTerminal && !Deno.noColor;
  }

  /** Columns of the terminal, 80 where there is none. */
  get columns(): number {
    try {
      return Deno.consoleSize().columns || 80;
    } catch {
      return 80;
    }
  }

  /** Rows of the terminal, 24 where there is none. */
  get rows(): number {
    try {
      return Deno.consoleSize().rows || 24;
    } catch {
      return 24;
    }
  }

  /** Writes bytes to standard output. */
  bytes(bytes: Uint8Array): void {
    try {
      writeAll(Deno.stdout, bytes);
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
      throw error;
    }
  }

  /** Writes a line of data. */
  line(text = ""): void {
    this.#clear();
    this.bytes(encoder.encode(`${text}\n`));
  }

  /** Writes one JSON document; `lines` in one line. */
  json(value: unknown, lines = false): void {
    this.line(JSON.stringify(value, jsonValue, lines ? undefined : 2));
  }

  /** Writes a line of talk. */
  say(text: string): void {
    this.#clear();
    this.#talk(`${text}\n`);
  }

  /** Asks: the cursor stays behind the question. */
  ask(question: string): void {
    this.#clear();
    this.#talk(question);
  }

  /** Shows a line that the next one replaces; on a terminal only. */
  live(text: string): void {
    if (!this.errorIsTerminal) return;
    const line = cut(text, this.columns - 1);
    if (line === this.#live) return;
    this.#talk(`\r\x1b[K${line}`);
    this.#live = line;
  }

  /** Ends the live line, leaving it there. */
  endLive(): void {
    if (this.#live !== "") this.#talk("\n");
    this.#live = "";
  }

  #clear(): void {
    if (this.#live !== "") this.#talk("\r\x1b[K");
    this.#live = "";
  }

  #talk(text: string): void {
    try {
      writeAll(Deno.stderr, encoder.encode(text));
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }
}

function cut(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let line = "";
  for (const character of text) {
    if (textWidth(line + character) > columns) break;
    line += character;
  }
  return line;
}

/**
 * What JSON cannot say: integers beyond 2^53 become decimal strings, and so
 * do NaN and the infinities.
 */
export function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return `${value}`;
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/**
 * Text of a file or a peer, for a terminal: control characters, which could
 * move its cursor or worse, become "?".
 */
export function printable(text: string): string {
  if (ASCII.test(text)) return text;
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
}

/**
 * Rows as aligned columns, two blanks apart; cells hold no control
 * characters.
 *
 * @param rows The first one is the heading.
 * @param right Columns that are aligned to the right.
 */
export function columns(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const widths: number[] = [];
  // All at once: hundreds of small questions take longer than the rest.
  const plain = ASCII.test(rows.map((row) => row.join("")).join(""));
  const clean = rows.map((row) =>
    row.map((text, i) => {
      const cell = plain ? text : printable(text);
      const width = plain ? text.length : textWidth(cell);
      widths[i] = Math.max(widths[i] ?? 0, width);
      return { cell, width };
    })
  );
  return clean.map((row) =>
    row.map(({ cell, width }, i) => {
      const pad = " ".repeat((widths[i] ?? 0) - width);
      return right.includes(i) ? pad + cell : cell + pad;
    }).join("  ").trimEnd()
  );
}
