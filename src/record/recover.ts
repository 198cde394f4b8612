/**
 * What a crash left of a recording, made whole: every frame that the header
 * of an unfinished cube counts.
 * @module
 */

import { join } from "@std/path";
import { OpenFile } from "../../ffi/files.ts";
import { Checksum, FitsFile } from "../fits/mod.ts";
import { ARRIVAL_ROW_BYTES, GrowingHeader } from "../fits/parts.ts";
import { completeCube, removeIfThere, RESERVE_BYTES } from "./complete.ts";
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
  const last = new DataView(kept.buffer).getBigInt64(
    (frames - 1) * ARRIVAL_ROW_BYTES + 16,
  );
  const file = await completeCube({
    place,
    header: growing,
    dataBytes,
    datasum: await sumOf(part, header.length, dataBytes),
    rows: kept,
    ended: last === -(1n << 63n) ? undefined : last,
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

/**
 * Completes every unfinished cube of a folder, and of those below it, that
 * nobody is at work on.
 *
 * @param dir The folder.
 */
export async function recover(dir: string): Promise<Recovered[]> {
  const results: Recovered[] = [];
  for await (const entry of Deno.readDir(dir)) {
    if (entry.isDirectory && !entry.name.startsWith(".")) {
      results.push(...await recover(join(dir, entry.name)));
      continue;
    }
    const place = placeOfPart(dir, entry.name);
    if (place === undefined) continue;
    const part = partPath(place);
    using lock = OpenFile.open(part, { writable: true });
    if (!lock.lock()) continue;
    try {
      if (await isEmpty(part)) {
        await removeIfThere(part);
        await removeIfThere(rowsPath(part));
      } else results.push(await complete(place));
    } catch (error) {
      results.push({ file: part, frames: 0, error: (error as Error).message });
    }
  }
  return results.sort((a, b) => a.file < b.file ? -1 : 1);
}
