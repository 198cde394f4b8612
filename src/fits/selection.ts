/** Which pixels of an image are wanted: section, slice, flattened axes. @module */

import { FitsError } from "./errors.ts";
import type { FitsRange } from "./name.ts";

/** What is taken of one axis. */
export interface AxisSelection {
  /** The first pixel, counted from 0. */
  readonly first: number;
  /** How many pixels. */
  readonly count: number;
  /** The distance from one to the next; negative where reversed. */
  readonly step: number;
}

/** What is taken of an image, and what comes out. */
export interface Selection {
  /** The image's axes in the file, in pixels. */
  readonly axes: readonly number[];
  /** One entry for each of `axes`. */
  readonly taken: readonly AxisSelection[];
  /** The axes that come out, fastest first, without trailing ones. */
  readonly size: readonly number[];
}

/** How the axes beyond the second are brought down to one. */
export interface SelectionOptions {
  /** Ranges of the file's axes, counted from 1 as FITS does. */
  readonly section?: readonly FitsRange[];
  /** One 2-D slice, counted from 0 over all axes beyond the second. */
  readonly slice?: number;
  /** Whether all axes beyond the second become one. */
  readonly flatten?: boolean;
}

/** A stream has at most this many axes. */
const MAX_AXES = 3;

/** Applies one range to one axis. */
function takeRange(
  range: FitsRange | undefined,
  axis: number,
  number: number,
): AxisSelection {
  if (range === undefined) return { first: 0, count: axis, step: 1 };
  const { step } = range;
  const reversed = range.first === "-*";
  const first = range.first === "*" ? 1 : reversed ? axis : Number(range.first);
  const last = range.first === "*" ? axis : reversed ? 1 : range.last;
  if (first > axis || last > axis) {
    throw new FitsError(
      `section asks for pixel ${Math.max(first, last)} of axis ${number}, ` +
        `which has ${axis}`,
    );
  }
  const count = Math.floor(Math.abs(last - first) / step) + 1;
  return { first: first - 1, count, step: last < first ? -step : step };
}

/** Leaves out trailing axes of 1; one axis always stays. */
function withoutTrailingOnes(size: readonly number[]): number[] {
  const kept = [...size];
  while (kept.length > 1 && kept.at(-1) === 1) kept.pop();
  return kept;
}

/** Fixes the axes beyond the second at the slice with this number. */
function takeSlice(
  taken: readonly AxisSelection[],
  slice: number,
): AxisSelection[] {
  const slices = sliceCount(taken);
  if (!Number.isInteger(slice) || slice < 0 || slice >= slices) {
    throw new FitsError(
      `slice ${slice} is asked for, the image has 0 to ${slices - 1}`,
    );
  }
  let rest = slice;
  return taken.map((axis, i) => {
    if (i < 2) return axis;
    const at = rest % axis.count;
    rest = Math.floor(rest / axis.count);
    return { first: axis.first + at * axis.step, count: 1, step: 1 };
  });
}

/**
 * How many 2-D slices a selection has.
 *
 * @param taken What is taken of each axis.
 * @returns The product of the counts beyond the second axis.
 */
export function sliceCount(taken: readonly AxisSelection[]): number {
  return taken.slice(2).reduce((all, axis) => all * axis.count, 1);
}

/**
 * Applies section, slice and flatten to an image's axes.
 *
 * @param axes The axes in the file, fastest first; none is 0.
 * @param options What is asked for.
 * @returns What is taken and the size that comes out.
 * @throws {FitsError} When more than three axes are left over, or a range or
 * slice lies outside.
 */
export function select(
  axes: readonly number[],
  options: SelectionOptions,
): Selection {
  const { section } = options;
  if (section !== undefined && section.length !== axes.length) {
    const spare = axes.slice(section.length);
    if (section.length > axes.length || spare.some((axis) => axis !== 1)) {
      throw new FitsError(
        `section has ${section.length} axes, the image has ${axes.length} ` +
          `(${axes.join("x")})`,
      );
    }
  }
  let taken = axes.map((axis, i) => takeRange(section?.[i], axis, i + 1));
  if (options.slice !== undefined) taken = takeSlice(taken, options.slice);
  let size = withoutTrailingOnes(taken.map((axis) => axis.count));
  if (options.flatten === true && size.length > MAX_AXES) {
    size = [...size.slice(0, 2), sliceCount(taken)];
  }
  if (size.length > MAX_AXES) {
    throw new FitsError(
      `image has ${size.length} axes (${size.join("x")}), a stream has at ` +
        `most ${MAX_AXES}: choose a 2-D slice with --slice, or merge the ` +
        "axes beyond the second with --flatten",
    );
  }
  return { axes, taken, size };
}

/** A run of pixels in the file. */
export interface PixelRun {
  /** The first pixel, counted from 0. */
  readonly first: number;
  /** How many. */
  readonly count: number;
}

/** The number of the pixel that a selection starts with. */
function firstPixel(selection: Selection): number {
  let stride = 1;
  let first = 0;
  selection.taken.forEach((axis, i) => {
    first += axis.first * stride;
    stride *= selection.axes[i] ?? 1;
  });
  return first;
}

/**
 * The one run of pixels that a selection is, if it is one.
 *
 * @param selection A selection.
 * @returns The run, or undefined when the pixels do not lie together.
 */
export function contiguousRun(selection: Selection): PixelRun | undefined {
  let count = 1;
  let broken = false;
  for (const [i, axis] of selection.taken.entries()) {
    if (broken && axis.count > 1) return undefined;
    if (axis.count > 1 && axis.step !== 1) return undefined;
    count *= axis.count;
    if (axis.count !== selection.axes[i]) broken = true;
  }
  return { first: firstPixel(selection), count };
}

/** How one 2-D slice is gathered from the file. */
export interface SlicePlan {
  /** The run of pixels that holds all of the slice. */
  readonly run: PixelRun;
  /** The pixel within the run that comes first. */
  readonly start: number;
  /** The pixels from one in a row to the next; negative where reversed. */
  readonly columnStep: number;
  /** The pixels from one row to the next; negative where reversed. */
  readonly rowStep: number;
  /** Pixels in a row. */
  readonly columns: number;
  /** Rows. */
  readonly rows: number;
}

/**
 * Plans the reading of one 2-D slice.
 *
 * @param selection A selection.
 * @param slice The slice's number, counted from 0.
 * @returns The run to read and how to gather the pixels from it.
 * @throws {FitsError} When there is no such slice.
 */
export function planSlice(selection: Selection, slice: number): SlicePlan {
  const taken = takeSlice(selection.taken, slice);
  const one = { first: 0, count: 1, step: 1 };
  const [x = one, y = one] = taken;
  const width = selection.axes[0] ?? 1;
  const origin = firstPixel({ ...selection, taken });
  const reachX = (x.count - 1) * x.step;
  const reachY = (y.count - 1) * y.step * width;
  const first = origin + Math.min(0, reachX) + Math.min(0, reachY);
  return {
    run: { first, count: Math.abs(reachX) + Math.abs(reachY) + 1 },
    start: origin - first,
    columnStep: x.step,
    rowStep: y.step * width,
    columns: x.count,
    rows: y.count,
  };
}
