/**
 * What is to be seen of one frame: dots with shades, cuts, statistics. All
 * that costs time is done here, once for each frame.
 * @module
 */

import type { ColorDepth } from "../image/canvas.ts";
import { colorMap } from "../image/colormap.ts";
import {
  type Cuts,
  findCuts,
  sampleSorted,
  stretch,
  toShades,
} from "../image/levels.ts";
import { dotsOf, type Extent } from "../image/picture.ts";
import { PlaneTaker, type Rect } from "../image/plane.ts";
import { type Plane, resample } from "../image/resample.ts";
import { type PixelStatistics, pixelStatistics } from "../image/stats.ts";
import type { Frame } from "../stream/frames.ts";
import type { View } from "./view.ts";

/** Statistics of the part that is shown. */
export interface ShownStatistics extends PixelStatistics {
  /** Pixels that are saturated. */
  readonly saturated: number;
}

/** A frame, ready to be drawn. */
export interface Scene {
  /** The pixels that are shown. */
  readonly rect: Rect;
  /** Dots of the picture. */
  readonly dots: Extent;
  /** A shade for each dot. */
  readonly shades: Uint16Array;
  /** Values of the first and the last shade. */
  readonly cuts: Cuts;
  /** Statistics. */
  readonly statistics: ShownStatistics;
  /** Some of the values, sorted. */
  readonly sample: Float64Array;
  /** The dot under the cursor. */
  readonly marked: number | undefined;
}

/** What the pixels go through first. */
export interface Preparation {
  /** Subtracted. */
  readonly dark: Float64Array | undefined;
  /** From here on a pixel is saturated. */
  readonly saturation: number | undefined;
}

const taker = new PlaneTaker();

/** The part of a frame that is shown, as numbers, and their statistics. */
export function measure(
  frame: Frame,
  rect: Rect,
  preparation: Preparation,
): { plane: Plane; statistics: ShownStatistics } {
  const columns = frame.size[0] ?? 1;
  const plane = taker.take(
    frame.pixels,
    frame.type,
    columns,
    rect,
    preparation,
  );
  const saturated = plane.saturated?.reduce((sum, one) => sum + one, 0) ?? 0;
  return {
    plane,
    statistics: { ...pixelStatistics(plane.values), saturated },
  };
}

function markedDot(view: View, rect: Rect, dots: Extent): number | undefined {
  if (view.cursor === undefined) return undefined;
  const u = Math.floor(
    (view.cursor.x - rect.x + 0.5) * dots.width / rect.width,
  );
  const v = Math.floor(
    (view.cursor.y - rect.y + 0.5) * dots.height / rect.height,
  );
  return v * dots.width + u;
}

/**
 * Makes a frame ready.
 *
 * @param frame The frame, or a slice of a cube.
 * @param view How to look at it.
 * @param room Characters for the picture.
 * @param depth What the terminal can show.
 * @param preparation Dark and saturation.
 */
export function makeScene(
  frame: Frame,
  view: View,
  room: Extent,
  depth: ColorDepth,
  preparation: Preparation,
): Scene {
  const { rect, scale } = view.frame(room);
  const { plane, statistics } = measure(frame, rect, preparation);
  const dots = dotsOf(rect, scale, depth, room);
  const small = resample(plane, dots.width, dots.height, view.resampling);
  const sample = sampleSorted(plane.values);
  const { diverging } = colorMap(view.map);
  const range = {
    low: Number(statistics.min ?? NaN),
    high: Number(statistics.max ?? NaN),
  };
  const cuts = findCuts(view.rule, range, sample, diverging);
  const place = stretch(cuts, view.log, diverging);
  return {
    rect,
    dots,
    shades: toShades(small.values, small.saturated, place),
    cuts,
    statistics,
    sample,
    marked: markedDot(view, rect, dots),
  };
}
