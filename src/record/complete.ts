/**
 * An unfinished cube made whole: its data filled up, the table appended, the
 * header sealed, its name given.
 * @module
 */

import { join } from "@std/path";
import { removeIfThere, writeAll } from "../files/whole_file.ts";
import { fillingAfter, frameTableOf, GrowingHeader } from "../fits/parts.ts";
import { type CubePlace, partPath, rowsPath } from "./names.ts";

/** Bytes kept free behind a cube for its table: see `cube_file.ts`. */
export const RESERVE_BYTES = 8 * 2880;

/** An unfinished cube. */
export interface Unfinished {
  /** Where it goes. */
  readonly place: CubePlace;
  /** Its header, with the number of frames. */
  readonly header: GrowingHeader;
  /** Bytes of its frames. */
  readonly dataBytes: number;
  /** Sum of its data. */
  readonly datasum: number;
  /** Rows of its table, as many as there are frames. */
  readonly rows: Uint8Array<ArrayBuffer>;
  /** When its last frame was taken, ns since 1970, UTC. */
  readonly ended: bigint | undefined;
}

/** Whether an error says that there is no room. */
export function isFull(error: unknown): boolean {
  const code = (error as { code?: unknown })?.code;
  return code === "ENOSPC" || code === "EDQUOT";
}

async function appendTail(
  file: Deno.FsFile,
  cube: Unfinished,
): Promise<void> {
  const { header, dataBytes, rows } = cube;
  const end = header.bytes.length + dataBytes;
  await file.truncate(end);
  await file.seek(end, Deno.SeekMode.Start);
  await writeAll(file, fillingAfter(dataBytes));
  for (const part of frameTableOf(rows, true)) await writeAll(file, part);
}

/**
 * Completes a cube and gives it its name. Where the disk is full, the room
 * that was kept for the table is given up first.
 *
 * @param cube What is there.
 * @returns The file.
 */
export async function completeCube(cube: Unfinished): Promise<string> {
  const part = partPath(cube.place);
  const rows = rowsPath(part);
  const target = join(cube.place.folder, cube.place.file);
  const file = await Deno.open(part, { read: true, write: true });
  try {
    try {
      await appendTail(file, cube);
    } catch (error) {
      if (!isFull(error)) throw error;
      await file.truncate(cube.header.bytes.length + cube.dataBytes);
      await removeIfThere(rows);
      await appendTail(file, cube);
    }
    cube.header.seal(cube.ended, cube.datasum);
    await file.seek(0, Deno.SeekMode.Start);
    await writeAll(file, cube.header.bytes);
    await file.sync();
  } finally {
    file.close();
  }
  await Deno.rename(part, target);
  await removeIfThere(rows);
  return target;
}
