/**
 * Links for reading: one whose target is spelt `FOLDER/./NAME` leads to the
 * same stream, but says that nobody is to write through it. The kernel does
 * not mind; this library refuses.
 * @module
 */

import { basename, dirname } from "@std/path";
import { readLink, statFile } from "../../ffi/files.ts";

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
  const isLink = statFile(path, { follow: false })?.kind === "link";
  if (isLink && MARKED.test(readLink(path))) {
    throw new StreamForReadingError(path);
  }
}
