/**
 * The stream that a recording is played into.
 * @module
 */

import { statFile } from "../../ffi/files.ts";
import { StreamExistsError } from "../stream/format.ts";
import type { Keyword } from "../stream/keywords.ts";
import { streamPlace } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
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
 * @throws {StreamExistsError} where one of another type or size is there.
 */
export function openReplayTarget(
  recording: Recording,
  target: ReplayTarget,
): Stream {
  const dir = target.dir === undefined ? {} : { dir: target.dir };
  const { path } = streamPlace(target.name, target.dir);
  const { size, type } = recording;
  const create = (existing: "refuse" | "replace"): Stream => {
    const keywords = recording.keywords() as readonly Keyword[];
    const made = Stream.create(target.name, {
      ...dir,
      size,
      type,
      existing,
      keywords: Math.max(KEYWORDS, keywords.length),
    });
    made.setKeywords(keywords);
    return made;
  };
  if (statFile(path) === undefined) return create("refuse");
  const there = Stream.open(target.name, { ...dir, writable: true });
  if (recording.fits(there)) return there;
  const found = `${there.size.join("x")} ${there.type}`;
  there.close();
  if (target.force) return create("replace");
  throw new StreamExistsError(
    path,
    ` as ${found}, the recording is ${size.join("x")} ${type}; --force ` +
      "replaces it",
  );
}
