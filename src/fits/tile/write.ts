/** Writes an image as compressed tiles in a binary table. @module */

import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { EncodedTiles } from "../../../ffi/tiles.ts";
import { addSums, Checksum } from "../checksum.ts";
import { encodePixels, ENCODINGS } from "../encode.ts";
import type { FitsCardInput } from "../format_card.ts";
import { structureCards } from "../image_cards.ts";
import type { ImageBody } from "../image_body.ts";
import { elementBytes, type FitsElementType } from "../types.ts";
import { sealedHeader } from "../write_header.ts";

/**
 * Compresses integers with RICE_1: `encodeRice` of shmim's helper.
 *
 * @param pixels Native integers.
 * @param width Bytes of one.
 * @param perTile Pixels of a tile; the last may have fewer.
 * @param flipSign Whether their sign bits are inverted.
 * @returns The tiles, one behind the other, and the length of each.
 */
export type TileEncoder = (
  pixels: Uint8Array<ArrayBuffer>,
  width: 1 | 2 | 4,
  perTile: number,
  flipSign: boolean,
) => Promise<EncodedTiles>;

/** How an image is compressed: always without loss. */
export type FitsCompression =
  | {
    /** RICE_1: integers of up to 32 bits. */
    readonly codec: "RICE_1";
    /** Compresses them. */
    readonly encode: TileEncoder;
    /** No more frames than this are written; 1 unless given. */
    readonly frames?: number;
  }
  | {
    /** GZIP_2: everything but integers of 64 bits. */
    readonly codec: "GZIP_2";
    /** No more frames than this are written; 1 unless given. */
    readonly frames?: number;
  };

/** Tiles have about so many pixels: rows are put together. */
const TILE_PIXELS = { RICE_1: 4096, GZIP_2: 32_768 } as const;

/** The block that the encoder of RICE_1 uses. */
const RICE_BLOCK = 32n;

/** From here on a heap needs 64-bit descriptors. */
const NARROW_HEAP = 2 ** 31 - 1;

/** Tiles that are packed at a time. */
const AT_A_TIME = 8;

/** Data that are hardly smaller are not worth a slower level. */
const GZIP_LEVEL = 1;

const pack = promisify(gzip) as (
  bytes: Uint8Array,
  options: { level: number },
) => Promise<Uint8Array>;

/**
 * The codec that suits a type.
 *
 * @param type An element type.
 * @returns RICE_1 for integers of up to 32 bits, GZIP_2 for floats.
 */
export function suitingCodec(type: FitsElementType): "RICE_1" | "GZIP_2" {
  return ENCODINGS[type].bitpix > 0 ? "RICE_1" : "GZIP_2";
}

/** Fails for a type that a codec cannot hold. */
function checkType(type: FitsElementType, codec: string): void {
  const { bitpix } = ENCODINGS[type];
  if (bitpix === 64) {
    throw new RangeError(
      `Cannot compress ${type}: no codec for integers of 64 bits is readable ` +
        "by other programs; a name that ends in .gz packs the whole file",
    );
  }
  if (codec === "RICE_1" && bitpix < 0) {
    throw new RangeError(
      `Cannot compress ${type} with RICE_1, which holds integers; GZIP_2 does`,
    );
  }
}

/** Puts the first bytes of all pixels first, then the second ones, … */
function shuffled(bytes: Uint8Array, width: number): Uint8Array {
  const pixels = bytes.length / width;
  const out = new Uint8Array(bytes.length);
  for (let k = 0; k < width; k++) {
    const from = k * pixels;
    for (let i = 0; i < pixels; i++) out[from + i] = bytes[i * width + k] ?? 0;
  }
  return out;
}

/**
 * A compressed image that grows frame by frame. What stands before the heap
 * (an empty primary HDU, the table's header, its rows) is written again when
 * all tiles are known; room for the rows of `frames` frames is kept free.
 *
 * @example Two frames
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { TileBody } from "./write.ts";
 *
 * const body = new TileBody("f32", [64, 2], { codec: "GZIP_2", frames: 2 });
 * const before = body.head([64, 2, 2], []);
 * for await (const _ of body.encode(new Float32Array(128))) continue;
 * for await (const _ of body.encode(new Float32Array(128))) continue;
 * assertEquals(body.head([64, 2, 2], []).length, before.length);
 * ```
 */
export class TileBody implements ImageBody {
  readonly #type: FitsElementType;
  readonly #compression: FitsCompression;
  /** The frame's axes as they are stored, complex pairs included. */
  readonly #frame: readonly number[];
  /** The same of a tile. */
  readonly #tile: readonly number[];
  readonly #perTile: number;
  readonly #capacity: number;
  readonly #wide: boolean;
  readonly #lengths: number[] = [];
  readonly #sum = new Checksum();
  #heapBytes = 0;

