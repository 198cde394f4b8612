/**
 * A folder's streams at a glance: what a table shows of each, out of a few
 * small reads for all of them, without opening any. What is not as usual (a
 * link, a damaged file, another format) is opened as ever, which also says
 * what is wrong with it.
 * @module
 */

import { type RangeFolder, rangeFolder } from "../../ffi/file_ranges.ts";
import { processExists } from "../../ffi/libc.ts";
import type { AxisOrder, Layout } from "./format.ts";
import { viewOf } from "./header_bytes.ts";
import type { DamagedStream, ListedStream, ListOptions } from "./list.ts";
import { namesIn, placeIn, streamFolder, SUFFIX } from "./names.ts";
import type { Rate } from "./rates.ts";
import { fromStart, recognise, requireSize, START_BYTES } from "./recognise.ts";
import { ENTRY_BYTES, newestPid, writerOf } from "./trace.ts";

/** What a table shows of a stream. */
export interface GlancedStream extends Rate {
  /** Name. */
  readonly name: string;
  /** Where a link leads. */
  readonly link?: string;
  /** Data type. */
  readonly type: string;
  /** Axes, fastest first. */
  readonly size: readonly number[];
  /** Frames published. */
  readonly cnt0: bigint;
  /** Semaphores. */
  readonly semaphores: number;
  /** Those of them whose reader lives. */
  readonly readers: number;
  /** Process that wrote last; `null` = nobody. */
  readonly writerPid: number | null;
  /** Whether that process lives. */
  readonly writerAlive: boolean;
}

/** One with more is opened: each of a folder's files gets as much room. */
const MOST_BYTES = 4096;

interface Header {
  readonly name: string;
  readonly file: string;
  readonly layout: Layout;
  readonly inode: bigint;
  readonly cnt0: bigint;
}

/** Where pids and trace lie, together. */
function peopleOf({ table }: Layout): { offset: number; bytes: number } {
  return {
    offset: table.readerPids,
    bytes: table.trace + ENTRY_BYTES * table.traceCount - table.readerPids,
  };
}

function usual(layout: Layout): boolean {
  const { table } = layout;
  const { bytes } = peopleOf(layout);
  return table.semNamed === 0 && table.segments === 0 &&
    table.readerPids > 0 && table.writerPids > table.readerPids &&
    table.trace > table.writerPids && bytes <= MOST_BYTES;
}

function headersOf(
  folder: RangeFolder,
  names: readonly string[],
  axisOrder: AxisOrder,
): Header[] {
  const files = names.map((name) => name + SUFFIX);
  const read = folder.read(
    files.map((name) => ({ name, offset: 0, bytes: START_BYTES })),
  );
  return names.flatMap((name, index): Header[] => {
    const found = read[index];
    const file = files[index];
    if (found === undefined || file === undefined) return [];
    const { bytes, size, inode } = found;
    try {
      const { path } = placeIn(folder.path, name);
      requireSize(path, size);
      const load = fromStart(bytes);
      const { layout } = recognise(path, path, load, size, axisOrder);
      if (!usual(layout)) return [];
      const cnt0 = viewOf(bytes).getBigUint64(layout.table.cnt0, true);
      return [{ name, file, layout, inode, cnt0 }];
    } catch {
      return []; // opening it will say what is wrong
    }
  });
}

/** Asks once for each process. */
function living(): (pid: number) => boolean {
  const known = new Map<number, boolean>();
  return (pid) => {
    if (pid <= 0) return false;
    let lives = known.get(pid);
    if (lives === undefined) known.set(pid, lives = processExists(pid));
    return lives;
  };
}

