/**
 * The screen of `watch`: a line about the stream, the picture, beside it the
 * numbers, beneath it what is set.
 * @module
 */

import { Canvas, type ColorDepth, STYLE } from "../image/canvas.ts";
import { colorMap, SHADES } from "../image/colormap.ts";
import { histogram, stretch, valueAt } from "../image/levels.ts";
import { type Extent, paint, shadeColor } from "../image/picture.ts";
import { pixelText } from "../image/plane.ts";
import type { Frame } from "../stream/frames.ts";
import type { Scene } from "./scene.ts";
import { KEYS, type Point, type View } from "./view.ts";

/** What is said about the stream. */
export interface Facts {
  /** Name. */
  readonly name: string;
  /** Axes of all of it. */
  readonly size: readonly number[];
  /** Frames a second. */
  readonly rateHz: number | undefined;
  /** Spread of the intervals, ms. */
  readonly jitterMs: number | undefined;
  /** What is wrong, or has just happened. */
  readonly notice: string | undefined;
  /** What the cursor's pixel loses to the dark. */
  readonly dark: Float64Array | undefined;
}

const PANEL = 30;
const PANEL_FROM = 64;
const HISTOGRAM_ROWS = 7;
const LEAST_HISTOGRAM_ROWS = 3;
const FULL_BLOCK = 0x2588;
const EIGHTHS = " ▁▂▃▄▅▆▇█";

/** A number in few characters; never with digits that it does not have. */
export function short(value: number | bigint | null | undefined): string {
  if (value === null || value === undefined) return "-";
  const number = Number(value);
  if (Number.isInteger(number) && Math.abs(number) < 1e12) {
    return String(value);
  }
  if (Math.abs(number) >= 1e4 && Math.abs(number) < 1e9) {
    return number.toFixed(0);
  }
  const text = number.toPrecision(5);
  return text.includes("e")
    ? text.replace(/\.?0*e\+?/, "e")
    : String(Number(text));
}

/** A rate with the digits that mean something. */
export function rateText(hz: number | undefined): string {
  if (hz === undefined) return "- Hz";
  return `${hz < 9.995 ? hz.toFixed(2) : hz.toFixed(1)} Hz`;
}

