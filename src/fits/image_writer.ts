/** Writes FITS files: the parts that an image and a cube share. @module */

import { AtomicFile } from "../files/atomic_file.ts";
import type { FitsCardInput } from "./format_card.ts";
import { type ImageBody, PlainBody } from "./image_body.ts";
import {
  fillingAfter,
  type FitsStreamState,
  stateCards,
} from "./image_cards.ts";
import { type FitsStreamKeyword, toHeaderKeywords } from "./keywords.ts";
import { isTileKeyword } from "./tile/restore.ts";
import { type FitsCompression, TileBody } from "./tile/write.ts";
import { elementBytes, type FitsElementType } from "./types.ts";

/** Pixels and what they are. */
export interface FitsImageData {
  /** The element type. */
  readonly type: FitsElementType;
  /** The axes, 1 to 3 of them, fastest first. */
  readonly size: readonly number[];
  /** Native pixels; complex ones interleaved, f16 as its bits. */
  readonly data: ArrayBufferView;
}

/** What goes into the header, and how the file is written. */
export interface FitsWriteOptions extends FitsStreamState {
  /** The stream's keywords. */
  readonly keywords?: readonly FitsStreamKeyword[];
  /** Further cards; they come before the keywords and win over them. */
  readonly cards?: readonly FitsCardInput[];
  /** Whether a keyword that is cut or dropped is an error. */
  readonly strict?: boolean;
  /** Whether the file is packed; by default when its name ends in `.gz`. */
  readonly gzip?: boolean;
  /** Whether and how the pixels are compressed tile by tile. */
  readonly compression?: FitsCompression;
}

/** What was written. */
export interface FitsWriteReport {
  /** The file; where the path is a symbolic link, what that leads to. */
  readonly path: string;
  /** How many frames. */
  readonly frames: number;
  /** One line for each keyword that was cut or dropped. */
  readonly losses: readonly string[];
}

/** Checks axes that are going to be written. */
function checkSize(size: readonly number[]): void {
  if (size.length < 1 || size.length > 3) {
    throw new RangeError(`Cannot write ${size.length} axes, 1 to 3 are needed`);
  }
  for (const axis of size) {
    if (!Number.isSafeInteger(axis) || axis < 1) {
      throw new RangeError(`Cannot write an axis of ${axis}`);
    }
  }
}

/** Checks that a frame has the bytes that its size and type ask for. */
function checkBytes(
  data: ArrayBufferView,
  type: FitsElementType,
  pixels: number,
): void {
  const wanted = pixels * elementBytes(type);
  if (data.byteLength !== wanted) {
    throw new RangeError(
      `Cannot write a frame of ${data.byteLength} bytes, ` +
        `its size and type ask for ${wanted}`,
    );
  }
}

/** The cards that follow the structure, and what was lost on the way. */
export function contentCards(
  options: FitsWriteOptions,
  structure: readonly FitsCardInput[],
): { cards: FitsCardInput[]; losses: readonly string[] } {
  const own = [...stateCards(options), ...options.cards ?? []];
  const keywords = options.keywords ?? [];
  const reserved = [...structure, ...own].map(({ keyword }) => keyword);
  if (options.compression !== undefined) {
    reserved.push(...keywords.map(({ name }) => name).filter(isTileKeyword));
  }
  const mapped = toHeaderKeywords(keywords, {
    strict: options.strict ?? false,
    reserved: reserved.map((keyword) => keyword.toUpperCase()),
  });
  return { cards: [...own, ...mapped.cards], losses: mapped.losses };
}

/**
 * A file with an image: header, then pixels as they come, then the sums are
 * put into the header. Nothing is seen under the file's name before `seal`.
 */
export class ImageWriter {
  /** Pixels in one frame. */
  readonly pixels: number;
  readonly #file: AtomicFile;
  readonly #path: string;
  readonly #type: FitsElementType;
  readonly #body: ImageBody;
  #losses: readonly string[] = [];
  #content: readonly FitsCardInput[] = [];

  private constructor(
    file: AtomicFile,
    path: string,
    type: FitsElementType,
    size: readonly number[],
    body: ImageBody,
  ) {
    this.#body = body;
    this.#file = file;
    this.#path = path;
    this.#type = type;
    this.pixels = size.reduce((all, axis) => all * axis, 1);
  }

  /**
   * Creates the temporary file.
   *
   * @param path The file that shall appear in the end.
   * @param type The element type.
   * @param size The axes of one frame.
   * @param compression Whether and how the pixels are compressed.
   * @returns The writer.
   * @throws {RangeError} When size or type cannot be written.
   */
  static async create(
    path: string,
    type: FitsElementType,
    size: readonly number[],
    compression?: FitsCompression,
  ): Promise<ImageWriter> {
    checkSize(size);
    const body = compression === undefined
      ? new PlainBody(type)
      : new TileBody(type, size, compression);
    const file = await AtomicFile.create(path);
    return new ImageWriter(file, path, type, size, body);
  }

  /** The cards after the structure. */
  get content(): readonly FitsCardInput[] {
    return this.#content;
  }

  /**
   * Writes the header for the first time, its sums still missing.
   *
   * @param size All axes; their lengths may be others in the end.
   * @param options What goes into the header.
   * @throws {FitsError} In strict mode, when a keyword is cut or dropped.
   */
  async start(
    size: readonly number[],
    options: FitsWriteOptions,
  ): Promise<void> {
    const structure = this.#body.structure(size);
    const { cards, losses } = contentCards(options, structure);
    this.#losses = losses;
    this.#content = cards;
    await this.#file.append(this.#body.head(size, cards));
  }

  /**
   * Checks one frame without writing it.
   *
   * @param data Native pixels.
   * @throws {RangeError} When the frame has the wrong number of bytes.
   */
  check(data: ArrayBufferView): void {
    checkBytes(data, this.#type, this.pixels);
  }

  /**
   * Encodes and writes one frame.
   *
   * @param data Native pixels.
   * @throws {RangeError} When the frame has the wrong number of bytes.
   */
  async append(data: ArrayBufferView): Promise<void> {
    this.check(data);
    for await (const bytes of this.#body.encode(data)) {
      await this.#file.append(bytes);
    }
  }

  /**
   * Fills the data up, appends what follows, completes the header and gives
   * the file its name.
   *
   * @param size All axes.
   * @param content The cards after the structure, as many as there were.
   * @param options Whether the file is packed.
   * @param tail What follows the data.
   * @returns The file, and which keywords did not make it.
   */
  async seal(
    size: readonly number[],
    content: readonly FitsCardInput[],
    options: FitsWriteOptions,
    tail: readonly Uint8Array[],
  ): Promise<Omit<FitsWriteReport, "frames">> {
    await this.#file.append(fillingAfter(this.#body.dataBytes));
    for (const part of tail) await this.#file.append(part);
    await this.#file.rewriteStart(this.#body.head(size, content));
    await this.#file.commit(options.gzip ?? /\.gz$/i.test(this.#path));
    return { path: this.#file.target, losses: this.#losses };
  }

  /** Removes what was written; does nothing after `seal`. */
  async discard(): Promise<void> {
    await this.#file.discard();
  }
}
