/** The table on the screen. @module */

import { Canvas, DEFAULT, STYLE } from "../image/canvas.ts";
import { type Board, TOP_KEYS } from "./board.ts";
import { type CellContext, columnOf, COLUMNS, VIEWS } from "./columns.ts";
import type { TopRow } from "./row.ts";

/** What stands above the table. */
export interface Heading {
  /** The folder. */
  readonly folder: string;
  /** Why it cannot be listed. */
  readonly trouble: string | undefined;
  /** What the clock shows. */
  readonly clock: string;
}

/** The keys that stand below the table. */
export const KEY_LINE = "enter watch  F filter  c columns  space pause  x exit";

const MOVING = 0x8fd18f;
const LOSS = 0xe88a7a;
const WIDEST_NAME = 36;
const GAP = 2;
const HEAD_ROWS = 3;
const FOOT_ROWS = 1;

/** Widths of columns: they grow with what they hold, and do not shrink. */
export class Widths {
  readonly #widths = new Map<string, number>();

  /** The width of a column that has to hold a cell. */
  grow(id: string, length: number): number {
    const width = Math.max(this.#widths.get(id) ?? 0, length);
    this.#widths.set(id, width);
    return width;
  }

  /** Begins anew. */
  reset(): void {
    this.#widths.clear();
  }
}

/** Rows of the table that fit on a canvas. */
export function roomFor(canvas: Canvas): number {
  return Math.max(1, canvas.rows - HEAD_ROWS - FOOT_ROWS);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB/s`;
}

function titleOf(board: Board, { folder, trouble, clock }: Heading): string {
  const { all, rows } = board;
  const moving = all.filter(({ rateHz }) => (rateHz ?? 0) > 0).length;
  const bytes = all.reduce((sum, row) => sum + (row.bytesPerSecond ?? 0), 0);
  return [
    trouble ?? folder,
    `${all.length} stream${all.length === 1 ? "" : "s"}, ${moving} moving`,
    megabytes(bytes),
    ...board.filtered ? [`only "${board.pattern}": ${rows.length}`] : [],
    ...board.paused ? ["paused"] : [],
    clock,
  ].join("  ");
}

function drawViews(canvas: Canvas, board: Board): void {
  let column = canvas.text(0, 1, " h help ", STYLE.dim);
  VIEWS.forEach(({ key, title }, i) => {
    const style = i === board.view ? STYLE.reverse : STYLE.dim;
    column = canvas.text(
      column + 1,
      1,
      ` ${key.toUpperCase()} ${title} `,
      style,
    );
  });
}

function cut(text: string, width: number): string {
  const glyphs = [...text];
  return glyphs.length <= width
    ? text
    : `${glyphs.slice(0, Math.max(0, width - 1)).join("")}…`;
}

function colorOf(row: TopRow, id: string): number {
  if (id === "name" && (row.rateHz ?? 0) > 0) return MOVING;
  const lost = row.bridges.some((bridge) =>
    bridge.lost > 0 || bridge.condition !== "up"
  );
  if ((id === "bridge" || id === "lost") && lost) return LOSS;
  const gone = row.writer !== null && !row.writer.alive;
  return id === "writer" && gone ? LOSS : DEFAULT;
}

/** What a row says where it is only an error. */
function errorCells(row: TopRow, ids: readonly string[]): string[] {
  return ids.map((id, i) =>
    id === "name" ? row.name : i === 1 ? row.error ?? "" : ""
  );
}

function drawTable(
  canvas: Canvas,
  board: Board,
  widths: Widths,
  context: CellContext,
): void {
  const [name = "name", ...others] = board.columns;
  const ids = [name, ...others.slice(board.shift)];
  const columns = ids.map(columnOf);
  const { visible, selected } = board;
  const cells = visible.map((row) =>
    row.error === null
      ? columns.map(({ cell }) => cell(row, context))
      : errorCells(row, ids)
  );
  let left = 0;
  columns.forEach(({ id, heading, right }, i) => {
    // Texts go upwards, numbers from the largest, unless reversed.
    const upwards = ["name", "type", "link"].includes(id) !== board.reversed;
    const mark = id === board.sort ? upwards ? "▲" : "▼" : "";
    const longest = Math.max(
      heading.length + mark.length,
      ...cells.map((row, at) =>
        visible[at]?.error === null ? [...row[i] ?? ""].length : 0
      ),
    );
    const most = i === columns.length - 1
      ? canvas.columns - left
      : i === 0
      ? WIDEST_NAME
      : canvas.columns;
    const width = Math.min(most, widths.grow(id, longest));
    const at = (text: string): number =>
      right ? left + width - [...text].length : left;
    canvas.text(at(heading + mark), 2, heading + mark, STYLE.bold);
    cells.forEach((row, line) => {
      const of = visible[line];
      if (of === undefined) return;
      const damaged = of.error !== null;
      const text = cut(
        row[i] ?? "",
        damaged && i === 1 ? canvas.columns : width,
      );
      canvas.text(
        damaged ? left : at(text),
        HEAD_ROWS + line,
        text,
        damaged || (of.rateHz ?? 0) === 0 ? STYLE.dim : STYLE.plain,
        damaged ? LOSS : colorOf(of, id),
      );
    });
    left += width + GAP;
  });
  const marked = visible.findIndex((row) => row === selected);
  if (marked >= 0) invert(canvas, HEAD_ROWS + marked);
}

/** The selected row, whatever stands in it. */
function invert(canvas: Canvas, row: number): void {
  const from = row * canvas.columns;
  const to = from + canvas.columns;
  canvas.styles.fill(STYLE.reverse, from, to);
  canvas.front.fill(DEFAULT, from, to);
}

function drawBottom(canvas: Canvas, board: Board): void {
  const row = canvas.rows - 1;
  const { prompt, noted, rows } = board;
  if (prompt?.kind === "filter") {
    const end = canvas.text(0, row, `Show names with: ${prompt.text}`);
    canvas.text(end, row, "_", STYLE.reverse);
    return;
  }
  if (prompt?.kind === "remove") {
    const { row: { name }, user } = prompt;
    const text = user === undefined
      ? `Remove ${name}? [y/N] `
      : `Pid ${user} uses ${name}: remove it all the same? [y/N] `;
    canvas.text(0, row, text, STYLE.bold);
    return;
  }
  if (noted !== undefined) {
    canvas.text(0, row, cut(noted, canvas.columns), STYLE.bold);
    return;
  }
  const last = Math.min(rows.length, board.first + board.page);
  const range = rows.length === 0
    ? ""
    : `${board.first + 1}-${last} of ${rows.length}, ${board.fps} a second`;
  canvas.text(0, row, range, STYLE.dim);
  const free = canvas.columns - KEY_LINE.length;
  if (free > range.length + 1) canvas.text(free, row, KEY_LINE, STYLE.dim);
}

/** A box in the middle of the screen. */
function box(
  canvas: Canvas,
  lines: readonly (readonly [string, string])[],
  selected?: number,
): void {
  const keys = Math.max(...lines.map(([key]) => key.length)) + 4;
  const width = Math.min(
    canvas.columns,
    keys + Math.max(...lines.map(([, text]) => text.length)) + 2,
  );
  const left = Math.floor((canvas.columns - width) / 2);
  const top = Math.max(0, Math.floor((canvas.rows - lines.length - 2) / 2));
  const blank = " ".repeat(width);
  canvas.text(left, top, blank);
  lines.forEach(([key, text], i) => {
    const row = top + 1 + i;
    const style = i === selected ? STYLE.reverse : STYLE.plain;
    canvas.text(left, row, blank, style);
    canvas.text(left + 2, row, key, STYLE.bold | style);
    canvas.text(left + keys, row, text, style);
  });
  canvas.text(left, top + 1 + lines.length, blank);
}

/**
 * Draws the whole screen.
 *
 * @param canvas Empty, of the screen's size.
 * @param board What is shown.
 * @param widths Kept from one picture to the next.
 * @param heading What stands above.
 */
export function drawTop(
  canvas: Canvas,
  board: Board,
  widths: Widths,
  heading: Heading,
): void {
  board.fit(roomFor(canvas));
  const names = new Map(board.all.map(({ inode, name }) => [inode, name]));
  canvas.text(0, 0, cut(titleOf(board, heading), canvas.columns), STYLE.bold);
  drawViews(canvas, board);
  drawTable(canvas, board, widths, {
    allSemaphores: board.allSemaphores,
    named: (inode) => names.get(inode),
  });
  drawBottom(canvas, board);
  if (board.help) box(canvas, TOP_KEYS);
  const { chooser } = board;
  if (chooser !== undefined) {
    const has = new Set(board.chosen);
    box(
      canvas,
      COLUMNS.map(({ id, heading: title, help }) =>
        [`${has.has(id) ? "[x]" : "[ ]"} ${title}`, help] as const
      ),
      chooser,
    );
  }
}
