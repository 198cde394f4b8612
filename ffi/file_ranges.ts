/**
 * Small ranges of many files of a folder, read with one call: for lists.
 * @module
 */

import { mayReadAll } from "./access.ts";
import { check } from "./errno.ts";
import { realPath } from "./files.ts";
import { cStrings, helper } from "./helper.ts";

/** What to read of a file. */
export interface Range {
  /** The file's name in the folder. */
  readonly name: string;
  /** Byte offset. */
  readonly offset: number;
  /** Bytes. */
  readonly bytes: number;
}

/** What was read. */
export interface RangeRead {
  /** The bytes, fewer where the file ends before. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Size of the file. */
  readonly size: number;
  /** Its inode. */
  readonly inode: bigint;
}

/** `struct shmim_range`: offset, bytes, result, inode, size. */
const WORDS = 5;

/** A folder whose regular files may all be read. */
export interface RangeFolder {
  /** Its path with every link resolved. */
  readonly path: string;
  /**
   * Reads one range of each file.
   *
   * @returns In the same order; `undefined` for what is no regular file (a
   * link is none), is gone, or cannot be read.
   */
  read(ranges: readonly Range[]): (RangeRead | undefined)[];
}

/** Reads one range of each of a folder's files. */
export function readRanges(
  folder: string,
  ranges: readonly Range[],
): (RangeRead | undefined)[] {
  const room = Math.max(0, ...ranges.map(({ bytes }) => (bytes + 7) & ~7));
  const stride = WORDS * 8 + room;
  const rows = new Uint8Array(ranges.length * stride);
  // One view of all rows, and one text of all names: cheaper than one each.
  const words = new BigInt64Array(rows.buffer);
  ranges.forEach(({ offset, bytes }, i) => {
    const first = i * stride / 8;
    words[first] = BigInt(offset);
    words[first + 1] = BigInt(bytes);
  });
  const names = cStrings([folder, ...ranges.map(({ name }) => name)]);
  check(
    helper().shmim_files_read(names, rows, BigInt(ranges.length), BigInt(room)),
    "read",
    folder,
  );
  return ranges.map((_, i) => {
    const first = i * stride / 8;
    const result = Number(words[first + 2]);
    if (result < 0) return undefined;
    const at = (first + WORDS) * 8;
    return {
      bytes: rows.subarray(at, at + result),
      size: Number(words[first + 4]),
      inode: words[first + 3] ?? 0n,
    };
  });
}

/**
 * A folder to read ranges in.
 *
 * @returns `undefined` where not everything in it may be read: then each file
 * must be asked for.
 */
export function rangeFolder(folder: string): RangeFolder | undefined {
  if (!mayReadAll(folder)) return undefined;
  const path = realPath(folder);
  if (path !== folder && !mayReadAll(path)) return undefined;
  return { path, read: (ranges) => readRanges(path, ranges) };
}
