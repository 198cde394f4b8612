/**
 * The stream that a recording is played into.
 * @module
 */

import type { Keyword } from "../stream/keywords.ts";
import { streamPlace } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import { openOrMake } from "../stream/target.ts";
import { kindOf } from "../stream/types.ts";
import type { Recording } from "./recording.ts";

/** Keyword records of a new stream, at least. */
const KEYWORDS = 50;

/** Where to play. */
export interface ReplayTarget {
  /** Name or path. */
  name: string;
  /** Folder that names are looked for in. */
  dir?: string;
  /** Replace a stream of another type or size. */
  force?: boolean;
}

/**
 * Opens the stream to play into; makes it where it is missing, with the
 * keywords of the recording. Needs the permission to read and write the
 * stream's folder; ffi.
 *
 * @param recording What is to be played.
 * @param target Where to.
 * @returns The stream, open for writing.
 * @throws {StreamExistsError} where a link, or one of another type or size,
 * is there.
 */
export function openReplayTarget(
  recording: Recording,
  target: ReplayTarget,
): Stream {
  const { path } = streamPlace(target.name, target.dir);
  const { stream } = openOrMake({
    path,
    doing: "playing",
    linkHint: "give the name of the stream itself, or of a new one",
    comes: `the recording is ${kindOf(recording)}`,
    hint: "--force replaces it",
    replace: target.force,
    fits: (there) => recording.fits(there),
    make: (existing) => make(path, recording, existing),
  });
  return stream;
}

function make(
  path: string,
  recording: Recording,
  existing: "refuse" | "replace",
): Stream {
  const keywords = recording.keywords() as readonly Keyword[];
  const { size, type } = recording;
  const made = Stream.create(path, {
    size,
    type,
    existing,
    keywords: Math.max(KEYWORDS, keywords.length),
  });
  made.setKeywords(keywords);
  return made;
}
