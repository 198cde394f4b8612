/**
 * Characters with colours in a grid, and how a terminal is told of them.
 * @module
 */

import { nearest256, type Rgb } from "./colormap.ts";

/** What a terminal can show: 24-bit colour, 256 colours, none. */
export const COLOR_DEPTHS = ["true", "256", "none"] as const;

/** {@linkcode COLOR_DEPTHS}. */
export type ColorDepth = typeof COLOR_DEPTHS[number];

/** The terminal's own colour. */
export const DEFAULT = -1;

/** Ways to write, which may be added. */
export const STYLE = { plain: 0, bold: 1, dim: 2, reverse: 4 } as const;

const STYLE_CODES: readonly (readonly [number, string])[] = [
  [STYLE.bold, "1"],
  [STYLE.dim, "2"],
  [STYLE.reverse, "7"],
];
const BLANK = 0x20;

/** A grid of characters. */
export class Canvas {
  /** Columns. */
  readonly columns: number;
  /** Rows. */
  readonly rows: number;
  /** Code points. */
  readonly glyphs: Uint32Array;
  /** Colours of the characters, or {@linkcode DEFAULT}. */
  readonly front: Int32Array;
  /** Colours behind them, or {@linkcode DEFAULT}. */
  readonly back: Int32Array;
  /** {@linkcode STYLE}. */
  readonly styles: Uint8Array;

  /** Makes an empty one. */
  constructor(columns: number, rows: number) {
    const cells = columns * rows;
    this.columns = columns;
    this.rows = rows;
    this.glyphs = new Uint32Array(cells);
    this.front = new Int32Array(cells);
    this.back = new Int32Array(cells);
    this.styles = new Uint8Array(cells);
    this.clear();
  }

  /** Empties all of it. */
  clear(): void {
    this.glyphs.fill(BLANK);
    this.front.fill(DEFAULT);
    this.back.fill(DEFAULT);
    this.styles.fill(STYLE.plain);
  }

  /** Puts one character; outside of the grid it is lost. */
  put(
    column: number,
    row: number,
    glyph: number,
    front: number = DEFAULT,
    back: number = DEFAULT,
    style: number = STYLE.plain,
  ): void {
    const inside = column >= 0 && column < this.columns && row >= 0 &&
      row < this.rows;
    if (!inside) return;
    const at = row * this.columns + column;
    this.glyphs[at] = glyph;
    this.front[at] = front;
    this.back[at] = back;
    this.styles[at] = style;
  }

  /**
   * Writes a text; control characters and those that may be wide become `?`.
   *
   * @returns The column after it.
   */
  text(
    column: number,
    row: number,
    text: string,
    style: number = STYLE.plain,
    front: number = DEFAULT,
  ): number {
    let at = column;
    for (const character of text) {
      const point = character.codePointAt(0) ?? BLANK;
      const narrow = point >= BLANK && point < 0x300 && point !== 0x7f &&
          !(point >= 0x80 && point < 0xa0) ||
        point >= 0x2010 && point < 0x2600;
      this.put(at++, row, narrow ? point : 0x3f, front, DEFAULT, style);
    }
    return at;
  }
}

/** Writes canvases as text with escape sequences. */
export class Pen {
  readonly #depth: ColorDepth;
  readonly #styled: boolean;
  readonly #codes = new Map<number, string>();
  #front = DEFAULT;
  #back = DEFAULT;
  #style: number = STYLE.plain;

  /**
   * @param depth What the terminal can show.
   * @param styled Whether it is one: a file or a pipe gets no bold.
   */
  constructor(depth: ColorDepth, styled = true) {
    this.#depth = depth;
    this.#styled = styled;
  }

  #color(color: Rgb | typeof DEFAULT, layer: 3 | 4): string {
    if (color === DEFAULT) return `${layer}9`;
    const key = color * 2 + layer - 3;
    let code = this.#codes.get(key);
    if (code === undefined) {
      code = this.#depth === "true"
        ? `${layer}8;2;${color >> 16};${color >> 8 & 0xff};${color & 0xff}`
        : `${layer}8;5;${nearest256(color)}`;
      this.#codes.set(key, code);
    }
    return code;
  }

  /** What changes colours and style to those of a cell. */
  #change(front: number, back: number, style: number): string {
    if (this.#depth === "none") front = back = DEFAULT;
    if (!this.#styled) style = STYLE.plain;
    let codes = "";
    if (style !== this.#style) {
      codes = "0";
      for (const [bit, code] of STYLE_CODES) {
        if (style & bit) codes += `;${code}`;
      }
      this.#style = style;
      this.#front = this.#back = DEFAULT;
    }
    if (front !== this.#front) {
      codes += (codes === "" ? "" : ";") + this.#color(front, 3);
      this.#front = front;
    }
    if (back !== this.#back) {
      codes += (codes === "" ? "" : ";") + this.#color(back, 4);
      this.#back = back;
    }
    return codes === "" ? "" : `\x1b[${codes}m`;
  }

  #cell(canvas: Canvas, at: number): string {
    return this.#change(
      canvas.front[at] ?? DEFAULT,
      canvas.back[at] ?? DEFAULT,
      canvas.styles[at] ?? STYLE.plain,
    ) + String.fromCodePoint(canvas.glyphs[at] ?? BLANK);
  }

  /** Back to the terminal's own colours. */
  rest(): string {
    return this.#change(DEFAULT, DEFAULT, STYLE.plain);
  }

  /**
   * What turns one canvas on a screen into another of the same size: the
   * cells that differ, and nothing else.
   */
  difference(before: Canvas, after: Canvas): string {
    let text = "";
    let next = -1; // where the terminal's cursor stands
    for (let at = 0; at < after.glyphs.length; at++) {
      const same = after.glyphs[at] === before.glyphs[at] &&
        after.front[at] === before.front[at] &&
        after.back[at] === before.back[at] &&
        after.styles[at] === before.styles[at];
      if (same) continue;
      const column = at % after.columns;
      if (at !== next || column === 0) {
        const row = Math.floor(at / after.columns);
        text += `\x1b[${row + 1};${column + 1}H`;
      }
      text += this.#cell(after, at);
      next = at + 1;
    }
    return text === "" ? "" : text + this.rest();
  }

  /** A canvas as lines, without the blanks at their ends. */
  lines(canvas: Canvas): string[] {
    return Array.from({ length: canvas.rows }, (_, row) => {
      const first = row * canvas.columns;
      let end = first + canvas.columns;
      while (
        end > first && canvas.glyphs[end - 1] === BLANK &&
        (this.#depth === "none" || canvas.back[end - 1] === DEFAULT)
      ) end--;
      let line = "";
      for (let at = first; at < end; at++) line += this.#cell(canvas, at);
      return line + this.rest();
    });
  }
}
