/**
 * The formats that there are.
 * @module
 */

import { dao } from "./dao.ts";
import type { Layout, StreamFormat } from "./format.ts";
import { imageStreamIo } from "./imagestreamio.ts";

/** The formats, in the order in which they are tried. */
export const FORMATS: readonly StreamFormat[] = [imageStreamIo, dao];

/** What `--format` and `format` take, by the format's own name. */
const NAMES: Readonly<Record<string, StreamFormat>> = {
  isio: imageStreamIo,
  dao,
};

/** Short name of a format for new streams. */
export type FormatName = "isio" | "dao";

/** The short names. */
export const FORMAT_NAMES: readonly FormatName[] = ["isio", "dao"];

/**
 * The format of a short name.
 *
 * @throws {RangeError} where there is none.
 */
export function formatNamed(name: FormatName): StreamFormat {
  const format = NAMES[name];
  if (format === undefined) {
    throw new RangeError(
      `Unknown format "${name}": use one of ${FORMAT_NAMES.join(", ")}`,
    );
  }
  return format;
}

/** The short name of the first format that a stream is not of. */
export function otherFormat(layout: Layout): FormatName {
  return FORMAT_NAMES.find((name) => NAMES[name]?.id !== layout.format) ??
    "isio";
}

/** The short name of a stream's format. */
export function formatName(layout: Layout): FormatName {
  return FORMAT_NAMES.find((name) => NAMES[name]?.id === layout.format) ??
    "isio";
}
