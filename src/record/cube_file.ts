/**
 * A cube on its way to the disk. What is written is a FITS file at any
 * moment: frames first, then the one card that counts them. The rows of its
 * table wait in a file beside it until the cube is complete, because a table
 * has its place behind the last frame. That file begins with some bytes of
 * nothing, whose room is the table's where the disk is full.
 * @module
 */

import { OpenFile } from "../../ffi/files.ts";
import { removeIfThere, writeAll } from "../files/whole_file.ts";
import {
  addSums,
  type FitsElementType,
  type FitsFrameInfo,
  type FitsWriteOptions,
} from "../fits/mod.ts";
import {
  ARRIVAL_ROW_BYTES,
  GrowingHeader,
  putArrivalRow,
} from "../fits/parts.ts";
import { completeCube, RESERVE_BYTES } from "./complete.ts";
import { type CubePlace, partPath, rowsPath } from "./names.ts";

/** What a cube is made of. */
export interface CubeOptions {
  /** Where it goes. */
  readonly place: CubePlace;
  /** The frames' element type. */
  readonly type: FitsElementType;
  /** The frames' axes, fastest first. */
  readonly size: readonly number[];
  /** What goes into its header. */
  readonly header: FitsWriteOptions;
}

/** Frames as they are stored. */
export interface EncodedFrames {
  /** Big-endian pixels. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Their sum, at their place in the data unit. */
  readonly sum: number;
  /** What is known of each frame. */
  readonly infos: readonly FitsFrameInfo[];
}

/** Rows of a table that grows. */
class Rows {
  #bytes = new Uint8Array(1024 * ARRIVAL_ROW_BYTES);
  #length = 0;

  add(infos: readonly FitsFrameInfo[]): Uint8Array<ArrayBuffer> {
    const from = this.#length;
    const end = from + infos.length * ARRIVAL_ROW_BYTES;
    if (end > this.#bytes.length) {
      const more = new Uint8Array(2 * end);
      more.set(this.#bytes.subarray(0, from));
      this.#bytes = more;
    }
    const view = new DataView(this.#bytes.buffer);
    infos.forEach((info, i) =>
      putArrivalRow(view, from + i * ARRIVAL_ROW_BYTES, info)
    );
    this.#length = end;
    return this.#bytes.subarray(from, end);
  }

  first(count: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, count * ARRIVAL_ROW_BYTES);
  }
}

/** A cube that grows. */
export class CubeFile {
  /** Where it goes. */
  readonly place: CubePlace;
  /** Keywords that did not make it into the header. */
  readonly losses: readonly string[];
  readonly #data: Deno.FsFile;
  readonly #patch: Deno.FsFile;
  readonly #side: Deno.FsFile;
  readonly #lock: OpenFile;
  readonly #header: GrowingHeader;
  readonly #rows = new Rows();
  #frames = 0;
  #bytes = 0;
  #sum = 0;
  #ended: bigint | undefined;
  #closed = false;

  private constructor(
    place: CubePlace,
    made: { header: GrowingHeader; losses: readonly string[] },
    files: { data: Deno.FsFile; patch: Deno.FsFile; side: Deno.FsFile },
    lock: OpenFile,
  ) {
    this.place = place;
    this.losses = made.losses;
    this.#header = made.header;
    this.#data = files.data;
    this.#patch = files.patch;
    this.#side = files.side;
    this.#lock = lock;
  }

  /**
   * Starts a cube of no frames.
   *
   * @param options What it is made of.
   * @throws {Deno.errors.AlreadyExists} where one of this name is under way.
   */
  static async create(options: CubeOptions): Promise<CubeFile> {
    const { place, type, size } = options;
    const made = GrowingHeader.create(type, size, options.header);
    const part = partPath(place);
    const rows = rowsPath(part);
    await Deno.mkdir(place.folder, { recursive: true });
    await using undo = new AsyncDisposableStack();
    const side = await Deno.open(rows, { write: true, createNew: true });
    undo.defer(() => side.close());
    undo.defer(() => removeIfThere(rows));
    await writeAll(side, new Uint8Array(RESERVE_BYTES));
    const data = await Deno.open(part, { write: true, createNew: true });
    undo.defer(() => data.close());
    undo.defer(() => removeIfThere(part));
    await writeAll(data, made.header.bytes);
    const lock = undo.use(OpenFile.open(part, { writable: true }));
    // Says to whoever tidies up that somebody is at work; he may be looking.
    while (!lock.lock()) await new Promise((resolve) => setTimeout(resolve, 1));
    const patch = await Deno.open(part, { write: true });
    undo.move();
    return new CubeFile(place, made, { data, patch, side }, lock);
  }

  /** Frames that are safe: whole, and counted in the header. */
  get frames(): number {
    return this.#frames;
  }

  /** Bytes of these frames: where the next ones begin in the data unit. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Appends frames: their rows, their pixels, then their number. Where it
   * fails, those from before are as safe as they were.
   */
  async append({ bytes, sum, infos }: EncodedFrames): Promise<void> {
    const rows = this.#rows.add(infos);
    await writeAll(this.#side, rows);
    await writeAll(this.#data, bytes);
    const frames = this.#frames + infos.length;
    const { at, card } = this.#header.count(frames);
    try {
      await this.#patch.seek(at, Deno.SeekMode.Start);
      await writeAll(this.#patch, card);
    } catch (error) {
      this.#header.count(this.#frames);
      throw error;
    }
    this.#frames = frames;
    this.#bytes += bytes.length;
    this.#sum = addSums(this.#sum, sum);
    this.#ended = infos.at(-1)?.acquired ?? this.#ended;
  }

  /** Rows of the table, as many as there are safe frames. */
  rows(): Uint8Array<ArrayBuffer> {
    return this.#rows.first(this.#frames);
  }

  /**
   * Completes the cube and gives it its name; one of no frames vanishes.
   *
   * @returns The file, `undefined` where there is none.
   */
  async finish(): Promise<string | undefined> {
    try {
      this.#close();
      if (this.#frames === 0) {
        const part = partPath(this.place);
        await removeIfThere(part);
        await removeIfThere(rowsPath(part));
        return undefined;
      }
      return await completeCube({
        place: this.place,
        header: this.#header,
        dataBytes: this.#bytes,
        datasum: this.#sum,
        rows: this.rows(),
        ended: this.#ended,
      });
    } finally {
      this.#lock.close();
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#data.close();
    this.#patch.close();
    this.#side.close();
  }

  /** Lets go of the files as they are. */
  [Symbol.dispose](): void {
    this.#close();
    this.#lock.close();
  }
}
