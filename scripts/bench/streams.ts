/**
 * The streams that the bench writes and reads.
 * @module
 */

import { Stream } from "../../src/stream/stream.ts";

/** A frame size of the bench. */
export interface FrameSize {
  readonly label: string;
  readonly size: readonly number[];
}

/** Sizes by their name: all of f32. */
export const SIZES = {
  "10 kB": { label: "10 kB", size: [50, 50] },
  "20 kB": { label: "20 kB", size: [100, 50] },
  "1 MB": { label: "1 MB", size: [512, 512] },
  "32 MB": { label: "32 MB", size: [4096, 2048] },
} as const satisfies Record<string, FrameSize>;

/**
 * Makes an f32 stream with the keywords and semaphores that `shmim create`
 * gives, and closes it.
 *
 * @returns Its path.
 */
export function makeStream(
  dir: string,
  name: string,
  size: readonly number[],
  circularBuffer = 0,
): string {
  using stream = Stream.create(name, {
    dir,
    size,
    type: "f32",
    existing: "replace",
    circularBuffer,
  });
  // Touch every page, so that nobody pays for that later.
  stream.write(new Float32Array(size.reduce((n, axis) => n * axis, 1)));
  return stream.path;
}
