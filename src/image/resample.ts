/**
 * A picture of another size: fewer dots than pixels, or more.
 * @module
 */

/** How many pixels become one dot: their mean, one of them, the largest. */
export const RESAMPLINGS = ["mean", "nearest", "peak"] as const;

/** {@linkcode RESAMPLINGS}. */
export type Resampling = typeof RESAMPLINGS[number];

/** Numbers of an image: of 32 bits where these hold them exactly. */
export type Values = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Values in rows, y upwards; NaN is none. */
export interface Plane {
  /** The values, x fastest. */
  readonly values: Values;
  /** 1 where a pixel is saturated; `undefined` where none is. */
  readonly saturated: Uint8Array<ArrayBuffer> | undefined;
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** Where each of `to` dots begins among `from` pixels, and the end. */
function edges(from: number, to: number): Int32Array {
  return Int32Array.from(
    { length: to + 1 },
    (_, i) => Math.floor(i * from / to),
  );
}

/** One pixel for each dot: the one under its middle. */
function nearest(plane: Plane, width: number, height: number): Plane {
  const values = new Float64Array(width * height);
  const saturated = plane.saturated && new Uint8Array(width * height);
  const columns = Int32Array.from(
    { length: width },
    (_, u) => Math.floor((u + 0.5) * plane.width / width),
  );
  for (let v = 0; v < height; v++) {
    const row = Math.floor((v + 0.5) * plane.height / height) * plane.width;
    for (let u = 0; u < width; u++) {
      const at = row + (columns[u] ?? 0);
      values[v * width + u] = plane.values[at] ?? NaN;
      if (saturated) {
        saturated[v * width + u] = plane.saturated?.[at] ?? 0;
      }
    }
  }
  return { values, saturated, width, height };
}

/**
 * Brings a plane to another size.
 *
 * With `mean` and `peak` a dot over a pixel that is not a number is none
 * itself, and one over a saturated pixel counts as saturated: single bad
 * pixels stay visible, however small the picture.
 *
 * @param plane The pixels.
 * @param width Columns wanted.
 * @param height Rows wanted.
 * @param how What many pixels become; towards more dots it is `nearest`.
 */
export function resample(
  plane: Plane,
  width: number,
  height: number,
  how: Resampling = "mean",
): Plane {
  const larger = width >= plane.width && height >= plane.height;
  if (larger || how === "nearest") return nearest(plane, width, height);
  const wide = Math.min(width, plane.width);
  const high = Math.min(height, plane.height);
  const values = new Float64Array(wide * high);
  const saturated = plane.saturated && new Uint8Array(wide * high);
  const columns = edges(plane.width, wide);
  const rows = edges(plane.height, high);
  const from = plane.values;
  for (let v = 0; v < high; v++) {
    const y0 = rows[v] ?? 0;
    const y1 = rows[v + 1] ?? 0;
    for (let u = 0; u < wide; u++) {
      const x0 = columns[u] ?? 0;
      const x1 = columns[u + 1] ?? 0;
      let dot = how === "mean" ? 0 : -Infinity;
      let full = 0;
      for (let y = y0; y < y1; y++) {
        const end = y * plane.width + x1;
        for (let at = y * plane.width + x0; at < end; at++) {
          const value = from[at] as number;
          if (how === "mean") dot += value;
          else if (!(value <= dot)) dot = dot === dot ? value : dot;
          if (plane.saturated) full |= plane.saturated[at] ?? 0;
        }
      }
      const place = v * wide + u;
      values[place] = how === "mean" ? dot / ((y1 - y0) * (x1 - x0)) : dot;
      if (saturated) saturated[place] = full;
    }
  }
  const small = { values, saturated, width: wide, height: high };
  return wide === width && high === height
    ? small
    : nearest(small, width, height);
}
