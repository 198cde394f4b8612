/**
 * A complete cube compressed tile by tile, without loss: integers with RICE_1,
 * floats with GZIP_2. Header cards and the table of frames stay.
 * @module
 */

import { encodeRice } from "../../ffi/tiles.ts";
import { writeAll } from "../files/whole_file.ts";
import {
  type FitsCardInput,
  type FitsCompression,
  FitsFile,
  suitingCodec,
  TileBody,
} from "../fits/mod.ts";
import {
  ENCODINGS,
  fillingAfter,
  isTileKeyword,
  paddedBytes,
  structureCards,
} from "../fits/parts.ts";
import type { DataType } from "../stream/types.ts";
import type { Packer } from "./pack.ts";
import { Recording } from "./recording.ts";

/** Pixels that are compressed at a time. */
const BATCH_BYTES = 4 << 20;

/** The codec of a type, with room for so many frames. */
function compressionOf(type: DataType, frames: number): FitsCompression {
  return suitingCodec(type) === "RICE_1"
    ? { codec: "RICE_1", encode: encodeRice, frames }
    : { codec: "GZIP_2", frames };
}

/** Cards that a header gets by itself. */
const SEALS = ["CHECKSUM", "DATASUM", "LONGSTRN", "END"];

/** The cards after the structure, and which of them have no place. */
function contentOf(
  file: FitsFile,
  plain: readonly FitsCardInput[],
  tiled: readonly FitsCardInput[],
): { cards: FitsCardInput[]; losses: string[] } {
  const own = new Set([...plain.map(({ keyword }) => keyword), ...SEALS]);
  const taken = new Set(tiled.map(({ keyword }) => keyword));
  const cards: FitsCardInput[] = [];
  const losses: string[] = [];
  for (const { keyword, value, comment } of file.image.header.cards) {
    if (own.has(keyword) || value === undefined) continue;
    if (taken.has(keyword) || isTileKeyword(keyword)) {
      losses.push(
        `Keyword "${keyword}" belongs to compressed files: it is dropped`,
      );
    } else cards.push({ keyword, value, comment });
  }
  return { cards, losses };
}

/** Copies what follows a place of a file. */
async function copyTail(
  path: string,
  from: number,
  to: Deno.FsFile,
): Promise<void> {
  using file = await Deno.open(path, { read: true });
  await file.seek(from, Deno.SeekMode.Start);
  const chunk = new Uint8Array(1 << 18);
  for (let count; (count = await file.read(chunk)) !== null;) {
    await writeAll(to, chunk.subarray(0, count));
  }
}

/** Compresses the tiles of a cube. */
export const TILES: Packer = {
  suffix: ".fz",
  check(type): void {
    new TileBody(type, [1], compressionOf(type, 1));
  },
  async pack(plain, packed): Promise<readonly string[]> {
    using recording = await Recording.open({ path: plain });
    using file = await FitsFile.open({ path: plain }, { flatten: true });
    const { type, frameBytes } = recording;
    const { dataOffset, dataBytes, axes: stored } = file.image.hdu;
    // Complex pixels have an axis of their own.
    const axes = ENCODINGS[type].pair === true ? stored.slice(1) : stored;
    const size = axes.slice(0, -1);
    const frames = axes.at(-1) ?? 0;
    const body = new TileBody(type, size, compressionOf(type, frames));
    const { cards, losses } = contentOf(
      file,
      structureCards(type, axes),
      body.structure(axes),
    );
    await writeAll(packed, body.head(axes, cards));
    const most = body.aligned ? Math.ceil(BATCH_BYTES / frameBytes) : 1;
    const pixels = new Uint8Array(Math.min(most, frames) * frameBytes);
    for (let n = 0; n < frames; n += most) {
      const batch = pixels.subarray(0, (frames - n) * frameBytes);
      await recording.read(n, batch);
      for await (const bytes of body.encode(batch)) {
        await writeAll(packed, bytes);
      }
    }
    await writeAll(packed, fillingAfter(body.dataBytes));
    await copyTail(plain, dataOffset + paddedBytes(dataBytes), packed);
    await packed.seek(0, Deno.SeekMode.Start);
    await writeAll(packed, body.head(axes, cards));
    return losses;
  },
};
