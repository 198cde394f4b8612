/**
 * All streams of a folder into FITS files, with what FITS cannot say beside
 * them: the exact keywords, and what a stream has to be made with again.
 * @module
 */

import { join } from "@std/path";
import { globToRegExp } from "../../std/path/glob_to_regexp.ts";
import { writeWhole } from "../files/whole_file.ts";
import { writeFits } from "../fits/mod.ts";
import { frameInfo } from "../load/frame_info.ts";
import { linkTarget } from "../stream/describe.ts";
import { type FormatName, formatName } from "../stream/formats.ts";
import type { Keyword } from "../stream/keywords.ts";
import { namesIn, streamFolder, SUFFIX } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import type { DataType } from "../stream/types.ts";
import { wholeFrame } from "../stream/whole.ts";

/** Name of the list. */
export const LIST_FILE = "snapshot.json";

/** A keyword as the list has it: integers and odd numbers as text. */
export interface ListedKeyword {
  /** Name. */
  name: string;
  /** L, D or S. */
  type: Keyword["type"];
  /** Value as text; a double reads back exactly. */
  value: string;
  /** Comment. */
  comment: string;
}

/** A stream of a snapshot. */
export interface SnapshotStream {
  /** Its name. */
  name: string;
  /** Its FITS file, in the same folder. */
  file: string;
  /** Its format, as `--format` takes it. */
  format: FormatName;
  /** Data type. */
  type: DataType;
  /** Axes, fastest first. */
  size: readonly number[];
  /** Counters, as text. */
  counters: readonly [string, string, string];
  /** Acquisition time, ns since 1970, UTC; 0 = never. */
  acquired: string;
  /** Keyword records, used or not. */
  keywordCapacity: number;
  /** Semaphores. */
  semaphores: number;
  /** Frames that a DAO stream's FIFO keeps; 1 of the others. */
  depth: number;
  /** Slots of the circular buffer. */
  circularBuffer: number;
  /** Whether the last axis is a ring of slices. */
  rolling: boolean;
  /** The keywords. */
  keywords: readonly ListedKeyword[];
}

/** A link of a snapshot. */
export interface SnapshotLink {
  /** Its name. */
  name: string;
  /** Where it leads, as it is written there. */
  link: string;
}

/** The list of a snapshot. */
export interface SnapshotList {
  /** Version of this list. */
  version: 1;
  /** When it was made, UTC. */
  time: string;
  /** The streams. */
  streams: SnapshotStream[];
  /** The links. */
  links: SnapshotLink[];
}

/** Of which streams to make a snapshot. */
export interface SnapshotOptions {
  /** The folder of streams. */
  dir?: string;
  /** Which names, with `*` and `?`. Default: all. */
  pattern?: string;
  /** Ends it between two streams. */
  signal?: AbortSignal;
}

/** What a snapshot came to. */
export interface SnapshotReport extends SnapshotList {
  /** Streams that could not be saved, and why. */
  failed: { name: string; error: string }[];
}

/** A keyword's value as text. */
export function keywordText({ type, value }: Keyword): string {
  if (type === "D" && Object.is(value, -0)) return "-0";
  return String(value);
}

/** A keyword of the list. */
export function listedKeyword(
  { name, type, value, comment }: ListedKeyword,
): Keyword {
  if (type === "L") return { name, type, value: BigInt(value), comment };
  if (type === "D") return { name, type, value: Number(value), comment };
  return { name, type: "S", value, comment };
}

async function saveOne(
  name: string,
  path: string,
  dir: string,
): Promise<SnapshotStream> {
  using stream = Stream.open(path, { writable: false });
  const frame = await wholeFrame(stream);
  const keywords = stream.keywords();
  const info = frameInfo(frame, stream.clockOffset);
  const file = `${name}.fits`;
  await writeFits(
    join(dir, file),
    { type: stream.type, size: stream.size, data: frame.bytes },
    {
      stream: name,
      keywords,
      ...info,
      cnt2: frame.cnt2,
    },
  );
  return {
    name,
    file,
    format: formatName(stream.layout),
    type: stream.type,
    size: stream.size,
    counters: [`${frame.cnt0}`, `${frame.cnt1}`, `${frame.cnt2}`],
    acquired: `${info.acquired ?? 0n}`,
    keywordCapacity: stream.layout.keywordCount,
    semaphores: stream.layout.table.semCount,
    depth: Math.max(1, stream.layout.table.segments),
    circularBuffer: stream.layout.circularBuffer,
    rolling: stream.layout.rolling,
    keywords: keywords.map((keyword) => ({
      name: keyword.name,
      type: keyword.type,
      value: keywordText(keyword),
      comment: keyword.comment,
    })),
  };
}

/**
 * Saves the streams of a folder: a FITS file each, and a list of what FITS
 * cannot say. Streams that fail are named in the report, the others are saved.
 * Needs the permission to read the streams' folder and to read and write
 * `dir`; ffi.
 *
 * @param dir Where to; made where it is missing.
 * @param options Which streams.
 * @returns The list, and what could not be saved.
 * @throws {Deno.errors.AlreadyExists} where a snapshot is there already.
 *
 * @example A stream, and back
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { restore, snapshot, Stream } from "@shmim/shmim";
 *
 * const dir = await Deno.makeTempDir();
 * {
 *   using mirror = Stream.create("mirror", { dir, size: [2], type: "i16" });
 *   mirror.write(new Int16Array([1, -1]));
 *   await snapshot(`${dir}/before`, { dir });
 *   mirror.write(new Int16Array([5, 5]));
 *   await restore(`${dir}/before`, { dir });
 *   const { cnt0, pixels } = mirror.read();
 *   assertEquals([cnt0, [...pixels]], [1n, [1, -1]]);
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function snapshot(
  dir: string,
  options: SnapshotOptions = {},
): Promise<SnapshotReport> {
  const folder = streamFolder(options.dir);
  const glob = globToRegExp(options.pattern ?? "*");
  await Deno.mkdir(dir, { recursive: true });
  const path = join(dir, LIST_FILE);
  const there = await Deno.stat(path).then(() => true, () => false);
  if (there) {
    throw new Deno.errors.AlreadyExists(
      `"${dir}" holds a snapshot already: take another folder`,
    );
  }
  const report: SnapshotReport = {
    version: 1,
    time: new Date().toISOString(),
    streams: [],
    links: [],
    failed: [],
  };
  const names = namesIn(folder).filter((name) => glob.test(name));
  for (const name of names) {
    options.signal?.throwIfAborted();
    const stream = join(folder, name + SUFFIX);
    try {
      const link = linkTarget(stream);
      if (link !== undefined) report.links.push({ name, link });
      else report.streams.push(await saveOne(name, stream, dir));
    } catch (error) {
      report.failed.push({ name, error: (error as Error).message });
    }
  }
  const { failed: _, ...list } = report;
  await writeWhole(path, `${JSON.stringify(list, null, 2)}\n`);
  return report;
}
