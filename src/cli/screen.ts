/**
 * The whole terminal for one program: what it shows is kept, and only what
 * changes is sent. Leaves the terminal as it was, however the program ends.
 * @module
 */

import { Canvas, type ColorDepth, Pen } from "../image/canvas.ts";
import { OutputClosed } from "./output.ts";

/** Alternate screen, no cursor, no wrapping at the right edge. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE = "\x1b[0m\x1b[2J\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Terminals that know it show a frame at once; the others ignore it. */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";

const encoder = new TextEncoder();

function write(text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

/** The terminal, taken until it is disposed. */
export class Screen implements Disposable {
  readonly #pen: Pen;
  readonly #raw: boolean;
  readonly #onResize: () => void;
  #shown: Canvas;
  #next: Canvas;
  #stale = true; // whether the terminal has to be drawn anew
  #closed = false;

  private constructor(depth: ColorDepth, onResize: () => void) {
    this.#pen = new Pen(depth);
    const { columns, rows } = consoleExtent();
    this.#shown = new Canvas(columns, rows);
    this.#next = new Canvas(columns, rows);
    this.#onResize = () => {
      this.#stale = true;
      onResize();
    };
    this.#raw = Deno.stdin.isTerminal();
  }

  /**
   * Takes the terminal.
   *
   * @param depth What it can show.
   * @param onResize Called when its size has changed.
   */
  static open(depth: ColorDepth, onResize: () => void): Screen {
    const screen = new Screen(depth, onResize);
    globalThis.addEventListener("unload", screen.#unload);
    Deno.addSignalListener("SIGWINCH", screen.#onResize);
    try {
      if (screen.#raw) Deno.stdin.setRaw(true);
      write(ENTER);
    } catch (error) {
      screen.close();
      throw error;
    }
    return screen;
  }

  readonly #unload = (): void => this.close();

  /** An empty canvas of the terminal's size now. */
  canvas(): Canvas {
    if (this.#stale) {
      const { columns, rows } = consoleExtent();
      if (columns !== this.#next.columns || rows !== this.#next.rows) {
        this.#next = new Canvas(columns, rows);
      }
    }
    this.#next.clear();
    return this.#next;
  }

  /**
   * Shows the canvas that {@linkcode Screen.canvas} gave.
   *
   * @returns How many characters were sent.
   * @throws {OutputClosed} where the terminal has gone.
   */
  show(): number {
    let text = "";
    if (this.#stale) {
      this.#shown = new Canvas(this.#next.columns, this.#next.rows);
      text = "\x1b[2J";
      this.#stale = false;
    }
    text += this.#pen.difference(this.#shown, this.#next);
    [this.#shown, this.#next] = [this.#next, this.#shown];
    if (text === "") return 0;
    try {
      write(BEGIN + text + END);
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
      throw error;
    }
    return text.length;
  }

  /** Draws everything again, over what others wrote. */
  refresh(): void {
    this.#stale = true;
  }

  /** Gives the terminal back as it was; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    globalThis.removeEventListener("unload", this.#unload);
    Deno.removeSignalListener("SIGWINCH", this.#onResize);
    try {
      write(LEAVE);
    } catch {
      // the terminal has gone
    }
    try {
      if (this.#raw) Deno.stdin.setRaw(false);
    } catch {
      // the terminal has gone
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Columns and rows of the terminal; 80x24 where it does not say. */
function consoleExtent(): { columns: number; rows: number } {
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || 80, rows: rows || 24 };
  } catch {
    return { columns: 80, rows: 24 };
  }
}
