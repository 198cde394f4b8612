/**
 * Makes the file of a new stream: prepared under a temporary name, then
 * renamed, so that nobody ever sees a half-made one.
 * @module
 */

import { clockNs } from "../../ffi/clock.ts";
import { check, isSystemError } from "../../ffi/errno.ts";
import { OpenFile, removeFile, renameFile, statFile } from "../../ffi/files.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { makeSemaphore, semaphorePath } from "../../ffi/named_semaphores.ts";
import {
  type CreateSpec,
  type Layout,
  StreamExistsError,
  type StreamFormat,
} from "./format.ts";
import { formatNamed } from "./formats.ts";
import { encodeKeywords } from "./keywords.ts";
import { MAX_PATH_BYTES, SUFFIX } from "./names.ts";
import type { CreateOptions } from "./stream_options.ts";
import { kindOf, MAX_PIXELS, pixelCount, TYPES } from "./types.ts";

const MAX_FILE_BYTES = 2n ** 50n;

function requireRange(
  what: string,
  value: number,
  low: number,
  high: number,
): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(
      `${what} must be a whole number from ${low} to ${high}, not ${value}`,
    );
  }
}

/**
 * Checks what a new stream is to be.
 *
 * @throws {RangeError} naming the value and its limits.
 */
export function requireSpec(spec: CreateSpec): void {
  if (spec.size.length < 1 || spec.size.length > 3) {
    throw new RangeError(
      `A stream has 1 to 3 axes, not ${spec.size.length}`,
    );
  }
  for (const axis of spec.size) {
    requireRange("The length of an axis", axis, 1, 0xFFFF_FFFF);
  }
  requireRange("The number of keywords", spec.keywords, 0, 0xFFFF);
  requireRange("The number of semaphores", spec.semaphores, 0, 0xFFFF);
  requireRange(
    "The number of circular-buffer slots",
    spec.circularBuffer,
    0,
    0xFFFF_FFFF,
  );
  requireRange("The number of frames kept", spec.depth, 1, 0xFFFF_FFFF);
  const rolling = spec.circular || ((spec.imageType ?? 0n) & 0xFn) === 1n;
  if (rolling && spec.size.length !== 3) {
    throw new RangeError("A rolling cube has 3 axes");
  }
  const pixels = pixelCount(spec.size);
  const bytes = pixels * BigInt(TYPES[spec.type].bytes) *
    BigInt(spec.depth + spec.circularBuffer);
  if (pixels > MAX_PIXELS || bytes > MAX_FILE_BYTES) {
    throw new RangeError(
      `A stream of ${kindOf(spec)} is too large`,
    );
  }
}

/** What a new stream is to be, with what was left open. */
export function specOf(name: string, options: CreateOptions): CreateSpec {
  const { imageType } = options;
  return {
    name: options.nameInFile ?? name,
    size: options.size,
    type: options.type,
    keywords: options.keywords ?? 50,
    semaphores: options.semaphores ?? 10,
    circularBuffer: options.circularBuffer ?? 0,
    circular: options.circular ?? false,
    ...imageType === undefined ? {} : { imageType },
    depth: options.depth ?? 1,
    axisOrder: options.axisOrder ?? "python",
  };
}

/**
 * What an existing stream is that cannot serve as the one to be made;
 * `undefined` where it can.
 */
export function differenceOf(
  there: Layout,
  planned: Layout,
  depth: number | undefined,
): string | undefined {
  if (
    there.format === planned.format && there.type === planned.type &&
    there.storedSize.join("x") === planned.storedSize.join("x") &&
    (depth === undefined || Math.max(1, there.table.segments) === depth)
  ) return undefined;
  const other = there.format === planned.format
    ? ""
    : ` of format ${there.format}`;
  return ` as ${kindOf(there)}${other}`;
}

function temporaryName(path: string): string {
  const stem = path.slice(0, -SUFFIX.length);
  return `${stem}.${Deno.pid}.${crypto.randomUUID().slice(0, 8)}.tmp`;
}

