/**
 * A terminal of a fixed size, in tmux, and what stands on it.
 * @module
 */

import { run } from "./child.ts";

/** One character on a screen. */
export interface Cell {
  /** The character. */
  readonly glyph: string;
  /** Its colour: 0xRRGGBB, `p` and a number of the 256, or the default. */
  readonly front: number | string | undefined;
  /** The colour behind it. */
  readonly back: number | string | undefined;
  /** SGR 1. */
  readonly bold: boolean;
  /** SGR 2. */
  readonly dim: boolean;
  /** SGR 7. */
  readonly reverse: boolean;
}

type Style = { -readonly [key in keyof Omit<Cell, "glyph">]: Cell[key] };

const PLAIN: Style = {
  front: undefined,
  back: undefined,
  bold: false,
  dim: false,
  reverse: false,
};

/** Takes a colour from SGR codes that follow 38 or 48. */
function takeColor(codes: number[]): number | string | undefined {
  if (codes.shift() === 5) return `p${codes.shift()}`;
  const [r = 0, g = 0, b = 0] = codes.splice(0, 3);
  return r << 16 | g << 8 | b;
}

function apply(style: Style, parameters: string): Style {
  const next = { ...style };
  const codes = parameters.split(/[;:]/).map(Number);
  while (codes.length > 0) {
    const code = codes.shift() ?? 0;
    if (code === 0) Object.assign(next, PLAIN);
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 7) next.reverse = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 27) next.reverse = false;
    else if (code === 38) next.front = takeColor(codes);
    else if (code === 48) next.back = takeColor(codes);
    else if (code === 39) next.front = undefined;
    else if (code === 49) next.back = undefined;
    else if (code >= 30 && code < 38) next.front = `p${code - 30}`;
    else if (code >= 40 && code < 48) next.back = `p${code - 40}`;
    else if (code >= 90 && code < 98) next.front = `p${code - 82}`;
    else if (code >= 100 && code < 108) next.back = `p${code - 92}`;
  }
  return next;
}

/** Reads lines of characters and SGR sequences, as tmux captures them. */
export function parseScreen(text: string): Cell[][] {
  let style = PLAIN;
  return text.replace(/\n$/, "").split("\n").map((line) => {
    const cells: Cell[] = [];
    // deno-lint-ignore no-control-regex
    for (const part of line.matchAll(/\x1b\[([\d;:]*)m|./gsu)) {
      if (part[1] !== undefined) style = apply(style, part[1]);
      else cells.push({ glyph: part[0], ...style });
    }
    return cells;
  });
}

/** What is around a terminal. */
export interface TerminalOptions {
  /** Columns. */
  readonly columns: number;
  /** Rows. */
  readonly rows: number;
  /** Variables of the shell, beside PATH and HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** The shell's working directory. */
  readonly cwd: string;
}

/** A terminal with a shell in it; disposing ends both. */
export class Terminal implements AsyncDisposable {
  // Test files that run side by side are threads of one process.
  readonly #socket = `shmim-test-${crypto.randomUUID()}`;

  /** Opens a terminal. */
  static async open(options: TerminalOptions): Promise<Terminal> {
    const terminal = new Terminal();
    const variables = Object.entries({
      HOME: Deno.env.get("HOME") ?? "/",
      PATH: Deno.env.get("PATH") ?? "",
      LANG: "C.UTF-8",
      PS1: "$ ",
      ...options.env,
    }).map(([name, value]) => `${name}='${value}'`).join(" ");
    await terminal.#tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      String(options.columns),
      "-y",
      String(options.rows),
      "-c",
      options.cwd,
      `exec env -i ${variables} sh -i`,
      ";",
      "set",
      "-g",
      "status",
      "off",
      ";",
      "set",
      "-g",
      "escape-time",
      "0",
    );
    return terminal;
  }

  async #tmux(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await run("tmux", [
      "-u",
      "-L",
      this.#socket,
      ...words,
    ]);
    if (code !== 0) throw new Error(`tmux ${words[0]}: ${stderr}`);
    return stdout;
  }

  /** Types keys by tmux's names: `q`, `C-c`, `Left`, `Enter`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.#tmux("send-keys", "-l", line);
    await this.press("Enter");
  }

  /** Makes the terminal of another size. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux(
      "resize-window",
      "-x",
      String(columns),
      "-y",
      String(rows),
    );
  }

  /** The screen with its colours. */
  async cells(): Promise<Cell[][]> {
    return parseScreen(await this.#tmux("capture-pane", "-p", "-e"));
  }

  /** The screen's characters. */
  async text(): Promise<string> {
    return await this.#tmux("capture-pane", "-p");
  }

  /** A variable of the terminal, such as `cursor_flag`, `alternate_on`. */
  async state(name: string): Promise<string> {
    return (await this.#tmux("display-message", "-p", `#{${name}}`)).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server");
  }
}
