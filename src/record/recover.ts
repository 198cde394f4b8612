/**
 * What a crash left of a recording, made whole: every frame that the header
 * of an unfinished cube counts.
 * @module
 */

import { join } from "@std/path";
import { OpenFile } from "../../ffi/files.ts";
import { removeIfThere } from "../files/whole_file.ts";
import { Checksum, FitsFile } from "../fits/mod.ts";
import {
  ARRIVAL_ROW_BYTES,
  GrowingHeader,
  readArrivalRow,
} from "../fits/parts.ts";
import { completeCube, RESERVE_BYTES } from "./complete.ts";
import { type CubePlace, partPath, placeOfPart, rowsPath } from "./names.ts";

/** What became of an unfinished cube. */
export interface Recovered {
  /** The file: the complete one, or where it failed the unfinished one. */
  readonly file: string;
  /** Its frames. */
  readonly frames: number;
  /** Why it could not be completed. */
  readonly error?: string;
}

const CHUNK_BYTES = 4 << 20;

/** Somebody who makes a file has locked it long before that. */
const FRESH_MS = 60_000;

async function sumOf(
  path: string,
  from: number,
  bytes: number,
): Promise<number> {
  using file = await Deno.open(path, { read: true });
  await file.seek(from, Deno.SeekMode.Start);
  const sum = new Checksum();
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
  for (let done = 0; done < bytes;) {
    const part = chunk.subarray(0, Math.min(chunk.length, bytes - done));
    const count = await file.read(part);
    if (count === null) throw new RangeError(`"${path}" became shorter`);
    sum.update(part.subarray(0, count));
    done += count;
  }
  return sum.value;
}

/** The rows that were written, as far as they are whole. */
async function rowsOf(part: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const bytes = await Deno.readFile(rowsPath(part));
    return bytes.subarray(Math.min(RESERVE_BYTES, bytes.length));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}

async function complete(place: CubePlace): Promise<Recovered> {
  const part = partPath(place);
  const rows = await rowsOf(part);
  let header: Uint8Array<ArrayBuffer>;
  let axes: readonly number[];
  let frameBytes: number;
  {
    using file = await FitsFile.open(part, { flatten: true });
    const { hdu } = file.image;
    axes = hdu.axes;
    frameBytes = axes.slice(0, -1).reduce((all, axis) => all * axis, 1) *
      Math.abs(hdu.bitpix) / 8;
    header = new Uint8Array(hdu.dataOffset);
    using raw = await Deno.open(part, { read: true });
    for (let done = 0; done < header.length;) {
      done += await raw.read(header.subarray(done)) ?? header.length;
    }
  }
  const counted = axes.at(-1) ?? 0;
  const frames = Math.min(counted, Math.floor(rows.length / ARRIVAL_ROW_BYTES));
  if (frames < counted) {
    throw new RangeError(
      `"${part}" has ${counted} frames, the times of ${frames} are there: it ` +
        "is left as it is, and is a FITS file without them",
    );
  }
  const growing = new GrowingHeader(header, axes.length);
  const dataBytes = frames * frameBytes;
  const kept = rows.slice(0, frames * ARRIVAL_ROW_BYTES);
  const last = readArrivalRow(
    new DataView(kept.buffer),
    (frames - 1) * ARRIVAL_ROW_BYTES,
  );
  const file = await completeCube({
    place,
    header: growing,
    dataBytes,
    datasum: await sumOf(part, header.length, dataBytes),
    rows: kept,
    ended: last.acquired,
  });
  return { file, frames };
}

/** A cube of no frames: its header says so, or is not there. */
async function isEmpty(part: string): Promise<boolean> {
  using file = await Deno.open(part, { read: true });
  const block = new Uint8Array(2880);
  if (await file.read(block) !== block.length) return true;
  const text = new TextDecoder("latin1").decode(block);
  const axes = /NAXIS {3}= +(\d+) /.exec(text)?.[1] ?? "0";
  return new RegExp(`NAXIS${axes}  = +0 `).test(text);
}

/** Something that is unfinished: a cube, or what was made of a whole one. */
interface Leftover {
  /** The file. */
  readonly path: string;
  /** The later place of a cube. */
  readonly place?: CubePlace;
  /** The whole file that it was made of. */
  readonly source?: string;
}

/** What a hidden file is; `undefined` where it is none of ours. */
function leftoverOf(folder: string, name: string): Leftover | undefined {
  const path = join(folder, name);
  const place = placeOfPart(folder, name);
  if (place !== undefined) return { path, place };
  const made = /^\.(.+)\.(?:fits\.(?:gz|fz)|txt)\.part$/.exec(name)?.[1] ??
    /^\.(.+)\.fits\.rows$/.exec(name)?.[1];
  return made === undefined
    ? undefined
    : { path, source: join(folder, `${made}.fits`) };
}

/** Unfinished files of a folder, and of those below it down to a depth. */
async function* leftovers(
  dir: string,
  depth = Infinity,
): AsyncGenerator<Leftover> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory && depth > 0 && !name.startsWith(".")) {
      yield* leftovers(join(dir, name), depth - 1);
    }
    const found = isDirectory ? undefined : leftoverOf(dir, name);
    if (found !== undefined) yield found;
  }
}

/** Whoever is at work on a file may not have locked it yet. */
async function isFresh(path: string): Promise<boolean> {
  const { mtime } = await Deno.stat(path);
  return Date.now() - (mtime?.getTime() ?? 0) < FRESH_MS;
}

function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}

/** Completes or removes one; `undefined`: it is not ours to touch, or is gone. */
async function tidy(
  { path, place, source }: Leftover,
): Promise<Recovered | undefined> {
  using lock = OpenFile.open(path, { writable: true });
  if (!lock.lock()) return undefined;
  if (place !== undefined) {
    if (!await isEmpty(path)) return await complete(place);
    if (await isFresh(path)) return undefined;
    await removeIfThere(path);
    await removeIfThere(rowsPath(path));
    return undefined;
  }
  if (await isFresh(path) || !await exists(source ?? "")) return undefined;
  await removeIfThere(path); // the whole file has all that is in it
  return undefined;
}

/**
 * Completes every unfinished cube of a folder, and of those below it, that
 * nobody is at work on. Needs the permission to read and write the folder.
 *
 * @param dir The folder.
 * @returns What became of each.
 */
export async function recover(dir: string): Promise<Recovered[]> {
  const results: Recovered[] = [];
  for (const one of await Array.fromAsync(leftovers(dir))) {
    try {
      const done = await tidy(one);
      if (done !== undefined) results.push(done);
    } catch (error) {
      if (!await exists(one.path)) continue; // was completed meanwhile
      const { message } = error as Error;
      results.push({ file: one.path, frames: 0, error: message });
    }
  }
  return results.sort((a, b) => a.file < b.file ? -1 : 1);
}

/**
 * Counts the unfinished cubes of a folder that nobody is at work on, down to
 * the folders by date and stream that milk's names have.
 *
 * @param dir The folder; one that is missing has none.
 */
export async function countUnfinished(dir: string): Promise<number> {
  let count = 0;
  if (!await exists(dir)) return count;
  for await (const { path, place } of leftovers(dir, 2)) {
    if (place === undefined) continue;
    using lock = OpenFile.open(path, { writable: true });
    if (lock.lock()) count++;
  }
  return count;
}
