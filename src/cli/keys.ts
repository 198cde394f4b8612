/**
 * Keys as a terminal in raw mode sends them.
 * @module
 */

const NAMES: Readonly<Record<string, string>> = {
  "\x03": "ctrl-c",
  "\x05": "ctrl-e",
  "\x0c": "ctrl-l",
  "\t": "tab",
  "\r": "enter",
  "\n": "enter",
  "\x7f": "backspace",
  "\b": "backspace",
  " ": "space",
};

const FINALS: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  P: "f1",
  Q: "f2",
  R: "f3",
  S: "f4",
};

const NUMBERED: Readonly<Record<string, string>> = {
  "1": "home",
  "3": "delete",
  "4": "end",
  "5": "page-up",
  "6": "page-down",
  "7": "home",
  "8": "end",
  "11": "f1",
  "12": "f2",
  "13": "f3",
  "14": "f4",
  "15": "f5",
  "17": "f6",
};

/** A control sequence: parameters, then its last letter. */
// deno-lint-ignore no-control-regex
const SEQUENCE = /^\x1b(?:\[|O)([0-9;?<]*)([@-~])/;
/** The function keys 1 to 5 of Linux's own console. */
// deno-lint-ignore no-control-regex
const CONSOLE = /^\x1b\[\[([A-E])/;
/** The begin of one that has not come completely. */
// deno-lint-ignore no-control-regex
const CUT = /^\x1b(?:(?:\[\[?|O)[0-9;?<]*)?$/;

/** `1;2A` is the arrow with shift, `5~` is a key with a number. */
function sequenceName(parameters: string, last: string): string | undefined {
  const [first = "", second] = parameters.split(";");
  const name = last === "~" ? NUMBERED[first] : FINALS[last];
  if (name === undefined) return undefined;
  const bits = second === undefined ? 0 : parseInt(second) - 1;
  return (bits & 4 ? "ctrl-" : "") + (bits & 1 ? "shift-" : "") + name;
}

/** Turns what a terminal sends into names of keys. */
export class KeyDecoder {
  readonly #text = new TextDecoder();
  #rest = "";

  /**
   * Takes bytes.
   *
   * @returns The keys that are complete: `q`, `up`, `shift-left`, `space`,
   * `ctrl-c`, `escape`. Sequences that mean nothing here are left out.
   */
  push(bytes: Uint8Array): string[] {
    this.#rest += this.#text.decode(bytes, { stream: true });
    const keys: string[] = [];
    while (this.#rest !== "" && !CUT.test(this.#rest)) {
      keys.push(...this.#one());
    }
    return keys;
  }

  /** No more comes for now: an escape that stands alone is the key. */
  flush(): string[] {
    const alone = this.#rest === "\x1b";
    this.#rest = "";
    return alone ? ["escape"] : [];
  }

  /** Whether something incomplete waits. */
  get pending(): boolean {
    return this.#rest !== "";
  }

  #one(): string[] {
    const console = CONSOLE.exec(this.#rest);
    if (console !== null) {
      this.#rest = this.#rest.slice(console[0].length);
      return [`f${"ABCDE".indexOf(console[1] ?? "") + 1}`];
    }
    const sequence = SEQUENCE.exec(this.#rest);
    if (sequence !== null) {
      this.#rest = this.#rest.slice(sequence[0].length);
      const name = sequenceName(sequence[1] ?? "", sequence[2] ?? "");
      return name === undefined ? [] : [name];
    }
    const [key = ""] = this.#rest;
    this.#rest = this.#rest.slice(key.length);
    if (key === "\x1b") return ["escape"];
    const name = NAMES[key];
    if (name !== undefined) return [name];
    return key < " " ? [] : [key];
  }
}

const ESCAPE_MS = 50;

/**
 * Reads keys from standard input, which is a terminal in raw mode.
 *
 * @param onKey Called for each.
 * @returns Ends when the input does.
 */
export async function readKeys(onKey: (key: string) => void): Promise<void> {
  const decoder = new KeyDecoder();
  const bytes = new Uint8Array(256);
  let timer: ReturnType<typeof setTimeout> | undefined;
  for (;;) {
    const count = await Deno.stdin.read(bytes);
    clearTimeout(timer);
    if (count === null) return;
    for (const key of decoder.push(bytes.subarray(0, count))) onKey(key);
    if (decoder.pending) {
      timer = setTimeout(() => decoder.flush().forEach(onKey), ESCAPE_MS);
    }
  }
}
