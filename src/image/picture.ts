/**
 * A frame as a picture in the terminal: two pixels in each character.
 * @module
 */

import type { PixelArray } from "../stream/types.ts";

/** How to draw. */
export interface PictureOptions {
  /** Columns at most. */
  columns: number;
  /** Rows at most. */
  rows: number;
  /** 24-bit colour; without it shades of characters. */
  color: boolean;
}

/** Viridis at eight places, between which colours are mixed. */
const VIRIDIS: readonly (readonly [number, number, number])[] = [
  [68, 1, 84],
  [70, 50, 127],
  [54, 92, 141],
  [39, 127, 142],
  [31, 161, 135],
  [74, 194, 109],
  [159, 218, 58],
  [253, 231, 37],
];
const RAMP = " .:-=+*#%@";

function colour(shade: number): string {
  const place = Math.min(0.999999, Math.max(0, shade)) * (VIRIDIS.length - 1);
  const i = Math.floor(place);
  const low = VIRIDIS[i] ?? [0, 0, 0];
  const high = VIRIDIS[i + 1] ?? low;
  return low.map((value, k) =>
    Math.round(value + ((high[k] ?? 0) - value) * (place - i))
  ).join(";");
}

/** Mean of the pixels under one dot of the picture, as a shade 0 to 1. */
function shades(
  pixels: PixelArray,
  nx: number,
  ny: number,
  width: number,
  height: number,
): Float64Array {
  const dots = new Float64Array(width * height);
  let min = Infinity;
  let max = -Infinity;
  for (let v = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      let sum = 0;
      let count = 0;
      const x1 = Math.max(Math.ceil((u + 1) * nx / width), 1);
      const y1 = Math.max(Math.ceil((v + 1) * ny / height), 1);
      for (let y = Math.floor(v * ny / height); y < y1; y++) {
        for (let x = Math.floor(u * nx / width); x < x1; x++) {
          const value = Number(pixels[x + nx * y]);
          if (!Number.isFinite(value)) continue;
          sum += value;
          count++;
        }
      }
      const mean = count > 0 ? sum / count : NaN;
      dots[u + width * v] = mean;
      if (mean < min) min = mean;
      if (mean > max) max = mean;
    }
  }
  const span = max > min ? max - min : 1;
  return dots.map((mean) => (Number.isNaN(mean) ? 0 : (mean - min) / span));
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
  options: PictureOptions,
): string[] {
  const [nx = 1, ny = 1] = size;
  const scale = Math.min(
    options.columns / nx,
    2 * options.rows / ny,
    options.columns > nx ? Math.max(1, Math.floor(options.columns / nx)) : 1,
  );
  const width = Math.max(1, Math.floor(nx * scale));
  const height = Math.max(1, Math.floor(ny * scale));
  const dots = shades(pixels, nx, ny, width, height);
  const dot = (u: number, v: number): number =>
    v >= 0 ? dots[u + width * v] ?? 0 : 0;
  const lines: string[] = [];
  for (let v = height - 1; v >= 0; v -= 2) {
    let line = "";
    for (let u = 0; u < width; u++) {
      const top = dot(u, v);
      const bottom = dot(u, v - 1);
      line += options.color
        ? `\x1b[38;2;${colour(top)}m\x1b[48;2;${colour(bottom)}m▀`
        : RAMP[Math.round((top + bottom) / 2 * (RAMP.length - 1))];
    }
    lines.push(options.color ? `${line}\x1b[0m` : line.trimEnd());
  }
  return lines;
}
