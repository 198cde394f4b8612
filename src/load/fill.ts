/**
 * Pixels of a FITS image into a stream, in place, published once.
 * @module
 */

import { OpenFile } from "../../ffi/files.ts";
import type { Conversion, FrameFacts } from "../../ffi/mapping.ts";
import type { FitsConversion, FitsFile, FitsImage } from "../fits/mod.ts";
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
): Promise<void> {
  const { mapping } = stream;
  const conversion = helperConversion(image.conversion);
  const bytes = stream.layout.table.dataBytes / image.sliceCount;
  for (let k = 0; k < image.sliceCount; k++) {
    const raw = await image.readRawSlice(k);
    if (type === image.type) {
      const count = raw.byteLength / image.conversion.width;
      await mapping.convertBytes(k * bytes, raw, count, conversion);
    } else {
      const pixels = castPixels(await image.readSlice(k), type);
      mapping.store(
        stream.layout.table.data + k * bytes,
        new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength),
      );
    }
  }
}

/**
 * Goes once through everything that can fail before a stream is touched:
 * the end of a gzip file, values that another type cannot hold.
 *
 * @param image The image; one slice at a time is held.
 * @param type The type that is wanted.
 */
export async function rehearse(
  image: FitsImage,
  type: DataType,
): Promise<void> {
  if (image.mappable !== undefined && type === image.type) return;
  for (let k = 0; k < image.sliceCount; k++) {
    if (type === image.type) await image.readRawSlice(k);
    else castPixels(await image.readSlice(k), type);
  }
}

/**
 * Fills a stream with an image and publishes it as one frame.
 *
 * @param stream Of the image's size.
 * @param file The open file.
 * @param beforePublish Runs when the pixels are in, before they are announced.
 * @throws {SystemError} `ENODATA` where the file became shorter meanwhile:
 * nothing is published then, but the pixels may be mixed.
 */
export async function fillStream(
  stream: Stream,
  file: FitsFile,
  beforePublish: () => void = () => {},
): Promise<FrameFacts> {
  const { image } = file;
  const { mapping } = stream;
  const span = image.mappable;
  mapping.beginFrame();
  let done = false;
  try {
    if (span !== undefined && stream.type === image.type) {
      using source = OpenFile.open(file.path, { writable: false });
      await mapping.convertFile(
        0,
        { file: source, at: span.offset },
        valuesOf(image, image.pixels),
        helperConversion(image.conversion),
      );
    } else {
      await fillSlices(stream, image, stream.type);
    }
    beforePublish();
    done = true;
  } finally {
    if (!done) mapping.abandonFrame();
  }
  return mapping.endFrame();
}
