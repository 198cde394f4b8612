/**
 * What files that shmim saved say beyond FITS: type and time of the frame.
 * @module
 */

import type { FitsHeader, FitsImage } from "../fits/mod.ts";
import type { DataType } from "../stream/types.ts";

/** The keyword by which a file from `shmim save` is known. */
const OWN_MARK = "SHMTYPE";

/** The type that a stream of this image has: f16 was saved as f32. */
export function naturalType(image: FitsImage): DataType {
  const saved = image.header.text(OWN_MARK);
  return saved === "f16" && image.type === "f32" ? "f16" : image.type;
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?$/;

/**
 * When a saved frame was taken, to the nanosecond.
 *
 * @param header The image's header.
 * @param offset Seconds by which the stream's clock is ahead of UTC.
 * @returns ns by the stream's clock; `undefined` where the file is not from
 * `shmim save`, or does not say.
 */
export function acquisitionTime(
  header: FitsHeader,
  offset: number,
): bigint | undefined {
  if (!header.has(OWN_MARK) || header.text("TIMESYS") !== "UTC") {
    return undefined;
  }
  const match = TIME.exec(header.text("DATE-OBS") ?? "");
  const ms = match === null ? NaN : Date.parse(`${match[1]}Z`);
  if (!Number.isFinite(ms)) return undefined;
  const fraction = BigInt((match?.[2] ?? "").padEnd(9, "0"));
  return BigInt(ms) * 1_000_000n + fraction + BigInt(offset) * 1_000_000_000n;
}
