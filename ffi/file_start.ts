/** The first bytes of one file. @module */

import { basename, dirname } from "@std/path";
import { requireRead } from "./access.ts";
import { type RangeRead, readRanges } from "./file_ranges.ts";
import { realPath } from "./files.ts";

/** A file's first bytes. */
export interface Start extends RangeRead {
  /** The file with every link resolved. */
  readonly path: string;
}

/**
 * The first bytes of a regular file, or of the one that a link leads to.
 *
 * @param bytes How many, fewer where it is smaller.
 * @returns `undefined` where it is no regular file, or cannot be read.
 * @throws {SystemError} where there is nothing.
 */
export function readStart(path: string, bytes: number): Start | undefined {
  const real = realPath(path);
  if (real !== path) requireRead(real);
  const name = basename(real);
  const [read] = readRanges(dirname(real), [{ name, offset: 0, bytes }]);
  return read === undefined ? undefined : { ...read, path: real };
}