function glanced(
  header: Header,
  bytes: Uint8Array<ArrayBuffer>,
  lives: (pid: number) => boolean,
): Omit<GlancedStream, keyof Rate> {
  const { name, cnt0, layout: { type, size, table } } = header;
  const pidsAt = (offset: number): Int32Array =>
    new Int32Array(
      bytes.buffer,
      bytes.byteOffset + offset - table.readerPids,
      table.semCount,
    );
  const trace = viewOf(bytes.subarray(table.trace - table.readerPids));
  const writer = writerOf(newestPid(trace), pidsAt(table.writerPids));
  return {
    name,
    type,
    size,
    cnt0,
    semaphores: table.semCount,
    readers: pidsAt(table.readerPids).filter(lives).length,
    writerPid: writer ?? null,
    writerAlive: writer !== undefined && lives(writer),
  };
}

/** The usual ones of a folder. */
async function glanceAll(
  folder: RangeFolder,
  names: readonly string[],
  options: ListOptions,
): Promise<Map<string, GlancedStream>> {
  const headers = headersOf(folder, names, options.axisOrder ?? "python");
  const people = folder.read(
    headers.map(({ file, layout }) => ({ name: file, ...peopleOf(layout) })),
  );
  const lives = living();
  const all = headers.flatMap((header, index) => {
    const found = people[index];
    const whole = found !== undefined && found.inode === header.inode &&
      found.bytes.length === peopleOf(header.layout).bytes;
    return whole ? [{ header, ...glanced(header, found.bytes, lives) }] : [];
  });
  if (options.watchMs === 0) {
    return new Map(all.map(({ header, ...stream }) => [
      header.name,
      { ...stream, rateHz: null, ageSeconds: null },
    ]));
  }
  const counters = all.map(({ header: { file, layout } }) => ({
    name: file,
    offset: layout.table.cnt0,
    bytes: 8,
  }));
  const look = (): (bigint | undefined)[] =>
    folder.read(counters).map((found, index) =>
      found?.bytes.length === 8 && found.inode === all[index]?.header.inode
        ? viewOf(found.bytes).getBigUint64(0, true)
        : undefined
    );
  const { watchCounters } = await import("./rates.ts");
  const rates = await watchCounters(look, options.watchMs ?? 300);
  return new Map(all.map(({ header, ...stream }, index) => [
    header.name,
    { ...stream, ...rates[index] ?? { rateHz: null, ageSeconds: null } },
  ]));
}

function tableOf(
  entry: ListedStream | DamagedStream,
): GlancedStream | DamagedStream {
  if ("error" in entry) return entry;
  const { semaphores } = entry;
  return {
    ...entry,
    semaphores: semaphores.length,
    readers: semaphores.filter(({ reader }) => reader !== null).length,
  };
}

/** Those that must be opened. */
async function open(
  folder: string,
  names: readonly string[],
  options: ListOptions,
): Promise<Map<string, GlancedStream | DamagedStream>> {
  if (names.length === 0) return new Map();
  const { listNamed } = await import("./list.ts");
  const listed = await listNamed(folder, names, options);
  return new Map(listed.map((entry) => [entry.name, tableOf(entry)]));
}

/**
 * What a table shows of the streams of a folder.
 *
 * @param options Which, and how long to watch their counters.
 * @returns One entry for each file that ends in `.im.shm`, sorted by name.
 */
export async function glanceStreams(
  options: ListOptions = {},
): Promise<(GlancedStream | DamagedStream)[]> {
  const folder = streamFolder(options.dir);
  let names = namesIn(folder);
  if (options.pattern !== undefined) {
    const { globToRegExp } = await import("../../std/path/glob_to_regexp.ts");
    const glob = globToRegExp(options.pattern);
    names = names.filter((name) => glob.test(name));
  }
  const ranges = rangeFolder(folder);
  const usualOnes = ranges === undefined
    ? new Map<string, GlancedStream>()
    : await glanceAll(ranges, names, options);
  const others = await open(
    folder,
    names.filter((name) => !usualOnes.has(name)),
    options,
  );
  return names.flatMap((name) => usualOnes.get(name) ?? others.get(name) ?? []);
}