/** A jitter, in µs where it is small. */
export function jitterText(ms: number | undefined): string {
  if (ms === undefined) return "jitter -";
  return ms < 1
    ? `jitter ${(ms * 1000).toFixed(0)} µs`
    : `jitter ${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}

function hasPanel(canvas: Extent, view: View): boolean {
  return canvas.width >= PANEL_FROM && (view.statistics || view.histogram);
}

/** Characters that the picture may take. */
export function pictureRoom(canvas: Extent, view: View): Extent {
  const beside = hasPanel(canvas, view) ? PANEL : 0;
  return {
    width: Math.max(1, canvas.width - beside),
    height: Math.max(1, canvas.height - 2),
  };
}

function title(canvas: Canvas, frame: Frame, facts: Facts, view: View): void {
  let at = canvas.text(1, 0, facts.name, STYLE.bold) + 2;
  const part = (text: string, style: number = STYLE.plain): void => {
    at = canvas.text(at, 0, text, style) + 2;
  };
  part(`${facts.size.join("x")} ${frame.type}`, STYLE.dim);
  part(`cnt0 ${frame.cnt0}`);
  part(rateText(facts.rateHz));
  part(jitterText(facts.jitterMs), STYLE.dim);
  if (frame.slice !== undefined) {
    part(`slice ${frame.slice}/${facts.size[2] ?? 1}`);
  }
  if (frame.torn) part("torn", STYLE.reverse);
  if (view.paused) part("paused", STYLE.reverse);
}

function settings(view: View, frame: Frame): string {
  const rule = view.rule.kind === "fixed"
    ? "fixed"
    : view.rule.percent === 100
    ? "min-max"
    : `${view.rule.percent} %`;
  return [
    view.map,
    view.log ? "log" : "linear",
    rule,
    ...view.zoom > 1 ? [`zoom ${view.zoom}`] : [],
    ...view.resampling === "mean" ? [] : [view.resampling],
    ...view.topDown ? ["flipped"] : [],
    ...frame.type.startsWith("c") ? ["amplitude"] : [],
  ].join("  ");
}

/** The cursor's pixel as it is stored, and what the dark takes from it. */
export interface CursorValue {
  /** Column. */
  readonly x: number;
  /** Row. */
  readonly y: number;
  /** The pixel, exact. */
  readonly value: string;
  /** The dark's pixel. */
  readonly dark: number | undefined;
}

/** What lies under the cursor; `undefined` where there is no cursor. */
export function cursorValue(
  cursor: Point | undefined,
  frame: Frame,
  dark: Float64Array | undefined,
): CursorValue | undefined {
  if (cursor === undefined) return undefined;
  const at = cursor.x + cursor.y * (frame.size[0] ?? 1);
  const value = pixelText(frame.pixels, frame.type, at);
  return { ...cursor, value, dark: dark?.[at] };
}

function bottom(
  canvas: Canvas,
  frame: Frame,
  scene: Scene,
  facts: Facts,
  view: View,
): void {
  const row = canvas.rows - 1;
  if (facts.notice !== undefined) {
    const text = ` ${facts.notice} `.slice(0, canvas.columns);
    canvas.text(0, row, text, STYLE.reverse);
    return;
  }
  const panel = hasPanel({ width: canvas.columns, height: 0 }, view);
  const { min, max, mean, std } = scene.statistics;
  const under = cursorValue(view.cursor, frame, facts.dark);
  const parts = [
    ...panel || under === undefined
      ? []
      : [`x ${under.x}  y ${under.y}  ${under.value}`],
    ...panel || !view.statistics ? [] : [
      `${short(min)}…${short(max)}`,
      `mean ${short(mean)}`,
      `std ${short(std)}`,
    ],
    settings(view, frame),
    ...facts.dark === undefined ? [] : ["dark"],
  ];
  canvas.text(1, row, parts.join("  "));
  const help = "? keys  q quit";
  const free = canvas.columns - help.length - 1;
  if (parts.join("  ").length + 3 < free) {
    canvas.text(free, row, help, STYLE.dim);
  }
}

function numbers(
  canvas: Canvas,
  column: number,
  first: number,
  lines: readonly (readonly [string, string])[],
): number {
  let row = first;
  for (const [name, value] of lines) {
    canvas.text(column, row, name, STYLE.dim);
    canvas.text(column + PANEL - 3 - value.length, row, value);
    row++;
  }
  return row;
}

function panelNumbers(
  frame: Frame,
  scene: Scene,
  facts: Facts,
  view: View,
): [string, string][] {
  const { min, max, mean, std, nan, saturated } = scene.statistics;
  const { x, y, width, height } = scene.rect;
  const [columns = 1, rows = 1] = frame.size;
  const under = cursorValue(view.cursor, frame, facts.dark);
  const lines: [string, string][] = [
    ["min", short(min)],
    ["max", short(max)],
    ["mean", short(mean)],
    ["std", short(std)],
  ];
  if (nan > 0) lines.push(["NaN", String(nan)]);
  if (saturated > 0) lines.push(["saturated", String(saturated)]);
  if (width < columns || height < rows) {
    lines.push(["part", `${x}:${y}:${width}:${height}`]);
  }
  if (facts.dark !== undefined) lines.push(["dark", "subtracted"]);
  if (under !== undefined) {
    lines.push(["", ""], [`x ${under.x}  y ${under.y}`, under.value]);
    if (under.dark !== undefined) {
      lines.push(["its dark", short(under.dark)]);
    }
  }
  return lines;
}

/** Bars over the colours that their values have. */
function panelHistogram(
  canvas: Canvas,
  column: number,
  first: number,
  scene: Scene,
  view: View,
  depth: ColorDepth,
): void {
  const width = PANEL - 3;
  const map = colorMap(view.map);
  const place = stretch(scene.cuts, view.log, map.diverging);
  const counts = histogram(scene.sample, place, width);
  // Square roots, so that few pixels are seen beside many.
  const most = Math.sqrt(Math.max(1, ...counts));
  const high = Math.min(HISTOGRAM_ROWS, canvas.rows - first - 4);
  for (let i = 0; i < width; i++) {
    const full = Math.sqrt(counts[i] ?? 0) / most * high * 8;
    for (let line = 0; line < high; line++) {
      const least = counts[i] && line === 0 ? 1 : 0;
      const eighths = Math.min(8, Math.max(least, full - line * 8));
      const glyph = EIGHTHS.codePointAt(Math.round(eighths)) ?? 0x20;
      canvas.put(column + i, first + high - 1 - line, glyph);
    }
    if (depth !== "none") {
      const shade = Math.floor((i + 0.5) / width * SHADES);
      canvas.put(column + i, first + high, FULL_BLOCK, shadeColor(map, shade));
    }
  }
  const labels = first + high + (depth === "none" ? 0 : 1);
  const left = short(scene.cuts.low);
  const middle = short(valueAt(scene.cuts, place, 0.5));
  const right = short(scene.cuts.high);
  canvas.text(column, labels, left);
  canvas.text(column + width - right.length, labels, right);
  const free = Math.floor((width - middle.length) / 2);
  if (free > Math.max(left.length, right.length)) {
    canvas.text(column + free, labels, middle, STYLE.dim);
  }
}

function helpBox(canvas: Canvas): void {
  const widest = Math.max(...KEYS.map(([, what]) => what.length));
  const width = Math.min(canvas.columns, widest + 14);
  const left = Math.floor((canvas.columns - width) / 2);
  const rows = [["", ""], ...KEYS, ["", ""]];
  const top = Math.max(0, Math.floor((canvas.rows - rows.length) / 2));
  rows.forEach(([key = "", what = ""], i) => {
    canvas.text(left, top + i, " ".repeat(width));
    canvas.text(left + 2, top + i, key, STYLE.bold);
    canvas.text(left + 11, top + i, what);
  });
}

/**
 * Draws the whole screen.
 *
 * @param canvas Empty, of the screen's size.
 * @param frame The frame that is shown.
 * @param scene What was made of it.
 * @param facts About the stream.
 * @param view What is set.
 * @param depth What the terminal can show.
 */
export function drawScreen(
  canvas: Canvas,
  frame: Frame,
  scene: Scene,
  facts: Facts,
  view: View,
  depth: ColorDepth,
): void {
  title(canvas, frame, facts, view);
  paint(canvas, scene.shades, scene.dots, {
    column: 0,
    row: 1,
    map: colorMap(view.map),
    depth,
    topDown: view.topDown,
    marked: scene.marked,
  });
  if (hasPanel({ width: canvas.columns, height: 0 }, view)) {
    const column = Math.min(scene.dots.width + 3, canvas.columns - PANEL + 2);
    let row = 1;
    if (view.statistics) {
      const lines = panelNumbers(frame, scene, facts, view);
      row = numbers(canvas, column, row, lines) + 1;
    }
    if (view.histogram && row + LEAST_HISTOGRAM_ROWS + 4 <= canvas.rows) {
      panelHistogram(canvas, column, row, scene, view, depth);
    }
  }
  bottom(canvas, frame, scene, facts, view);
  if (view.help) helpBox(canvas);
}
