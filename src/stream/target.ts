/**
 * Opens or makes the stream that something is written into: what fits is used
 * in place, so that its readers go on.
 * @module
 */

import { StreamExistsError, StreamNotFoundError } from "./format.ts";
import { requireNoLink } from "./reading_link.ts";
import { Stream } from "./stream.ts";
import type { OpenOptions } from "./stream_options.ts";
import { kindOf } from "./types.ts";

/** What is to be written into, and what is to be put there. */
export interface Target {
  /** The stream's file. */
  readonly path: string;
  /** How it is opened, where it is there. */
  readonly open?: Omit<OpenOptions, "dir" | "writable">;
  /** What is about to be done, such as `copying`. */
  readonly doing: string;
  /** What to do where a link is in the way. */
  readonly linkHint?: string;
  /** What comes, such as `the source is 4x3 u16`. */
  readonly comes: string;
  /** The option that replaces another one, and what it does. */
  readonly hint: string;
  /** Another one gives its name to a new one. */
  readonly replace: boolean | undefined;
  /** Whether what is there will do. */
  fits(there: Stream): boolean;
  /** Makes it. */
  make(existing: "refuse" | "replace"): Stream;
}

/**
 * Opens what is there, or makes it.
 *
 * @returns The stream, open for writing, and whether it was there.
 * @throws {StreamExistsError} where a link, or one that does not fit, is in
 * the way.
 */
export function openOrMake(
  target: Target,
): { stream: Stream; there: boolean } {
  const { path, replace } = target;
  requireNoLink(path, target.doing, target.linkHint);
  const made = () => ({
    stream: target.make(replace ? "replace" : "refuse"),
    there: false,
  });
  let stream: Stream;
  try {
    stream = Stream.open(path, { ...target.open, writable: true });
  } catch (error) {
    if (error instanceof StreamNotFoundError || replace) return made();
    throw error;
  }
  if (target.fits(stream)) return { stream, there: true };
  const found = kindOf(stream);
  stream.close();
  if (replace) return made();
  throw new StreamExistsError(
    path,
    ` as ${found}, ${target.comes}; ${target.hint}`,
  );
}
