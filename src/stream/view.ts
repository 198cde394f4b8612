/** The pixels of a stream where they lie. @module */

import type { Mapping } from "../../ffi/mapping.ts";
import type { Layout } from "./format.ts";
import { type PixelArray, pixelsOf, TYPES } from "./types.ts";

/**
 * The pixels themselves, without a copy.
 *
 * @throws {RangeError} where they lie where no array of their type can begin.
 */
export function viewPixels(
  { name, layout: { type, table }, mapping }: {
    readonly name: string;
    readonly layout: Layout;
    readonly mapping: Mapping;
  },
): PixelArray {
  const at = mapping.pixelsAt();
  const { bytes, parts } = TYPES[type];
  if (at % (bytes / parts) !== 0) {
    throw new RangeError(
      `Stream "${name}" has its pixels where no array of ${type} can begin: ` +
        "they can only be copied",
    );
  }
  return pixelsOf(type, new Uint8Array(mapping.view(at, table.dataBytes)));
}
