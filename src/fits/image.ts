/** The pixels of one HDU. @module */

import { findConversion, type FitsConversion } from "./conversion.ts";
import { convertPixels } from "./convert.ts";
import { FitsError, withPlace } from "./errors.ts";
import type { FitsHdu } from "./hdu.ts";
import type { FitsHeader } from "./header.ts";
import {
  contiguousRun,
  type PixelRun,
  planSlice,
  select,
  type Selection,
  type SelectionOptions,
  sliceCount,
  type SlicePlan,
} from "./selection.ts";
import type { ByteSource } from "./source.ts";
import { TileSource } from "./tile/source.ts";
import {
  BLOCK_BYTES,
  type FitsBitpix,
  type FitsElementType,
  type FitsPixels,
} from "./types.ts";

/** Where the pixels lie in a file that can be mapped as it is. */
export interface FitsSpan {
  /** The offset of the first byte. */
  readonly offset: number;
  /** How many bytes. */
  readonly byteLength: number;
}

/** Whether the fastest axis is the pair re, im of a complex image. */
function isComplex(
  hdu: FitsHdu,
  conversion: FitsConversion,
  options: SelectionOptions,
): boolean {
  const range = options.section?.[0];
  const whole = range === undefined ||
    (range.first === "*" && range.step === 1);
  return hdu.bitpix < 0 && conversion.kind === "exact" && whole &&
    hdu.axes.length > 1 && hdu.axes[0] === 2 &&
    hdu.header.text("CTYPE1")?.toUpperCase() === "COMPLEX";
}

/** The options without the pair's own range. */
function withoutPair(options: SelectionOptions): SelectionOptions {
  const { section } = options;
  return section === undefined
    ? options
    : { ...options, section: section.slice(1) };
}

/**
 * The chosen pixels of one HDU: what they are, where they lie, and how to turn
 * them into numbers. Nothing is read before a `read` method is called.
 */
export class FitsImage {
  /** The HDU that holds the pixels. */
  readonly hdu: FitsHdu;
  /** The axes that come out, fastest first, trailing axes of 1 dropped. */
  readonly size: readonly number[];
  /** What has to be done with the stored bytes. */
  readonly conversion: FitsConversion;
  /** Bytes of one stored pixel; a complex pixel has both its parts. */
  readonly storedBytes: number;
  /** How many pixels come out. */
  readonly pixels: number;
  /** How many 2-D slices come out. */
  readonly sliceCount: number;
  /** Where all the pixels lie, in order; undefined where they are scattered. */
  readonly stored: FitsSpan | undefined;
  /** What the header says in vain. */
  readonly warnings: readonly string[];
  readonly #selection: Selection;
  readonly #source: ByteSource;

