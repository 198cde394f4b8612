/**
 * The streams of a snapshot back into a folder.
 * @module
 */

import { basename, dirname, join, normalize } from "@std/path";
import { readLink, statFile } from "../../ffi/files.ts";
import { makeLink } from "../../ffi/links.ts";
import { FitsFile } from "../fits/mod.ts";
import { castPixels } from "../load/cast.ts";
import { fillStream, rehearse } from "../load/fill.ts";
import { formatName } from "../stream/formats.ts";
import { encodeKeywords, type Keyword } from "../stream/keywords.ts";
import { requireName, streamFolder, SUFFIX } from "../stream/names.ts";
import { requireNoLink } from "../stream/reading_link.ts";
import { Stream } from "../stream/stream.ts";
import { sameAxes } from "../stream/types.ts";
import {
  LIST_FILE,
  listedKeyword,
  type SnapshotLink,
  type SnapshotStream,
} from "./snapshot.ts";
import { parseList } from "./snapshot_list.ts";

/** What became of one stream. */
export interface Restored {
  /** Its name. */
  readonly name: string;
  /** `filled` in place, `created`, `linked`, or `failed`. */
  readonly result: "filled" | "created" | "linked" | "failed";
  /** Why it failed. */
  readonly error?: string;
}

/** How to restore. */
export interface RestoreOptions {
  /** The folder of streams. */
  dir?: string;
  /** Replace streams of another type or size, and other links. */
  force?: boolean;
  /** Ends it between two streams. */
  signal?: AbortSignal;
}

function word(value: string): Uint8Array<ArrayBuffer> {
  const words = new BigUint64Array([BigInt.asUintN(64, BigInt(value))]);
  return new Uint8Array(words.buffer);
}

/** A new DAO stream gets a second axis: one ends DAO's own programs. */
function sizeNow({ format, size }: SnapshotStream): readonly number[] {
  return format === "dao" && size.length === 1 ? [1, ...size] : size;
}

function openOrCreate(
  one: SnapshotStream,
  path: string,
  force: boolean,
): { stream: Stream; created: boolean } {
  const create = (existing: "refuse" | "replace") => ({
    stream: Stream.create(path, {
      format: one.format,
      depth: one.depth,
      size: sizeNow(one),
      type: one.type,
      keywords: one.keywordCapacity,
      semaphores: one.semaphores,
      circularBuffer: one.circularBuffer,
      circular: one.rolling,
      existing,
    }),
    created: true,
  });
  const there = statFile(path, { follow: false });
  if (there === undefined) return create("refuse");
  requireNoLink(path, "restoring", "remove the link");
  const stream = Stream.open(path, { writable: true });
  const format = formatName(stream.layout);
  const fits = stream.type === one.type && format === one.format &&
    (sameAxes(stream.size, one.size) || sameAxes(stream.size, sizeNow(one)));
  // A FIFO cannot be taken back to where it had no frame.
  const begun = stream.layout.table.segments > 1 && stream.cnt0 > 0n &&
    one.counters[0] === "0";
  if (fits && !begun) return { stream, created: false };
  const found = `${stream.size.join("x")} ${stream.type} (${format})`;
  stream.close();
  if (force) return create("replace");
  throw new Error(
    fits
      ? `Stream "${one.name}" had no frame, and has some now; --force ` +
        "replaces it"
      : `Stream "${one.name}" is ${found}, it was ${one.size.join("x")} ` +
        `${one.type} (${one.format}); --force replaces it`,
  );
}

/** The frame into a FIFO, whose counters stand beside each of its frames. */
async function fillFifo(
  stream: Stream,
  file: FitsFile,
  one: SnapshotStream,
  { atimeNs, keywords }: { atimeNs: bigint; keywords: readonly Keyword[] },
): Promise<void> {
  const [cnt0 = 0n, cnt1 = 0n, cnt2 = 0n] = one.counters.map(BigInt);
  const stored = await file.image.read();
  const pixels = file.image.type === one.type
    ? stored
    : castPixels(stored, one.type);
  const { buffer, byteOffset, byteLength } = pixels;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  stream.setKeywords(keywords);
  stream.mapping.copyFrame(bytes, { cnt0, cnt1, cnt2 }, atimeNs);
}

