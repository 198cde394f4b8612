/**
 * The frame that is in a stream now, whole, with some patience.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import { lastWriter } from "./describe.ts";
import type { Frame } from "./frames.ts";
import type { Stream } from "./stream.ts";

/** A writer that does not pause, or holds its write flag up. */
export class FrameTornError extends Error {
  /** Name of the class. */
  override name = "FrameTornError";
}

/** The error for a frame that could not be copied whole. */
export function tornError(stream: Stream, frame: Frame): FrameTornError {
  return new FrameTornError(
    frame.stalled
      ? `The writer of "${stream.name}" (pid ` +
        `${lastWriter(stream) ?? "unknown"}) holds its write flag up: its ` +
        "frame is not whole"
      : `The writer of "${stream.name}" never pauses: no whole frame of it ` +
        "could be copied",
  );
}

const PATIENCE_MS = 1000;

/**
 * Copies the frame that is there, trying for a second.
 *
 * @param stream The stream.
 * @param slice One slice of a cube.
 * @throws {FrameTornError} where no whole frame could be had.
 */
export async function wholeFrame(
  stream: Stream,
  slice?: number,
): Promise<Frame> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const frame = stream.read(slice === undefined ? {} : { slice });
    if (!frame.torn) return frame;
    if (performance.now() > end) throw tornError(stream, frame);
    await pause(2);
  }
}