  /**
   * Works out what the pixels are; {@linkcode FitsFile} does this on opening.
   *
   * @param source The file.
   * @param hdu An image with pixels.
   * @param options Which of the pixels are wanted.
   * @throws {FitsError} When the header or the choice is wrong.
   */
  constructor(source: ByteSource, hdu: FitsHdu, options: SelectionOptions) {
    const place = { hdu: hdu.index };
    const found = withPlace(place, () => findConversion(hdu));
    const complex = isComplex(hdu, found.conversion, options);
    const axes = complex ? hdu.axes.slice(1) : hdu.axes;
    const wanted = complex ? withoutPair(options) : options;
    this.hdu = hdu;
    this.warnings = found.warnings.map((line) => `HDU ${hdu.index}: ${line}`);
    this.conversion = complex && found.conversion.kind === "exact"
      ? { ...found.conversion, type: hdu.bitpix === -32 ? "c64" : "c128" }
      : found.conversion;
    this.storedBytes = Math.abs(hdu.bitpix) / 8 * (complex ? 2 : 1);
    this.#source = source;
    this.#selection = withPlace(place, () => select(axes, wanted));
    this.size = this.#selection.size;
    this.pixels = this.size.reduce((all, axis) => all * axis, 1);
    this.sliceCount = sliceCount(this.#selection.taken);
    const run = contiguousRun(this.#selection);
    this.stored = run === undefined ? undefined : {
      offset: hdu.dataOffset + run.first * this.storedBytes,
      byteLength: run.count * this.storedBytes,
    };
  }

  /** The header of the HDU. */
  get header(): FitsHeader {
    return this.hdu.header;
  }

  /** BITPIX. */
  get bitpix(): FitsBitpix {
    return this.hdu.bitpix;
  }

  /** The element type that comes out. */
  get type(): FitsElementType {
    return this.conversion.type;
  }

  /** The tiles that hold the pixels, where they are compressed. */
  get tiles(): TileSource | undefined {
    return this.#source instanceof TileSource ? this.#source : undefined;
  }

  /** The file's bytes that are the pixels, if it can be mapped as it is. */
  get mappable(): FitsSpan | undefined {
    return this.#source.storage === "plain" ? this.stored : undefined;
  }

  /**
   * Reads one 2-D slice as it stands in the file.
   *
   * @param slice The slice's number, counted from 0.
   * @returns Big-endian pixels.
   * @throws {FitsError} When there is no such slice or the file ends early.
   */
  async readRawSlice(slice: number): Promise<Uint8Array<ArrayBuffer>> {
    const plan = withPlace(
      { hdu: this.hdu.index },
      () => planSlice(this.#selection, slice),
    );
    const bytes = await this.#readRun(plan.run);
    if (slice === this.sliceCount - 1) await this.#finish();
    const { start, columns, rows, columnStep } = plan;
    const inOrder = start === 0 && (columnStep === 1 || columns === 1);
    if (inOrder && plan.run.count === columns * rows) return bytes;
    return gather(bytes, plan, this.storedBytes);
  }

  /**
   * Reads one 2-D slice.
   *
   * @param slice The slice's number, counted from 0.
   * @returns Native pixels, the x axis fastest.
   * @throws {FitsError} When there is no such slice or the file ends early.
   */
  async readSlice(slice: number): Promise<FitsPixels> {
    return convertPixels(await this.readRawSlice(slice), this.conversion);
  }

  /**
   * Reads the slices one after another; no more than one is held.
   *
   * @returns The slices in order.
   * @throws {FitsError} When the file ends early.
   */
  async *slices(): AsyncGenerator<FitsPixels, void, void> {
    for (let i = 0; i < this.sliceCount; i++) yield await this.readSlice(i);
  }

  /**
   * Reads everything at once.
   *
   * @returns All pixels, the x axis fastest.
   * @throws {FitsError} When the file ends early.
   */
  async read(): Promise<FitsPixels> {
    const run = contiguousRun(this.#selection);
    if (run !== undefined) {
      const bytes = await this.#readRun(run);
      await this.#finish();
      return convertPixels(bytes, this.conversion);
    }
    const all = this.#allocate(this.pixels);
    let at = 0;
    for (let i = 0; i < this.sliceCount; i++) {
      const slice = await this.readRawSlice(i);
      all.set(slice, at);
      at += slice.length;
    }
    return convertPixels(all, this.conversion);
  }

  /** Memory for stored pixels. */
  #allocate(pixels: number): Uint8Array<ArrayBuffer> {
    try {
      return new Uint8Array(pixels * this.storedBytes);
    } catch (cause) {
      throw new FitsError(
        `image is too large to be read at once: ${pixels} pixels`,
        { hdu: this.hdu.index, cause },
      );
    }
  }

  /** Reads pixels that lie together. */
  async #readRun(run: PixelRun): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#allocate(run.count);
    const offset = this.hdu.dataOffset + run.first * this.storedBytes;
    const count = await this.#source.read(offset, bytes);
    if (count < bytes.length) {
      const had = Math.max(0, offset + count - this.hdu.dataOffset);
      throw new FitsError(
        `data are cut short: ${this.hdu.dataBytes} bytes are declared, ` +
          `the file ends after ${had}`,
        { hdu: this.hdu.index },
      );
    }
    return bytes;
  }

  /**
   * Lets gzip check its own sum, which it does at its end: reads the filling
   * and, where another HDU follows, the start of that; never further.
   */
  async #finish(): Promise<void> {
    if (this.#source.storage !== "gzip") return;
    const end = this.hdu.dataOffset + this.hdu.dataBytes;
    await this.#source.read(end, new Uint8Array(2 * BLOCK_BYTES));
  }
}

/** Picks a slice's pixels out of the run that holds them. */
function gather(
  run: Uint8Array,
  plan: SlicePlan,
  width: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(plan.columns * plan.rows * width);
  let at = 0;
  for (let y = 0; y < plan.rows; y++) {
    let from = (plan.start + y * plan.rowStep) * width;
    if (plan.columnStep === 1) {
      out.set(run.subarray(from, from + plan.columns * width), at);
      at += plan.columns * width;
      continue;
    }
    for (let x = 0; x < plan.columns; x++) {
      for (let i = 0; i < width; i++) out[at++] = run[from + i] ?? 0;
      from += plan.columnStep * width;
    }
  }
  return out;
}