async function restoreOne(
  one: SnapshotStream,
  from: string,
  folder: string,
  force: boolean,
): Promise<Restored> {
  const path = join(folder, requireName(one.name) + SUFFIX);
  const keywords = one.keywords.map(listedKeyword);
  using file = await FitsFile.open(
    { path: join(from, one.file) },
    { verify: true },
  );
  const { size } = file.image;
  if (!sameAxes(size, one.size)) {
    throw new RangeError(
      `"${file.path}" holds ${size.join("x")} pixels, the list says ` +
        one.size.join("x"),
    );
  }
  await rehearse(file.image, one.type);
  const { stream, created } = openOrCreate(one, path, force);
  using _stream = stream;
  const { table, keywordCount, keywordRecord } = stream.layout;
  encodeKeywords(keywords, keywordCount, keywordRecord); // or it throws now
  const acquired = BigInt(one.acquired);
  const atimeNs = acquired === 0n
    ? 0n
    : acquired + BigInt(stream.clockOffset) * 1_000_000_000n;
  if (table.segments > 1) {
    await fillFifo(stream, file, one, { atimeNs, keywords });
    return { name: one.name, result: created ? "created" : "filled" };
  }
  await fillStream(stream, file, {
    atimeNs,
    beforePublish: () => {
      stream.setKeywords(keywords);
      const [cnt0, cnt1, cnt2] = one.counters;
      const { mapping } = stream;
      // Publishing counts once more.
      mapping.store(table.cnt0, word(`${BigInt(cnt0) - 1n}`));
      mapping.store(table.cnt1, word(cnt1));
      mapping.store(table.cnt2, word(cnt2));
    },
  });
  return { name: one.name, result: created ? "created" : "filled" };
}

/** A link is made again where it stays inside the folder. */
function restoreLink(one: SnapshotLink, folder: string): Restored {
  const path = join(folder, requireName(one.name) + SUFFIX);
  if (statFile(path, { follow: false }) !== undefined) {
    const same = statFile(path, { follow: false })?.kind === "link" &&
      readLink(path) === one.link;
    if (same) return { name: one.name, result: "linked" };
    throw new Error(`"${path}" is there and leads elsewhere`);
  }
  const target = normalize(
    one.link.startsWith("/") ? one.link : join(folder, one.link),
  );
  if (dirname(target) !== folder) {
    throw new Error(`Link "${one.name}" led out of the folder: ${one.link}`);
  }
  makeLink(basename(target), path);
  return { name: one.name, result: "linked" };
}

/**
 * Restores the streams of a snapshot: in place where type and size fit, with
 * their keywords, counters and acquisition times. Readers see one new frame.
 * Needs the permission to read `from` and to read and write the streams'
 * folder, for DAO's streams `/dev/shm`, too; ffi.
 *
 * @param from The folder of the snapshot.
 * @param options Where to.
 * @returns What became of each; one that fails leaves the others.
 * @throws {SyntaxError} where the list is none.
 * @throws {Deno.errors.NotFound} where there is no snapshot.
 */
export async function restore(
  from: string,
  options: RestoreOptions = {},
): Promise<Restored[]> {
  const path = join(from, LIST_FILE);
  const list = parseList(path, await Deno.readTextFile(path));
  const folder = streamFolder(options.dir);
  const results: Restored[] = [];
  const attempt = async (
    name: string,
    work: () => Promise<Restored> | Restored,
  ): Promise<void> => {
    options.signal?.throwIfAborted();
    try {
      results.push(await work());
    } catch (error) {
      const { message } = error as Error;
      results.push({ name, result: "failed", error: message });
    }
  };
  for (const one of list.streams) {
    await attempt(
      one.name,
      () => restoreOne(one, from, folder, options.force ?? false),
    );
  }
  for (const one of list.links) {
    await attempt(one.name, () => restoreLink(one, folder));
  }
  return results;
}
