/** A compressed image as the bytes that it would have. @module */

import type {
  Tile,
  TileBatch,
  TileCodec,
  TileFailure,
} from "../../../ffi/tiles.ts";
import { FitsError } from "../errors.ts";
import type { ByteSource } from "../source.ts";
import { BLOCK_BYTES } from "../types.ts";
import { readDescriptor, readNumber } from "./columns.ts";
import type { TileTable } from "./describe.ts";

/**
 * Decodes tiles: `decodeTiles` of shmim's helper.
 *
 * @param batch The tiles.
 * @param out Takes the wanted pixels, big-endian; `undefined` only looks
 * whether they can be read.
 * @returns Which tile cannot be read; `undefined` where all went well.
 */
export type TileDecoder = (
  batch: TileBatch,
  out: Uint8Array<ArrayBuffer> | undefined,
) => Promise<TileFailure | undefined>;

/** Compressed bytes that are read at a time, a single tile excepted. */
const BATCH_BYTES = 1 << 24;

/** Tiles that are looked at at a time. */
const BATCH_TILES = 1 << 14;

/** Pixels that are kept where tiles hold more than was asked for. */
const KEPT_BYTES = 1 << 28;

/** A tile in the heap: not read yet. */
interface HeapTile extends Omit<Tile, "from"> {
  /** Where its bytes are in the heap. */
  readonly at: number;
}

/** A run of pixels. */
interface Run {
  readonly from: number;
  readonly pixels: number;
}

/** The bytes of an image whose tiles are decoded as they are asked for. */
export class TileSource implements ByteSource {
  readonly storage = "tiles";
  readonly limit: number;
  readonly #table: TileTable;
  readonly #source: ByteSource;
  readonly #decode: TileDecoder;
  #whole: Uint8Array | undefined;
  #kept: (Run & { readonly bytes: Uint8Array<ArrayBuffer> }) | undefined;

  /**
   * Puts the tiles in the place of a file; nothing is read yet.
   *
   * @param source The file; it is not closed with this object.
   * @param table The table with the tiles.
   * @param decode Decodes them.
   */
  constructor(source: ByteSource, table: TileTable, decode: TileDecoder) {
    this.#source = source;
    this.#table = table;
    this.#decode = decode;
    const { size, width } = table.image;
    this.limit = size.reduce((all, axis) => all * axis, width);
  }

  /** {@inheritDoc ByteSource.read} */
  async read(offset: number, into: Uint8Array): Promise<number> {
    const { width } = this.#table.image;
    const bytes = Math.min(into.length, Math.max(0, this.limit - offset));
    const run = { from: offset / width, pixels: bytes / width };
    const out = into.subarray(0, bytes) as Uint8Array<ArrayBuffer>;
    const kept = await this.#keep(run);
    if (kept === undefined) await this.#decodeInto(run, out);
    else {
      const at = (run.from - kept.from) * width;
      out.set(kept.bytes.subarray(at, at + bytes));
    }
    return bytes;
  }

  /** Does nothing: the file belongs to who opened it. */
  close(): void {}

