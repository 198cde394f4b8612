/**
 * Links that are not to be written through. Those for reading: one whose target is spelt `FOLDER/./NAME` leads to the
 * same stream, but says that nobody is to write through it. The kernel does
 * not mind; this library refuses. And all, where a program makes, or begins to
 * fill, a stream by its name: its user may not know that it is a link.
 * @module
 */

import { basename, dirname } from "@std/path";
import { readLink, statFile } from "../../ffi/files.ts";
import { StreamExistsError } from "./format.ts";

const MARKED = /\/\.\/[^/]+$/;

/** A stream behind a link that is for reading. */
export class StreamForReadingError extends Error {
  /** Name of the class. */
  override name = "StreamForReadingError";

  /**
   * Makes the error.
   *
   * @param path The link.
   */
  constructor(path: string) {
    super(
      `"${path}" is mounted for reading: "shmim mount PARTITION:STREAM ` +
        '--write" asks its owner for more',
    );
  }
}

function isLink(path: string): boolean {
  return statFile(path, { follow: false })?.kind === "link";
}

/** The target of a link for reading. */
export function forReading(path: string): string {
  return `${dirname(path)}/./${basename(path)}`;
}

/**
 * Refuses where a stream is not to be written.
 *
 * @throws {StreamForReadingError} where its path is a link for reading.
 */
export function requireForWriting(path: string): void {
  if (isLink(path) && MARKED.test(readLink(path))) {
    throw new StreamForReadingError(path);
  }
}

/**
 * Refuses where a stream that is to be filled is a link.
 *
 * @param path Its file.
 * @param doing What would overwrite the link's source, such as `copying`.
 * @param hint What to do instead.
 * @throws {StreamExistsError} where it is one.
 */
export function requireNoLink(path: string, doing: string, hint = ""): void {
  if (!isLink(path)) return;
  throw new StreamExistsError(
    path,
    ` as a link: ${doing} would overwrite its source${hint && `; ${hint}`}`,
  );
}
