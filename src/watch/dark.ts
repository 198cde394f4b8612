/**
 * Darks: images that are subtracted, from a stream, a FITS or a .npy file.
 * @module
 */

import { decodeTiles } from "../../ffi/tiles.ts";
import { CommandError } from "../cli/errors.ts";
import { FitsFile, parseFitsName } from "../fits/mod.ts";
import { readNpy } from "../image/npy.ts";
import { wholePlane } from "../image/plane.ts";
import type { Frame } from "../stream/frames.ts";
import { Stream } from "../stream/stream.ts";
import { pixelsOf } from "../stream/types.ts";

/** An image to subtract. */
export interface Dark {
  /** Where it is from. */
  readonly name: string;
  /** Axes, fastest first. */
  readonly size: readonly number[];
  /** Its pixels. */
  readonly values: Float64Array;
}

const FITS = /\.(fits?|fts)(\.[fg]z)?(\[[^[\]]*\])*$/i;
const NPY = /\.npy$/i;

/** The file that a dark's name means; `undefined` where it is a stream's. */
export function darkFile(name: string): string | undefined {
  if (NPY.test(name)) return name;
  return FITS.test(name) ? parseFitsName(name).path : undefined;
}

async function readDark(
  name: string,
  options: { dir?: string },
): Promise<Omit<Dark, "name">> {
  if (NPY.test(name)) {
    const { type, size, bytes } = readNpy(await Deno.readFile(name));
    return { size, values: wholePlane(pixelsOf(type, bytes), type) };
  }
  if (FITS.test(name)) {
    using file = await FitsFile.open(name, { tiles: decodeTiles });
    const { image } = file;
    const pixels = await image.read();
    return { size: image.size, values: wholePlane(pixels, image.type) };
  }
  using stream = Stream.open(name, { ...options, writable: false });
  const { pixels, size, type } = stream.read();
  return { size, values: wholePlane(pixels, type) };
}

/**
 * Reads a dark.
 *
 * @param name A FITS or .npy file by its ending, else a stream.
 * @param options The folder of streams.
 * @throws {CommandError} saying which dark, and what is wrong with it.
 */
export async function loadDark(
  name: string,
  options: { dir?: string },
): Promise<Dark> {
  try {
    return { name, ...await readDark(name, options) };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new CommandError(
      `Cannot use "${name}" as a dark: ${(error as Error).message}`,
    );
  }
}

/** The image that is shown, as the dark of those to come. */
export function takeDark(frame: Frame): Dark {
  return {
    name: `cnt0 ${frame.cnt0}`,
    size: frame.size.slice(0, 2),
    values: wholePlane(frame.pixels, frame.type),
  };
}

function axes(size: readonly number[]): string {
  const [x = 1, y = 1, z = 1] = size;
  return `${x}x${y}x${z}`;
}

/**
 * The part of a dark that belongs to a slice.
 *
 * @param dark An image of the same size, or a cube of it.
 * @param size The stream's axes.
 * @param slice The slice of a cube.
 * @returns `undefined` where the sizes differ.
 */
export function darkOf(
  dark: Dark,
  size: readonly number[],
  slice: number | undefined,
): Float64Array | undefined {
  const image = size.slice(0, 2);
  if (axes(dark.size) === axes(image)) return dark.values;
  if (axes(dark.size) !== axes(size)) return undefined;
  const count = image.reduce((product, axis) => product * axis, 1);
  const first = (slice ?? 0) * count;
  return dark.values.subarray(first, first + count);
}

/** Why a dark does not go with a stream. */
export function darkMismatch(dark: Dark, stream: Stream): string {
  return `The dark "${dark.name}" is ${dark.size.join("x")}, stream ` +
    `"${stream.name}" is ${stream.size.join("x")}`;
}