  /**
   * The tiles of a run of pixels, with their bytes, a batch at a time.
   *
   * @param from The first pixel.
   * @param pixels How many.
   * @returns The batches in order.
   * @throws {FitsError} When a descriptor leads out of the heap, or the file
   * ends early.
   */
  async *batches(
    from: number,
    pixels: number,
  ): AsyncGenerator<TileBatch, void, void> {
    const [low, high] = this.#tilesOf({ from, pixels });
    for (let next = low; next < high;) {
      const count = Math.min(BATCH_TILES, high - next);
      const found = await this.#describe(next, count);
      for (let i = 0; i < found.length;) {
        let end = i;
        let bytes = 0;
        do bytes += found[end++]?.bytes ?? 0; while (
          end < found.length && bytes + (found[end]?.bytes ?? 0) <= BATCH_BYTES
        );
        const part = found.slice(i, end);
        yield { ...await this.#fetch(next + i, part), from, pixels };
        i = end;
      }
      next += count;
    }
  }

  /**
   * Looks whether all tiles of a run can be read.
   *
   * @param from The first pixel.
   * @param pixels How many.
   * @throws {FitsError} When one cannot.
   */
  async rehearse(from: number, pixels: number): Promise<void> {
    await this.#decodeInto({ from, pixels }, undefined);
  }

  /**
   * Says which tile cannot be read.
   *
   * @param failure What the decoder found.
   * @returns The error to throw.
   */
  failure({ tile, problem }: TileFailure): FitsError {
    return this.#error(tile, problem);
  }

  #error(tile: number, problem: string): FitsError {
    return new FitsError(
      `tile ${tile + 1} of ${this.#table.count}: ${problem}`,
      { hdu: this.#table.hdu.index },
    );
  }

  async #decodeInto(
    run: Run,
    out: Uint8Array<ArrayBuffer> | undefined,
  ): Promise<void> {
    for await (const batch of this.batches(run.from, run.pixels)) {
      const failure = await this.#decode(batch, out);
      if (failure !== undefined) {
        throw this.#error(failure.tile, failure.problem);
      }
    }
  }

