/** Writes one image to a FITS file. @module */

import {
  type FitsImageData,
  type FitsWriteOptions,
  type FitsWriteReport,
  ImageWriter,
} from "./image_writer.ts";

/**
 * Writes an image to a FITS file. The file is written beside its target and
 * renamed, so that it appears whole. Needs the permission to read and write
 * the file's folder.
 *
 * @param path The file; one that exists is replaced.
 * @param image The pixels.
 * @param options What goes into the header.
 * @returns What was written, and which keywords did not make it.
 * @throws {RangeError} When size, type and bytes do not agree.
 * @throws {FitsError} In strict mode, when a keyword is cut or dropped.
 */
export async function writeFits(
  path: string,
  image: FitsImageData,
  options: FitsWriteOptions = {},
): Promise<FitsWriteReport> {
  const { type, size, data } = image;
  const writer = await ImageWriter.create(
    path,
    type,
    size,
    options.compression,
  );
  try {
    await writer.start(size, options);
    await writer.append(data);
    const report = await writer.seal(size, writer.content, options, []);
    return { ...report, frames: 1 };
  } finally {
    await writer.discard();
  }
}