/** How to make a stream's file. */
export interface CreateHow {
  /** File mode, whatever the umask. */
  readonly mode: number;
  /** Gives the name to the new file even where there is one. */
  readonly replace: boolean;
  /** Takes what is to be told. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

function exists(path: string): boolean {
  return statFile(path, { follow: false }) !== undefined;
}

const MODE = 0o666;

/**
 * Makes the semaphores that are files of their own, as far as they are
 * missing.
 *
 * @returns Whether any was there.
 */
export function makeSemaphores(layout: Layout, mode = MODE): boolean {
  const made = layout.semaphoreNames.map((name) => makeSemaphore(name, mode));
  return made.includes(false);
}

/** Several files of one base name have the same semaphores. */
function sharing(path: string, layout: Layout): string {
  const [first = ""] = layout.semaphoreNames;
  return `The semaphores of "${path}" are there already ` +
    `("${semaphorePath(first)}" …): another stream of this base name shares ` +
    "them, so that a frame of one wakes the readers of both, or was removed " +
    "without them";
}

/**
 * Makes a stream's file.
 *
 * @param path Where.
 * @param format In which format.
 * @param spec What.
 * @param options `mode` as given, whatever the umask; `replace` gives the
 * name to the new file even where there is one (its readers keep the old).
 * @throws {StreamExistsError | RangeError | SystemError} `ENOSPC` where the
 * folder is full: nothing is left behind.
 */
export function createFile(
  path: string,
  format: StreamFormat,
  spec: CreateSpec,
  options: CreateHow,
): void {
  requireSpec(spec);
  if (path.length > MAX_PATH_BYTES) {
    throw new RangeError("The path is too long");
  }
  const layout = format.plan(path, spec);
  const again = options.replace && exists(path);
  const temporary = temporaryName(path);
  let file: OpenFile;
  try {
    file = OpenFile.create(temporary, {
      mode: options.mode,
      bytes: layout.bytes,
    });
  } catch (error) {
    // The user knows the stream's name, not the temporary one.
    if (isSystemError(error)) check(-error.errno, "create", path);
    throw error;
  }
  try {
    const mapping = Mapping.map(file, layout.bytes, true);
    try {
      mapping.useTable(layout.table);
      if (layout.semaphoreNames.length === 0) mapping.semaphores.init();
      mapping.store(
        layout.table.keywords,
        encodeKeywords([], layout.keywordCount, layout.keywordRecord),
      );
      format.initialise(
        layout,
        spec,
        (offset, bytes) => mapping.store(offset, bytes),
        {
          inode: file.stat().inode,
          pid: Deno.pid,
          nowNs: clockNs(layout.table.clock),
          path,
        },
      );
    } finally {
      mapping.close();
    }
    const shared = makeSemaphores(layout, options.mode);
    renameFile(temporary, path, { replace: options.replace });
    if (shared && !again) options.onWarning?.(sharing(path, layout));
  } catch (error) {
    removeFile(temporary);
    if (isSystemError(error, "EEXIST")) throw new StreamExistsError(path);
    throw error;
  } finally {
    file.close();
  }
}

/**
 * Makes the file of a new stream, or, where one that is there is to be reused,
 * says what it must be like.
 *
 * @returns The layout to be held against what is there; `undefined`: made.
 * @throws {StreamExistsError} where one is in the way.
 * @throws {RangeError} where it cannot be.
 */
export function makeOrPlan(
  name: string,
  path: string,
  options: CreateOptions,
): Layout | undefined {
  const existing = options.existing ?? "refuse";
  const there = statFile(path, { follow: false });
  if (there !== undefined && existing === "refuse") {
    throw new StreamExistsError(path);
  }
  const format = formatNamed(options.format ?? "isio");
  const spec = specOf(name, options);
  if (there !== undefined && existing === "reuse") {
    return format.plan(path, spec);
  }
  createFile(path, format, spec, {
    mode: options.mode ?? MODE,
    replace: existing === "replace",
    onWarning: options.onWarning,
  });
  return undefined;
}
