/** Reads the table of a cube's frames: columns of 64-bit integers. @module */

import { FitsError, withPlace } from "./errors.ts";
import type { FitsFile } from "./file.ts";
import { UNKNOWN_TIME } from "./frame_table.ts";
import { tableColumns } from "./table_columns.ts";

/** The columns of a table of frames; a time may be unknown. */
export interface FitsFrameColumns {
  /** How many frames. */
  readonly frames: number;
  /** Counters of the stream, as unsigned 64-bit integers. */
  readonly cnt0: BigInt64Array | undefined;
  /** Second counters of the stream. */
  readonly cnt1: BigInt64Array | undefined;
  /** When each frame was taken: ns since 1970, UTC. */
  readonly acquired: BigInt64Array | undefined;
  /** When each frame was written to the stream. */
  readonly written: BigInt64Array | undefined;
  /** When each frame was noticed. */
  readonly arrived: BigInt64Array | undefined;
}

/**
 * Reads the table called FRAMES.
 *
 * @param file An open file.
 * @returns Its columns; undefined when the file has no such table.
 * @throws {FitsError} When the table is damaged.
 */
export async function readFrameTable(
  file: FitsFile,
): Promise<FitsFrameColumns | undefined> {
  const hdu = (await file.hdus()).find(({ kind, name }) =>
    kind === "bintable" && name.trim().toUpperCase() === "FRAMES"
  );
  if (hdu === undefined) return undefined;
  const [rowBytes = 0, frames = 0] = hdu.axes;
  const place = { path: file.path, hdu: hdu.index };
  const columns = new Map(
    withPlace(place, () => tableColumns(hdu)).map((one) => [one.name, one]),
  );
  const bytes = await file.readData(hdu, rowBytes * frames);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const column = (name: string): BigInt64Array | undefined => {
    const found = columns.get(name);
    if (found === undefined) return undefined;
    const { number, at, letter, repeat } = found;
    if (letter !== "K" || repeat !== 1) {
      throw new FitsError(`column ${name} holds no 64-bit integers`, place);
    }
    const zero = withPlace(
      place,
      () => hdu.header.integer(`TZERO${number}`, 0n),
    );
    const values = new BigInt64Array(frames);
    for (let i = 0; i < frames; i++) {
      const value = view.getBigInt64(i * rowBytes + at);
      values[i] = value === UNKNOWN_TIME && zero === 0n ? value : value + zero;
    }
    return values;
  };
  return {
    frames,
    cnt0: column("CNT0"),
    cnt1: column("CNT1"),
    acquired: column("ATIME"),
    written: column("WTIME"),
    arrived: column("ARRIVAL"),
  };
}
