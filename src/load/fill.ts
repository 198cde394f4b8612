/**
 * Pixels of a FITS image into a stream, in place, published once.
 * @module
 */

import { OpenFile } from "../../ffi/files.ts";
import {
  type Conversion,
  convertBytes,
  convertFile,
  convertTiles,
} from "../../ffi/convert.ts";
import type { FrameFacts } from "../../ffi/frame_facts.ts";
import type {
  FitsConversion,
  FitsFile,
  FitsImage,
  TileSource,
} from "../fits/mod.ts";
import type { Stream } from "../stream/stream.ts";
import type { DataType } from "../stream/types.ts";
import { castPixels } from "./cast.ts";

/** A conversion as the helper takes it. */
export function helperConversion(conversion: FitsConversion): Conversion {
  const stored = conversion.stored === "u8"
    ? "u8"
    : conversion.stored === "f32" || conversion.stored === "f64"
    ? conversion.stored
    : "integer";
  if (conversion.kind === "exact") {
    const { width, flipSign } = conversion;
    return { width, flipSign, stored };
  }
  const { width, scale, zero, blank, type } = conversion;
  return {
    width,
    flipSign: false,
    stored,
    scaled: {
      bytes: type === "f32" ? 4 : 8,
      scale,
      zero,
      ...blank === undefined ? {} : { blank },
    },
  };
}

/** Values that the helper counts: a complex pixel has two. */
function valuesOf(image: FitsImage, pixels: number): number {
  return pixels * (image.storedBytes / image.conversion.width);
}

/** Slice by slice, as they can only be read: gzip, sections, another type. */
async function fillSlices(
  stream: Stream,
  image: FitsImage,
  type: DataType,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { mapping } = stream;
  const conversion = helperConversion(image.conversion);
  const bytes = stream.layout.table.dataBytes / image.sliceCount;
  for (let k = 0; k < image.sliceCount; k++) {
    signal?.throwIfAborted();
    if (type === image.type) {
      const raw = await image.readRawSlice(k);
      const count = raw.byteLength / image.conversion.width;
      await convertBytes(mapping, k * bytes, raw, count, conversion);
    } else {
      const pixels = castPixels(await image.readSlice(k), type);
      mapping.store(
        mapping.pixelsAt(true) + k * bytes,
        new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength),
      );
    }
  }
}

/** Whether the pixels can go straight from the file into the stream. */
function isDirect(image: FitsImage, type: DataType): boolean {
  return image.mappable !== undefined && type === image.type;
}

/** The tiles that can go straight into the stream, and which of their pixels. */
function directTiles(
  image: FitsImage,
  type: DataType,
): { tiles: TileSource; from: number; pixels: number } | undefined {
  const { tiles, stored, conversion } = image;
  if (tiles === undefined || stored === undefined || type !== image.type) {
    return undefined;
  }
  const from = stored.offset / conversion.width;
  return { tiles, from, pixels: stored.byteLength / conversion.width };
}

/** Decodes tiles into the stream, a batch at a time. */
async function fillTiles(
  stream: Stream,
  image: FitsImage,
  { tiles, from, pixels }: NonNullable<ReturnType<typeof directTiles>>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const conversion = helperConversion(image.conversion);
  for await (const batch of tiles.batches(from, pixels)) {
    signal?.throwIfAborted();
    const failure = await convertTiles(stream.mapping, 0, batch, conversion);
    if (failure !== undefined) throw tiles.failure(failure);
  }
}

/**
 * Goes once through everything that can fail before a stream is touched:
 * the end of a gzip file, values that another type cannot hold.
 *
 * @param image The image; one slice at a time is held.
 * @param type The type that is wanted.
 * @param options `signal` ends it between two slices.
 */
export async function rehearse(
  image: FitsImage,
  type: DataType,
  options: Pick<FillOptions, "signal"> = {},
): Promise<void> {
  if (isDirect(image, type)) return;
  const direct = directTiles(image, type);
  if (direct !== undefined) {
    await direct.tiles.rehearse(direct.from, direct.pixels);
    return;
  }
  for (let k = 0; k < image.sliceCount; k++) {
    options.signal?.throwIfAborted();
    if (type === image.type) await image.readRawSlice(k);
    else castPixels(await image.readSlice(k), type);
  }
}

/** What else belongs to a frame from a file. */
export interface FillOptions {
  /** The open file, where somebody has it open: else it is opened again. */
  readonly source?: OpenFile;
  /** Acquisition time by the stream's clock, ns. Default: now. */
  readonly atimeNs?: bigint;
  /** Ends it between two slices, and before the frame is announced. */
  readonly signal?: AbortSignal;
  /** Runs when the pixels are in, before they are announced. */
  readonly beforePublish?: () => void;
  /** Runs where it failed, before readers may look again. */
  readonly onFailure?: () => void;
}

/**
 * Fills a stream with an image and publishes it as one frame.
 *
 * @param stream Of the image's size.
 * @param file The open file.
 * @param options What else belongs to the frame.
 * @throws {SystemError} `ENODATA` where the file became shorter meanwhile:
 * nothing is published then.
 */
export async function fillStream(
  stream: Stream,
  file: FitsFile,
  options: FillOptions = {},
): Promise<FrameFacts> {
  const { image } = file;
  const { mapping } = stream;
  const span = image.mappable;
  const direct = directTiles(image, stream.type);
  using open = new DisposableStack();
  const source = options.source ??
    open.use(OpenFile.open(file.path, { writable: false }));
  mapping.beginFrame();
  let done = false;
  try {
    if (span !== undefined && isDirect(image, stream.type)) {
      await convertFile(
        mapping,
        0,
        { file: source, at: span.offset },
        valuesOf(image, image.pixels),
        helperConversion(image.conversion),
      );
    } else if (direct !== undefined) {
      await fillTiles(stream, image, direct, options.signal);
    } else {
      await fillSlices(stream, image, stream.type, options.signal);
    }
    options.signal?.throwIfAborted();
    options.beforePublish?.();
    done = true;
  } finally {
    if (!done) {
      options.onFailure?.();
      mapping.abandonFrame();
    }
  }
  return mapping.endFrame(options.atimeNs);
}
