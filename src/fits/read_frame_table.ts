/** Reads the table of a cube's frames: columns of 64-bit integers. @module */

import { FitsError } from "./errors.ts";
import type { FitsFile } from "./file.ts";
import type { FitsHdu } from "./hdu.ts";

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

/** What a time is that is not known. */
export const UNKNOWN_TIME: bigint = -(1n << 63n);

/** Bytes of each kind of value in a table. */
const WIDTHS: Readonly<Record<string, number>> = {
  L: 1,
  B: 1,
  A: 1,
  I: 2,
  J: 4,
  E: 4,
  K: 8,
  D: 8,
  C: 8,
  P: 8,
  M: 16,
  Q: 16,
};

interface Column {
  readonly offset: number;
  readonly form: string;
  readonly zero: bigint;
}

/** The columns by their names. */
function columnsOf(hdu: FitsHdu): Map<string, Column> {
  const { header } = hdu;
  const columns = new Map<string, Column>();
  const count = Number(header.integer("TFIELDS", 0n));
  let offset = 0;
  for (let i = 1; i <= Math.min(999, count); i++) {
    const form = (header.text(`TFORM${i}`) ?? "").trim();
    const match = /^(\d*)([A-Z])/.exec(form);
    const width = WIDTHS[match?.[2] ?? ""];
    if (match === null || width === undefined) {
      throw new FitsError(`format of column ${i} cannot be read`, {
        hdu: hdu.index,
        keyword: `TFORM${i}`,
      });
    }
    const name = (header.text(`TTYPE${i}`) ?? "").trim().toUpperCase();
    const zero = header.integer(`TZERO${i}`, 0n);
    columns.set(name, { offset, form, zero });
    offset += width * Number(match[1] === "" ? 1 : match[1]);
  }
  return columns;
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
  const columns = columnsOf(hdu);
  const bytes = await file.readData(hdu, rowBytes * frames);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const column = (name: string): BigInt64Array | undefined => {
    const found = columns.get(name);
    if (found === undefined) return undefined;
    const { offset, form, zero } = found;
    if (!/^1?K$/.test(form) || offset + 8 > rowBytes) {
      throw new FitsError(`column ${name} holds no 64-bit integers`, {
        hdu: hdu.index,
      });
    }
    const values = new BigInt64Array(frames);
    for (let i = 0; i < frames; i++) {
      const value = view.getBigInt64(i * rowBytes + offset);
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
