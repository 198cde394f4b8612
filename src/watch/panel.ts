/** Beside the picture: statistics, the cursor's pixel, the histogram. @module */

import { Canvas, type ColorDepth, STYLE } from "../image/canvas.ts";
import { colorMap, SHADES } from "../image/colormap.ts";
import { histogram, stretch, valueAt } from "../image/levels.ts";
import { shadeColor } from "../image/picture.ts";
import type { Frame } from "../stream/frames.ts";
import type { Scene } from "./scene.ts";
import { cursorValue, short } from "./text.ts";
import type { View } from "./view.ts";

/** Columns of the panel. */
export const PANEL = 30;
const PANEL_FROM = 64;
const HISTOGRAM_ROWS = 7;
const LEAST_HISTOGRAM_ROWS = 3;
const FULL_BLOCK = 0x2588;
const EIGHTHS = " ▁▂▃▄▅▆▇█";

/** What always stands in the panel. */
export const PANEL_STATISTICS = ["min", "max", "mean", "std"] as const;

/** Whether there is room for the panel, and something to show in it. */
export function hasPanel(columns: number, view: View): boolean {
  return columns >= PANEL_FROM && (view.statistics || view.histogram);
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
  dark: Float64Array | undefined,
  view: View,
): [string, string][] {
  const { nan, saturated } = scene.statistics;
  const { x, y, width, height } = scene.rect;
  const [columns = 1, rows = 1] = frame.size;
  const under = cursorValue(view.cursor, frame, dark);
  const lines = PANEL_STATISTICS.map((name): [string, string] => [
    name,
    short(scene.statistics[name]),
  ]);
  if (nan > 0) lines.push(["NaN", String(nan)]);
  if (saturated > 0) lines.push(["saturated", String(saturated)]);
  if (width < columns || height < rows) {
    lines.push(["part", `${x}:${y}:${width}:${height}`]);
  }
  if (dark !== undefined) lines.push(["dark", "subtracted"]);
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

/**
 * Draws the panel.
 *
 * @param canvas The screen.
 * @param column Where the panel begins.
 * @param frame The frame that is shown.
 * @param scene What was made of it.
 * @param dark What is subtracted.
 * @param view What is set.
 * @param depth What the terminal can show.
 */
export function drawPanel(
  canvas: Canvas,
  column: number,
  frame: Frame,
  scene: Scene,
  dark: Float64Array | undefined,
  view: View,
  depth: ColorDepth,
): void {
  let row = 1;
  if (view.statistics) {
    const lines = panelNumbers(frame, scene, dark, view);
    row = numbers(canvas, column, row, lines) + 1;
  }
  if (view.histogram && row + LEAST_HISTOGRAM_ROWS + 4 <= canvas.rows) {
    panelHistogram(canvas, column, row, scene, view, depth);
  }
}
