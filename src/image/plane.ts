/**
 * A part of a frame as plain numbers: complex pixels as amplitudes, without
 * the dark, with a mark on those that are saturated.
 * @module
 */

import { type DataType, type PixelArray, TYPES } from "../stream/types.ts";
import type { Plane, Values } from "./resample.ts";

/** A rectangle of pixels. */
export interface Rect {
  /** First column. */
  readonly x: number;
  /** First row. */
  readonly y: number;
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** What is done to the pixels. */
export interface PlaneOptions {
  /** Subtracted; values of the whole image. */
  dark?: Float64Array | undefined;
  /** From here on a pixel is saturated. Default {@linkcode fullWell}. */
  saturation?: number | undefined;
}

const FULL_WELL: Partial<Record<DataType, number>> = {
  u8: 0xff,
  i8: 0x7f,
  u16: 0xffff,
  i16: 0x7fff,
  u32: 0xffff_ffff,
  i32: 0x7fff_ffff,
  u64: Number(2n ** 64n - 1n),
  i64: Number(2n ** 63n - 1n),
};

/** The largest value of an integer type; infinity for the others. */
export function fullWell(type: DataType): number {
  return FULL_WELL[type] ?? Infinity;
}

/** Types whose values 32 bits hold exactly: half the memory to go through. */
const SMALL: ReadonlySet<DataType> = new Set<DataType>([
  "u8",
  "i8",
  "u16",
  "i16",
  "f16",
  "f32",
]);

/** One pixel as a number: the amplitude where it is complex. */
function amplitude(pixels: PixelArray, at: number): number {
  return Math.hypot(Number(pixels[2 * at]), Number(pixels[2 * at + 1]));
}

/** Takes parts of frames, again and again into the same memory. */
export class PlaneTaker {
  #values: Values = new Float64Array(0);
  #saturated = new Uint8Array(0);

  /**
   * Takes a rectangle out of an image; valid until the next one is taken.
   *
   * @param pixels The first two axes of a frame.
   * @param type Their type.
   * @param columns Pixels in a row of the image.
   * @param rect Which of them.
   * @param options Dark and saturation.
   */
  take(
    pixels: PixelArray,
    type: DataType,
    columns: number,
    rect: Rect,
    options: PlaneOptions = {},
  ): Plane {
    const { width, height } = rect;
    const count = width * height;
    const { dark } = options;
    const Numbers = dark === undefined && SMALL.has(type)
      ? Float32Array
      : Float64Array;
    if (
      this.#values.length !== count || !(this.#values instanceof Numbers)
    ) {
      this.#values = new Numbers(count);
      this.#saturated = new Uint8Array(count);
    }
    const values = this.#values;
    const first = rect.x + rect.y * columns;
    for (let y = 0; y < height; y++) {
      const from = first + y * columns;
      copyRow(pixels, type, from, values, y * width, width);
    }
    const limit = options.saturation ?? fullWell(type);
    const full = this.#mark(limit);
    if (dark !== undefined) {
      for (let y = 0, at = 0; y < height; y++) {
        const row = first + y * columns;
        for (let x = 0; x < width; x++, at++) {
          values[at] = (values[at] as number) - (dark[row + x] as number);
        }
      }
    }
    return { values, saturated: full ? this.#saturated : undefined, ...rect };
  }

  /** Marks what is saturated; false where nothing is. */
  #mark(limit: number): boolean {
    const values = this.#values;
    let any = false;
    for (let i = 0; i < values.length && !any; i++) {
      any = (values[i] as number) >= limit;
    }
    if (any) {
      const marks = this.#saturated;
      for (let i = 0; i < values.length; i++) {
        marks[i] = (values[i] as number) >= limit ? 1 : 0;
      }
    }
    return any;
  }
}

function copyRow(
  pixels: PixelArray,
  type: DataType,
  from: number,
  values: Values,
  to: number,
  count: number,
): void {
  const { parts, big } = TYPES[type];
  if (parts === 2) {
    for (let i = 0; i < count; i++) {
      values[to + i] = amplitude(pixels, from + i);
    }
  } else if (big) {
    for (let i = 0; i < count; i++) values[to + i] = Number(pixels[from + i]);
  } else {
    values.set((pixels as Float64Array).subarray(from, from + count), to);
  }
}

/** A whole image as numbers of its own, for a dark. */
export function wholePlane(
  pixels: PixelArray,
  type: DataType,
): Float64Array {
  const values = new Float64Array(pixels.length / TYPES[type].parts);
  copyRow(pixels, type, 0, values, 0, values.length);
  return values;
}

/** One pixel as it is stored, exact: a complex one as `re+imi`. */
export function pixelText(
  pixels: PixelArray,
  type: DataType,
  at: number,
): string {
  const short = (value: number | bigint | undefined): string => {
    if (typeof value === "bigint" || Number.isInteger(value)) {
      return String(value);
    }
    const digits = type === "f64" || type === "c128" ? 12 : 7;
    return String(Number((value ?? NaN).toPrecision(digits)));
  };
  if (TYPES[type].parts === 1) return short(pixels[at]);
  const im = Number(pixels[2 * at + 1]);
  return `${short(pixels[2 * at])}${im < 0 ? "-" : "+"}${short(Math.abs(im))}i`;
}