  /**
   * Chooses tiles for frames of this size; nothing is compressed yet.
   *
   * @param type The element type.
   * @param size The axes of a frame, 1 to 3 of them, the fastest first.
   * @param compression How to compress them.
   * @throws {RangeError} When the codec cannot hold the type.
   */
  constructor(
    type: FitsElementType,
    size: readonly number[],
    compression: FitsCompression,
  ) {
    checkType(type, compression.codec);
    this.#type = type;
    this.#compression = compression;
    const { pair, width } = ENCODINGS[type];
    this.#frame = pair === true ? [2, ...size] : [...size];
    const wanted = TILE_PIXELS[compression.codec];
    const tile = this.#frame.map(() => 1);
    let perTile = 1;
    // Whole axes, then as much of the next as makes a tile large enough.
    for (const [i, axis] of this.#frame.entries()) {
      tile[i] = i === 0
        ? axis
        : Math.min(axis, Math.max(1, Math.ceil(wanted / perTile)));
      perTile *= tile[i] ?? 1;
      if (tile[i] !== axis || perTile >= wanted) break;
    }
    this.#tile = tile;
    this.#perTile = perTile;
    const values = this.#frame.reduce((all, axis) => all * axis, 1);
    const frames = compression.frames ?? 1;
    this.#capacity = frames * Math.ceil(values / perTile);
    // No tile gets longer by more than this.
    const bound = (perTile * width * 1.05 + 128) * this.#capacity;
    this.#wide = bound > NARROW_HEAP;
  }

  /** Whether frames can be encoded several at a time: no tile has two. */
  get aligned(): boolean {
    return this.#frame.reduce((all, axis) => all * axis, 1) %
        this.#perTile === 0;
  }

  /** Bytes of the data: rows and heap. */
  get dataBytes(): number {
    return this.#rowBytes * this.#capacity + this.#heapBytes;
  }