  /**
   * Pixels that hold a run, where its tiles reach further: else every slice
   * of a cube would decode the tiles that it shares with others.
   */
  async #keep(
    run: Run,
  ): Promise<(Run & { bytes: Uint8Array<ArrayBuffer> }) | undefined> {
    const kept = this.#kept;
    if (
      kept !== undefined && run.from >= kept.from &&
      run.from + run.pixels <= kept.from + kept.pixels
    ) return kept;
    this.#kept = undefined;
    const [low, high] = this.#tilesOf(run);
    const from = this.#first(low);
    const pixels = this.#last(high - 1) + 1 - from;
    const bytes = pixels * this.#table.image.width;
    if (pixels <= run.pixels || bytes > KEPT_BYTES) return undefined;
    const more = { from, pixels, bytes: new Uint8Array(bytes) };
    await this.#decodeInto(more, more.bytes);
    this.#kept = more;
    return more;
  }

  /** The first pixel of a tile. */
  #first(tile: number): number {
    return this.#corner(tile, (from) => from);
  }

  /** The last pixel of a tile. */
  #last(tile: number): number {
    return this.#corner(tile, (_, end) => end - 1);
  }

  #corner(tile: number, pick: (from: number, end: number) => number): number {
    const { size, tile: part } = this.#table.image;
    let rest = tile;
    let stride = 1;
    let pixel = 0;
    size.forEach((axis, i) => {
      const width = part[i] ?? 1;
      const across = Math.ceil(axis / width);
      const from = rest % across * width;
      rest = Math.floor(rest / across);
      pixel += pick(from, Math.min(from + width, axis)) * stride;
      stride *= axis;
    });
    return pixel;
  }

  /** The tiles that a run meets: first and last pixels rise with them. */
  #tilesOf({ from, pixels }: Run): [number, number] {
    const least = (meets: (tile: number) => boolean): number => {
      let [low, high] = [0, this.#table.count];
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (meets(middle)) high = middle;
        else low = middle + 1;
      }
      return low;
    };
    return [
      least((tile) => this.#last(tile) >= from),
      least((tile) => this.#first(tile) >= from + pixels),
    ];
  }

  /** Reads bytes of the table's data. */
  async #readAt(
    offset: number,
    bytes: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { hdu } = this.#table;
    const into = new Uint8Array(bytes);
    if (this.#source.storage === "gzip") {
      // There is no going back in it: it is inflated once, to its end.
      this.#whole ??= await this.#slurp();
      into.set(this.#whole.subarray(offset, offset + bytes));
      return into;
    }
    const count = await this.#source.read(hdu.dataOffset + offset, into);
    if (count < bytes) throw this.#short(offset + count);
    return into;
  }

  async #slurp(): Promise<Uint8Array> {
    const { hdu } = this.#table;
    const all = new Uint8Array(hdu.dataBytes + 2 * BLOCK_BYTES);
    const count = await this.#source.read(hdu.dataOffset, all);
    if (count < hdu.dataBytes) throw this.#short(count);
    return all.subarray(0, hdu.dataBytes);
  }

  #short(had: number): FitsError {
    const { hdu } = this.#table;
    return new FitsError(
      `data are cut short: ${hdu.dataBytes} bytes are declared, ` +
        `the file ends after ${had}`,
      { hdu: hdu.index },
    );
  }

  /** Reads rows of the table. */
  async #describe(first: number, count: number): Promise<HeapTile[]> {
    const rowBytes = this.#table.hdu.axes[0] ?? 0;
    const rows = await this.#readAt(first * rowBytes, count * rowBytes);
    const view = new DataView(rows.buffer);
    return Array.from(
      { length: count },
      (_, i) => this.#describeRow(view, i * rowBytes, first + i),
    );
  }

  /** What one row says: the first of three columns that holds anything. */
  #describeRow(view: DataView, from: number, tile: number): HeapTile {
    const table = this.#table;
    const { columns, image } = table;
    for (const name of ["compressed", "gzip", "uncompressed"] as const) {
      const column = columns[name];
      if (column === undefined) continue;
      const { bytes, at } = readDescriptor(view, from, column);
      if (bytes === 0) continue;
      const room = table.hdu.dataBytes - table.heap;
      if (!(bytes > 0 && at >= 0 && at + bytes <= room)) {
        throw this.#error(
          tile,
          `${bytes} bytes at ${at} are not in the heap, which has ${room}`,
        );
      }
      const codec: TileCodec = name === "compressed"
        ? table.codec
        : name === "gzip"
        ? "gzip"
        : "stored";
      return {
        bytes,
        at,
        codec,
        width: codec === "rice" ? table.riceBytes : codec === "stored"
          // Bytes say nothing about the numbers in them.
          ? column.elementBytes === 1 ? image.width : column.elementBytes
          : 1,
        ...this.#quantization(view, from, name === "compressed"),
      };
    }
    throw this.#error(tile, "there are no data");
  }

  /** How the integers of a tile become floats. */
  #quantization(
    view: DataView,
    from: number,
    compressed: boolean,
  ): Pick<Tile, "quantized" | "scale" | "zero" | "blank"> {
    const table = this.#table;
    const { columns, codec } = table;
    const none = { quantized: false, scale: 1, zero: 0 };
    if (!compressed || !table.image.floats || table.lossless) return none;
    const number = (
      name: "scale" | "zero" | "blank",
    ): number | bigint | undefined =>
      columns[name] === undefined
        ? table[name]
        : readNumber(view, from, columns[name]);
    const scale = number("scale");
    // Without a scale there are floats in gzip, and integers elsewhere.
    const whole = codec === "gzip" || codec === "gzipBytes" ||
      codec === "stored";
    if (scale === undefined && whole) return none;
    const blank = number("blank");
    return {
      quantized: true,
      scale: Number(scale ?? 1),
      zero: Number(number("zero") ?? 0),
      ...typeof blank === "bigint" ? { blank } : {},
      ...typeof blank === "number" && Number.isInteger(blank)
        ? { blank: BigInt(blank) }
        : {},
    };
  }

  /** Reads the bytes of tiles: in one go where they lie together. */
  async #fetch(
    first: number,
    found: readonly HeapTile[],
  ): Promise<Omit<TileBatch, "from" | "pixels">> {
    const { heap, image } = this.#table;
    let [low, high, sum] = [Infinity, 0, 0];
    for (const { at, bytes } of found) {
      low = Math.min(low, at);
      high = Math.max(high, at + bytes);
      sum += bytes;
    }
    if (high - low <= sum + BLOCK_BYTES) {
      const bytes = await this.#readAt(heap + low, high - low);
      const tiles = found.map((tile) => ({ ...tile, from: tile.at - low }));
      return { image, first, tiles, bytes };
    }
    const bytes = new Uint8Array(sum);
    const tiles: Tile[] = [];
    let at = 0;
    for (const tile of found) {
      bytes.set(await this.#readAt(heap + tile.at, tile.bytes), at);
      tiles.push({ ...tile, from: at });
      at += tile.bytes;
    }
    return { image, first, tiles, bytes };
  }
}
