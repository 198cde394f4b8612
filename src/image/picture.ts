/**
 * A picture in characters: two dots in each, one above the other, where there
 * is colour; one dot, as a letter that is more or less dark, where not.
 * @module
 */

import type { PixelArray } from "../stream/types.ts";
import { Canvas, type ColorDepth, DEFAULT, Pen } from "./canvas.ts";
import { type ColorMap, colorMap, SHADES } from "./colormap.ts";
import {
  BAD,
  findCuts,
  FULL,
  sampleSorted,
  stretch,
  toShades,
} from "./levels.ts";
import { resample } from "./resample.ts";
import { pixelStatistics } from "./stats.ts";

/** Width and height of something. */
export interface Extent {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** How to draw. */
export interface PictureOptions {
  /** Columns at most. */
  columns: number;
  /** Rows at most. */
  rows: number;
  /** What the terminal can show. */
  depth: ColorDepth;
}

const UPPER_HALF = 0x2580;
/** Shades as letters, dark to bright. */
const RAMP = " .:-=+*#%@";

/** Dots that one character holds from top to bottom. */
export function dotsPerRow(depth: ColorDepth): 1 | 2 {
  return depth === "none" ? 1 : 2;
}

/**
 * Dots of half a character's height for each pixel, so that an image fits; a
 * whole number where there is more than one.
 *
 * @param image Pixels.
 * @param room Characters.
 * @param zoom Larger than what fits by so much.
 */
export function fitScale(image: Extent, room: Extent, zoom = 1): number {
  const fit = Math.min(
    room.width / image.width,
    2 * room.height / image.height,
  );
  const whole = fit >= 1 ? Math.floor(fit) : fit;
  const scale = whole * zoom;
  return scale >= 1 ? Math.round(scale) : scale;
}

/** Dots of a picture of so many pixels; a single row becomes a band. */
export function dotsOf(
  pixels: Extent,
  scale: number,
  depth: ColorDepth,
  room: Extent,
): Extent {
  const per = dotsPerRow(depth);
  const width = Math.max(1, Math.floor(pixels.width * scale));
  const high = pixels.height === 1
    ? Math.max(2, Math.round(width / 8))
    : pixels.height * scale;
  return {
    width: Math.min(width, room.width),
    height: Math.min(
      Math.max(1, Math.floor(high * per / 2)),
      room.height * per,
    ),
  };
}

/** A colour of a shade. */
export function shadeColor(map: ColorMap, shade: number): number {
  if (shade === BAD) return map.bad;
  return shade === FULL ? map.saturated : map.colors[shade] ?? 0;
}

function letter(shade: number): number {
  if (shade === BAD) return 0x3f; // ?
  if (shade === FULL) return 0x21; // !
  return RAMP.charCodeAt(Math.floor(shade * RAMP.length / SHADES));
}

/** Where and how dots go on a canvas. */
export interface Place {
  /** First column. */
  readonly column: number;
  /** First row. */
  readonly row: number;
  /** Colours. */
  readonly map: ColorMap;
  /** What the terminal can show. */
  readonly depth: ColorDepth;
  /** Whether the image's first row is on top. */
  readonly topDown: boolean;
  /** A dot to be marked, by its number. */
  readonly marked?: number | undefined;
}

/**
 * Puts dots on a canvas.
 *
 * @param canvas The canvas.
 * @param shades A shade for each dot, the image's first row first.
 * @param size Dots.
 * @param place Where and how.
 */
export function paint(
  canvas: Canvas,
  shades: Uint16Array,
  { width, height }: Extent,
  place: Place,
): void {
  const { map, depth, topDown, marked } = place;
  const per = dotsPerRow(depth);
  const index = (line: number): number =>
    (topDown ? line : height - 1 - line) * width;
  for (let line = 0; line < height; line += per) {
    const top = index(line);
    const bottom = line + 1 < height ? index(line + 1) : undefined;
    const row = place.row + line / per;
    for (let u = 0; u < width; u++) {
      const column = place.column + u;
      const upper = shades[top + u] ?? BAD;
      if (per === 1) {
        const glyph = marked === top + u ? 0x58 : letter(upper);
        canvas.put(column, row, glyph);
        continue;
      }
      const front = marked === top + u ? map.cursor : shadeColor(map, upper);
      const back = bottom === undefined
        ? DEFAULT
        : marked === bottom + u
        ? map.cursor
        : shadeColor(map, shades[bottom + u] ?? BAD);
      canvas.put(column, row, UPPER_HALF, front, back);
    }
  }
}

/**
 * Draws an image, y upwards as astronomers have it.
 *
 * @param pixels The first two axes of a real-valued frame.
 * @param size Axes, fastest first.
 * @returns Lines for the terminal.
 */
export function drawPicture(
  pixels: PixelArray,
  size: readonly number[],
  { columns, rows, depth }: PictureOptions,
): string[] {
  const [width = 1, height = 1] = size;
  const room = { width: columns, height: rows };
  const scale = fitScale({ width, height }, room);
  const dots = dotsOf({ width, height }, scale, depth, room);
  const values = Float64Array.from(
    { length: width * height },
    (_, i) => Number(pixels[i]),
  );
  const plane = { values, saturated: undefined, width, height };
  const small = resample(plane, dots.width, dots.height);
  const { min, max } = pixelStatistics(small.values);
  const cuts = findCuts(
    { kind: "percentile", percent: 100 },
    { low: Number(min ?? NaN), high: Number(max ?? NaN) },
    sampleSorted(small.values),
  );
  const shades = toShades(small.values, undefined, stretch(cuts));
  const lines = Math.ceil(dots.height / dotsPerRow(depth));
  const canvas = new Canvas(dots.width, lines);
  paint(canvas, shades, dots, {
    column: 0,
    row: 0,
    map: colorMap("viridis"),
    depth,
    topDown: false,
  });
  return new Pen(depth).lines(canvas);
}