  get #rowBytes(): number {
    return this.#wide ? 16 : 8;
  }

  /** {@inheritDoc ImageBody.structure} */
  structure(size: readonly number[]): FitsCardInput[] {
    const own = structureCards(this.#type, size).map((card) =>
      /^(SIMPLE|BITPIX|NAXIS\d*|EXTEND)$/.test(card.keyword)
        ? { ...card, keyword: `Z${card.keyword}` }
        : card
    );
    const axes = size.length + (ENCODINGS[this.#type].pair === true ? 1 : 0);
    const tile = Array.from({ length: axes }, (_, i) => this.#tile[i] ?? 1);
    const rows = this.#lengths.length;
    const room = this.#rowBytes * this.#capacity;
    const used = this.#rowBytes * rows;
    const longest = this.#lengths.reduce((a, b) => Math.max(a, b), 0);
    return [
      { keyword: "XTENSION", value: "BINTABLE", comment: "binary table" },
      { keyword: "BITPIX", value: 8n, comment: "bytes" },
      { keyword: "NAXIS", value: 2n, comment: "two axes" },
      {
        keyword: "NAXIS1",
        value: BigInt(this.#rowBytes),
        comment: "bytes of a row",
      },
      { keyword: "NAXIS2", value: BigInt(rows), comment: "tiles" },
      {
        keyword: "PCOUNT",
        value: BigInt(room - used + this.#heapBytes),
        comment: "bytes after the rows",
      },
      { keyword: "GCOUNT", value: 1n, comment: "one group" },
      { keyword: "TFIELDS", value: 1n, comment: "columns" },
      { keyword: "TTYPE1", value: "COMPRESSED_DATA", comment: "a tile" },
      {
        keyword: "TFORM1",
        value: `1${this.#wide ? "Q" : "P"}B(${longest})`,
        comment: "bytes in the heap",
      },
      { keyword: "THEAP", value: BigInt(room), comment: "where it begins" },
      { keyword: "ZIMAGE", value: true, comment: "a compressed image" },
      ...own.filter(({ keyword }) => keyword.startsWith("Z")),
      ...tile.map((axis, i) => ({
        keyword: `ZTILE${i + 1}`,
        value: BigInt(axis),
        comment: i === 0 ? "size of a tile" : "",
      })),
      {
        keyword: "ZCMPTYPE",
        value: this.#compression.codec,
        comment: "without loss",
      },
      ...this.#parameters(),
      {
        keyword: "EXTNAME",
        value: "COMPRESSED_IMAGE",
        comment: "as other programs call it",
      },
      ...own.filter(({ keyword }) => !keyword.startsWith("Z")),
    ];
  }

  /** The cards that only one codec or kind of pixel has. */
  #parameters(): FitsCardInput[] {
    if (this.#compression.codec === "GZIP_2") {
      return ENCODINGS[this.#type].bitpix > 0 ? [] : [{
        keyword: "ZQUANTIZ",
        value: "NONE",
        comment: "floats as they are",
      }];
    }
    const width = BigInt(ENCODINGS[this.#type].width);
    return [
      { keyword: "ZNAME1", value: "BLOCKSIZE", comment: "pixels of a block" },
      { keyword: "ZVAL1", value: RICE_BLOCK },
      { keyword: "ZNAME2", value: "BYTEPIX", comment: "bytes of a pixel" },
      { keyword: "ZVAL2", value: width },
    ];
  }

  /** {@inheritDoc ImageBody.head} */
  head(
    size: readonly number[],
    content: readonly FitsCardInput[],
  ): Uint8Array {
    const rows = this.#rows();
    const sum = new Checksum();
    sum.update(rows);
    const primary = sealedHeader([
      { keyword: "SIMPLE", value: true, comment: "standard FITS" },
      { keyword: "BITPIX", value: 8n, comment: "bits per value" },
      { keyword: "NAXIS", value: 0n, comment: "the image comes next" },
      { keyword: "EXTEND", value: true, comment: "extensions follow" },
    ], 0);
    const table = sealedHeader(
      [...this.structure(size), ...content],
      addSums(sum.value, this.#sum.value),
    );
    const all = new Uint8Array(primary.length + table.length + rows.length);
    all.set(primary);
    all.set(table, primary.length);
    all.set(rows, primary.length + table.length);
    return all;
  }

  /** The descriptors, and the room for those that may come. */
  #rows(): Uint8Array {
    const rows = new Uint8Array(this.#rowBytes * this.#capacity);
    const view = new DataView(rows.buffer);
    let at = 0;
    this.#lengths.forEach((bytes, i) => {
      if (this.#wide) {
        view.setBigInt64(16 * i, BigInt(bytes));
        view.setBigInt64(16 * i + 8, BigInt(at));
      } else {
        view.setInt32(8 * i, bytes);
        view.setInt32(8 * i + 4, at);
      }
      at += bytes;
    });
    return rows;
  }

  /** {@inheritDoc ImageBody.encode} */
  async *encode(
    data: ArrayBufferView,
  ): AsyncGenerator<Uint8Array, void, void> {
    const tiles = Math.ceil(this.#values(data) / this.#perTile);
    if (this.#lengths.length + tiles > this.#capacity) {
      throw new RangeError("More frames than there is room for");
    }
    const pieces = this.#compression.codec === "RICE_1"
      ? this.#rice(data, this.#compression.encode)
      : this.#gzip(data);
    for await (const bytes of pieces) {
      this.#sum.update(bytes);
      this.#heapBytes += bytes.length;
      yield bytes;
    }
  }

  /** Numbers in a frame: a complex pixel has two. */
  #values(data: ArrayBufferView): number {
    const { pair } = ENCODINGS[this.#type];
    return data.byteLength / elementBytes(this.#type) *
      (pair === true ? 2 : 1);
  }

  async *#rice(
    data: ArrayBufferView,
    encode: TileEncoder,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { width, zero } = ENCODINGS[this.#type];
    const { buffer, byteOffset, byteLength } = data;
    const { bytes, lengths } = await encode(
      new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
      width as 1 | 2 | 4,
      this.#perTile,
      zero !== undefined,
    );
    this.#lengths.push(...lengths);
    yield bytes;
  }

  async *#gzip(
    data: ArrayBufferView,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { width, pair } = ENCODINGS[this.#type];
    // In pixels, of which complex ones have two numbers.
    const step = this.#perTile / (pair === true ? 2 : 1);
    const pixels = data.byteLength / elementBytes(this.#type);
    for (let from = 0; from < pixels; from += step * AT_A_TIME) {
      const tiles: Promise<Uint8Array>[] = [];
      for (
        let at = from;
        at < Math.min(pixels, from + step * AT_A_TIME);
        at += step
      ) {
        const count = Math.min(step, pixels - at);
        const bytes = encodePixels(data, this.#type, at, count);
        tiles.push(pack(shuffled(bytes, width), { level: GZIP_LEVEL }));
      }
      for (const bytes of await Promise.all(tiles)) {
        this.#lengths.push(bytes.length);
        yield bytes;
      }
    }
  }
}
