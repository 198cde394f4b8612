/**
 * The stream that a mount for writing has here: shaped like the owner's, and
 * counting on from it, so that who reads there sees one sequence.
 * @module
 */

import { basename, dirname } from "@std/path";
import { statFile } from "../../ffi/files.ts";
import { SUFFIX } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import { type DataType, parseType } from "../stream/types.ts";
import { list, text, whole } from "./check.ts";

/** What an owner says of a stream that is written from elsewhere. */
export interface Shape {
  /** Axes, fastest first. */
  readonly size: readonly number[];
  /** Data type. */
  readonly type: DataType;
  /** Keyword records. */
  readonly keywords: number;
  /** The last of three axes is a ring of slices in time. */
  readonly circular: boolean;
  /** Its counter, as a decimal number. */
  readonly cnt0: string;
}

/**
 * Looks at the owner's stream.
 *
 * @throws {StreamNotFoundError} where it is not there.
 */
export function shapeOf(path: string): Shape {
  using stream = Stream.open(path, { writable: false });
  const { size, type, layout, cnt0 } = stream;
  return {
    size,
    type,
    keywords: layout.keywordCount,
    circular: layout.rolling,
    cnt0: `${cnt0}`,
  };
}

/** Reads a shape that a peer told. */
export function toShape(fields: Record<string, unknown>): Shape {
  const size = Array.isArray(fields.size)
    ? fields.size.map((axis) => whole({ axis }, "axis", 1))
    : list(fields, "size", () => 0);
  const cnt0 = text(fields, "cnt0");
  if (!/^\d{1,20}$/.test(cnt0)) throw new TypeError('"cnt0" is no counter');
  return {
    size,
    type: parseType(text(fields, "type")),
    keywords: whole(fields, "keywords", 0, 65535),
    circular: fields.circular === true,
    cnt0,
  };
}

/**
 * Makes the stream where it is missing.
 *
 * @returns The counter that a new one begins with; `undefined` where it was
 * there.
 * @throws {StreamExistsError} where it is there with another shape.
 */
export function ensureLike(path: string, shape: Shape): string | undefined {
  const isNew = statFile(path) === undefined;
  using stream = Stream.create(basename(path, SUFFIX), {
    dir: dirname(path),
    size: shape.size,
    type: shape.type,
    keywords: shape.keywords,
    circular: shape.circular,
    existing: "reuse",
  });
  if (!isNew) return undefined;
  using file = Deno.openSync(path, { write: true });
  file.seekSync(stream.layout.table.cnt0, Deno.SeekMode.Start);
  const words = new BigUint64Array([BigInt(shape.cnt0)]);
  file.writeSync(new Uint8Array(words.buffer));
  return shape.cnt0;
}
