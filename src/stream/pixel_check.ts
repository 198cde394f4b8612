/**
 * Pixels that are to be stored, held against the stream.
 * @module
 */

import type { Layout } from "./format.ts";
import { type DataType, type PixelArray, TYPES } from "./types.ts";

/** What a caller gives: an array of the stream's type, or its bytes. */
export type Pixels = PixelArray | Uint8Array<ArrayBuffer>;

/** Makes the arrays of a type. */
export type ArrayType = new (length: number) => PixelArray;

/** Made once: a part of the way of every frame. */
const ARRAY_TYPES = Object.fromEntries(
  Object.values(TYPES).map(({ name, array }) =>
    [name, array(new ArrayBuffer(0), 0, 0).constructor] as const
  ),
) as Record<DataType, ArrayType>;

/** The array that holds pixels of a type. */
export function arrayTypeOf(type: DataType): ArrayType {
  return ARRAY_TYPES[type];
}

/** What of a stream pixels depend on. */
interface Held {
  readonly name: string;
  readonly layout: Layout;
}

/**
 * Where a slice lies in a frame; without one, the whole frame.
 *
 * @throws {RangeError} where there is no such slice.
 */
export function sliceRange(
  { name, layout }: Held,
  slice: number | undefined,
): { offset: number; bytes: number } {
  const { sliceBytes, slices, dataBytes } = layout.table;
  if (slice === undefined) return { offset: 0, bytes: dataBytes };
  requireSlice(name, slices, slice);
  return { offset: slice * sliceBytes, bytes: sliceBytes };
}

/** Refuses a slice that there is not. */
export function requireSlice(
  name: string,
  slices: number,
  slice: number,
): void {
  if (Number.isInteger(slice) && slice >= 0 && slice < slices) return;
  throw new RangeError(
    `Stream "${name}" has ${slices} slices, there is no slice ${slice}`,
  );
}

/** Refuses an array of another type. */
export function requireType({ name, layout }: Held, pixels: Pixels): void {
  if (
    pixels instanceof Uint8Array || pixels instanceof arrayTypeOf(layout.type)
  ) return;
  throw new TypeError(
    `Stream "${name}" holds ${layout.type}, not ${pixels.constructor.name}`,
  );
}

/** The error for what is no frame. */
export function noFrame({ name, layout }: Held, pixels: Pixels): RangeError {
  return new RangeError(
    `A frame of "${name}" is ${layout.table.dataBytes} bytes of ` +
      `${arrayTypeOf(layout.type).name}, not ${pixels.byteLength} of ` +
      pixels.constructor.name,
  );
}

/** Its bytes, without a copy. */
export function bytesOf(pixels: Pixels): Uint8Array<ArrayBuffer> {
  return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
}
