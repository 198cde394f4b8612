/**
 * A recorded cube: its frames one by one, with their counters and times.
 * @module
 */

import { type PixelOrder, toNative } from "../../ffi/ring.ts";
import { decodeTiles } from "../../ffi/tiles.ts";
import {
  FitsFile,
  type FitsFrameColumns,
  type FitsName,
  type FitsStreamKeyword,
  readFrameTable,
  TileSource,
  toStreamKeywords,
  UNKNOWN_TIME,
} from "../fits/mod.ts";
import { castPixels } from "../load/cast.ts";
import { naturalType } from "../load/own_file.ts";
import { type DataType, sameAxes, TYPES } from "../stream/types.ts";

/** Which of the times of a frame tells when it is played. */
export type FrameClock = "acquired" | "written" | "arrived";

/** The clocks in the order in which they are tried. */
export const FRAME_CLOCKS: readonly FrameClock[] = [
  "acquired",
  "written",
  "arrived",
];

/** Where frames lie one behind the other: in a plain file, or in tiles. */
interface Direct {
  readonly file: Deno.FsFile | TileSource;
  readonly offset: number;
  readonly order: PixelOrder;
}

/** Fills memory from a file; less than all where it ends. */
async function readAt(
  file: Deno.FsFile | TileSource,
  offset: number,
  into: Uint8Array<ArrayBuffer>,
): Promise<number> {
  if (file instanceof TileSource) return await file.read(offset, into);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let done = 0; done < into.length;) {
    const count = await file.read(done === 0 ? into : into.subarray(done));
    if (count === null) return done;
    done += count;
  }
  return into.length;
}

/** An open recording. */
export class Recording implements Disposable {
  /** Path. */
  readonly path: string;
  /** The frames' data type. */
  readonly type: DataType;
  /** The frames' axes, fastest first. */
  readonly size: readonly number[];
  /** How many frames. */
  readonly frames: number;
  /** Bytes of a frame in memory. */
  readonly frameBytes: number;
  /** Counters and times; `undefined` where the file has no table. */
  readonly table: FitsFrameColumns | undefined;
  readonly #file: FitsFile;
  readonly #direct: Direct | undefined;
  #cached: { slice: number; bytes: Uint8Array<ArrayBuffer> } | undefined;

  private constructor(
    file: FitsFile,
    table: FitsFrameColumns | undefined,
  ) {
    const { image } = file;
    this.#file = file;
    this.path = file.path;
    this.type = naturalType(image);
    const last = image.size.at(-1) ?? 1;
    const along = table === undefined
      ? image.size.length > 2
      : image.size.length > 1 && last % table.frames === 0;
    this.frames = along ? table?.frames ?? last : 1;
    if (table !== undefined && table.frames !== this.frames) {
      throw new RangeError(
        `"${file.path}" has other frames than times: it is ` +
          `${image.size.join("x")}, its table has ${table.frames} rows`,
      );
    }
    this.table = table;
    // Merged with the axis of frames, where there is one more (`flatten`).
    const each = last / this.frames;
    const axes = along ? image.size.slice(0, -1) : image.size;
    this.size = along && each > 1 ? [...axes, each] : axes;
    const pixels = this.size.reduce((all, axis) => all * axis, 1);
    this.frameBytes = pixels * TYPES[this.type].bytes;
    const { conversion, stored, tiles } = image;
    if (
      stored !== undefined && conversion.kind === "exact" &&
      this.type === image.type && file.storage !== "gzip"
    ) {
      this.#direct = {
        file: tiles ?? Deno.openSync(file.path, { read: true }),
        offset: stored.offset,
        order: conversion,
      };
    }
  }

  /**
   * Opens a recording, or any cube. Needs the permission to read the file;
   * ffi.
   *
   * @param name The file, plain, packed or compressed.
   * @returns The open file; close it with `using`.
   * @throws {FitsError} where it is damaged.
   * @throws {RangeError} where its table has another number of frames.
   */
  static async open(name: string | FitsName): Promise<Recording> {
    const file = await FitsFile.open(name, {
      flatten: true,
      tiles: decodeTiles,
    });
    try {
      return new Recording(file, await readFrameTable(file));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The stream that it was recorded of. */
  get stream(): string | undefined {
    return this.#file.image.header.text("STREAM");
  }

  /** The stream's keywords when it began. */
  keywords(): readonly FitsStreamKeyword[] {
    return toStreamKeywords(this.#file.image.header).keywords;
  }

  /** Whether its frames go into a stream; axes of 1 at the end do not count. */
  fits({ type, size }: Pick<Recording, "type" | "size">): boolean {
    return type === this.type && sameAxes(size, this.size);
  }

  /** The times by one clock, where all of them are known and in order. */
  times(clock: FrameClock): BigInt64Array | undefined {
    const times = this.table?.[clock];
    if (times === undefined) return undefined;
    for (let i = 0; i < times.length; i++) {
      const time = times[i] ?? UNKNOWN_TIME;
      if (time === UNKNOWN_TIME) return undefined;
      if (i > 0 && time < (times[i - 1] ?? 0n)) return undefined;
    }
    return times;
  }

  /**
   * Reads frames that follow each other.
   *
   * @param from The first one.
   * @param into Takes whole frames, native.
   */
  async read(from: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#direct === undefined) {
      for (let at = 0; at < into.length; at += this.frameBytes) {
        into.set(await this.#frame(from + at / this.frameBytes), at);
      }
      return;
    }
    const { file, offset, order } = this.#direct;
    const count = await readAt(file, offset + from * this.frameBytes, into);
    if (count < into.length) {
      throw new RangeError(`"${this.path}" became shorter`);
    }
    await toNative(into, order);
  }

  /** One frame of a file that is packed, scaled, or of another type. */
  async #frame(index: number): Promise<Uint8Array<ArrayBuffer>> {
    const { image } = this.#file;
    const perFrame = image.sliceCount / this.frames;
    if (perFrame < 1) { // a row each, all of them one slice
      const start = index * this.frameBytes;
      return (await this.#slice(0)).subarray(start, start + this.frameBytes);
    }
    if (perFrame === 1) return await this.#slice(index);
    const frame = new Uint8Array(this.frameBytes);
    const bytes = this.frameBytes / perFrame;
    for (let k = 0; k < perFrame; k++) {
      frame.set(await this.#slice(index * perFrame + k), k * bytes);
    }
    return frame;
  }

  async #slice(slice: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#cached?.slice === slice) return this.#cached.bytes;
    const { image } = this.#file;
    const pixels = await image.readSlice(slice);
    const native = this.type === image.type
      ? pixels
      : castPixels(pixels, this.type);
    const bytes = new Uint8Array(
      native.buffer,
      native.byteOffset,
      native.byteLength,
    );
    this.#cached = { slice, bytes };
    return bytes;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#direct?.file.close(); // of tiles: nothing, they are the file's
    this.#file.close();
  }
}
