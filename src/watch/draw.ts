/**
 * The screen of `watch`: a line about the stream, the picture, beside it the
 * numbers, beneath it what is set.
 * @module
 */

import { Canvas, type ColorDepth, STYLE } from "../image/canvas.ts";
import { colorMap } from "../image/colormap.ts";
import { type Extent, paint } from "../image/picture.ts";
import type { Frame } from "../stream/frames.ts";
import { drawPanel, hasPanel, PANEL } from "./panel.ts";
import type { Scene } from "./scene.ts";
import { cursorValue, jitterText, rateText, short } from "./text.ts";
import { KEYS } from "./keys.ts";
import type { View } from "./view.ts";

/** The keys that stand below the image. */
export const KEY_LINE = "? keys  q quit";

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

/** Characters that the picture may take. */
export function pictureRoom(canvas: Extent, view: View): Extent {
  const beside = hasPanel(canvas.width, view) ? PANEL : 0;
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
  const panel = hasPanel(canvas.columns, view);
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
  const free = canvas.columns - KEY_LINE.length - 1;
  if (parts.join("  ").length + 3 < free) {
    canvas.text(free, row, KEY_LINE, STYLE.dim);
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
  if (hasPanel(canvas.columns, view)) {
    const column = Math.min(scene.dots.width + 3, canvas.columns - PANEL + 2);
    drawPanel(canvas, column, frame, scene, facts.dark, view, depth);
  }
  bottom(canvas, frame, scene, facts, view);
  if (view.help) helpBox(canvas);
}
