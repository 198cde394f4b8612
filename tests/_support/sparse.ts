/** Streams of more bytes than a test may write: files with holes. @module */

import { fixtureBytes, member } from "./fixtures.ts";
import { reportSkip } from "./skip.ts";

/** Length of both axes of a slice. */
export const SIDE = 1024;

const HEADER_BYTES = 384;
/** A `u8` stream of 7 pixels, which take 8 bytes: what is around them. */
const SMALL = "isio/u8_1d_7.im.shm";
const SMALL_PIXEL_BYTES = 8;

const at = (name: string): number => member(name).offset;

/**
 * Makes a cube of `u8` whose file holds a header, the first pixel (11), the
 * last (99), and what comes behind the pixels.
 *
 * @param path The file.
 * @param slices Its third axis: a slice has a MiB.
 * @param imageType ImageStreamIO's bits; 1 says that slices come one by one.
 * @returns Its pixels; `undefined`, with the reason printed, where no file can
 * be so long.
 */
export function sparseStream(
  path: string,
  slices: number,
  imageType = 2n,
): number | undefined {
  const bytes = fixtureBytes(SMALL);
  const view = new DataView(bytes.buffer);
  const pixels = SIDE * SIDE * slices;
  view.setUint8(at("naxis"), 3);
  [SIDE, SIDE, slices].forEach((axis, i) =>
    view.setUint32(at("size") + 4 * i, axis, true)
  );
  view.setBigUint64(at("nelement"), BigInt(pixels), true);
  view.setBigUint64(at("imdatamemsize"), BigInt(pixels), true);
  view.setBigUint64(at("imagetype"), imageType, true);
  const behind = bytes.subarray(HEADER_BYTES + SMALL_PIXEL_BYTES);
  using file = Deno.openSync(path, { write: true, createNew: true });
  const put = (offset: number, some: Uint8Array): void => {
    file.seekSync(offset, Deno.SeekMode.Start);
    file.writeSync(some);
  };
  const end = HEADER_BYTES + pixels;
  try {
    put(0, bytes.subarray(0, HEADER_BYTES));
    put(HEADER_BYTES, Uint8Array.of(11));
    put(end - 1, Uint8Array.of(99));
    put(end, behind);
  } catch (error) {
    reportSkip(`a stream of ${pixels} bytes`, `no such file here: ${error}`);
    return undefined;
  }
  return pixels;
}
