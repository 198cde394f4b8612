/**
 * What a file is, by its first bytes and its size: its format and its layout,
 * checked before anything of it is used.
 * @module
 */

import {
  type AxisOrder,
  type Layout,
  type LoadBytes,
  type StreamFormat,
  StreamFormatError,
} from "./format.ts";
import { FORMATS } from "./formats.ts";

const SMALLEST = 384 + 32;

/** As many first bytes as any format wants. */
export const START_BYTES: number = Math.max(
  ...FORMATS.map((format) => format.headerBytes),
);

/** A file that is understood. */
export interface Recognised {
  /** Its format. */
  readonly format: StreamFormat;
  /** Its layout. */
  readonly layout: Layout;
}

/**
 * Refuses a file that is too small for any stream.
 *
 * @param bytes Its size.
 * @throws {StreamFormatError}
 */
export function requireSize(path: string, bytes: number): void {
  if (bytes >= SMALLEST) return;
  throw new StreamFormatError(
    path,
    bytes === 0
      ? "it is empty: it is being created, or its creator died"
      : `the file is ${bytes} bytes, the smallest stream has ${SMALLEST}`,
    {
      offset: 0,
      expected: String(SMALLEST),
      found: bytes === 0 ? "" : String(bytes),
    },
  );
}

/** The format that a file is of, or would be of if it were whole. */
function formatOf(load: LoadBytes, bytes: number): StreamFormat | undefined {
  const found = (wanted: string): StreamFormat | undefined =>
    FORMATS.find((format) =>
      format.recognise(load(0, Math.min(format.headerBytes, bytes)), bytes) ===
        wanted
    );
  return found("yes") ?? found("perhaps");
}

/**
 * Works out a file's format and layout.
 *
 * @param path The file as it was asked for, for errors.
 * @param realPath The file with every link resolved.
 * @param load Gives its first bytes.
 * @param bytes Its size.
 * @param axisOrder How its axes are to be understood, where that is open.
 * @throws {StreamFormatError}
 */
export function recognise(
  path: string,
  realPath: string,
  load: LoadBytes,
  bytes: number,
  axisOrder: AxisOrder,
): Recognised {
  const format = formatOf(load, bytes);
  if (format === undefined) {
    throw new StreamFormatError(
      path,
      "it does not begin like a stream of a known format " +
        `(${FORMATS.map((known) => known.id).join(", ")})`,
      { offset: 0 },
    );
  }
  const header = load(0, Math.min(format.headerBytes, bytes));
  return { format, layout: format.layout(realPath, header, bytes, axisOrder) };
}

/** Bytes that have been read as formats see them. */
export function fromStart(bytes: Uint8Array<ArrayBuffer>): LoadBytes {
  return (offset, length) => bytes.subarray(offset, offset + length);
}
