/** How an image's header and pixels stand in a file: as they are. @module */

import { Checksum } from "./checksum.ts";
import { encodePixels } from "./encode.ts";
import type { FitsCardInput } from "./format_card.ts";
import { structureCards } from "./image_cards.ts";
import { elementBytes, type FitsElementType } from "./types.ts";
import { sealedHeader } from "./write_header.ts";

/** Pixels encoded at a time. */
const CHUNK_PIXELS = 1 << 17;

/** What the file of an image is made of. */
export interface ImageBody {
  /** Bytes of the data unit so far. */
  readonly dataBytes: number;
  /**
   * The cards that say what the pixels are.
   *
   * @param size All axes, the fastest first.
   * @returns The cards, always as many.
   */
  structure(size: readonly number[]): FitsCardInput[];
  /**
   * What stands before the pixels, with the sums of those encoded so far.
   *
   * @param size All axes.
   * @param content The cards after the structure.
   * @returns Bytes, always as many.
   */
  head(size: readonly number[], content: readonly FitsCardInput[]): Uint8Array;
  /**
   * Encodes one frame.
   *
   * @param data Native pixels.
   * @returns What is to be appended to the file, piece by piece.
   */
  encode(data: ArrayBufferView): AsyncIterable<Uint8Array>;
}

/** Pixels as they are, big-endian. */
export class PlainBody implements ImageBody {
  readonly #type: FitsElementType;
  readonly #sum = new Checksum();
  #bytes = 0;

  /** @param type The element type. */
  constructor(type: FitsElementType) {
    this.#type = type;
  }

  /** {@inheritDoc ImageBody.dataBytes} */
  get dataBytes(): number {
    return this.#bytes;
  }

  /** {@inheritDoc ImageBody.structure} */
  structure(size: readonly number[]): FitsCardInput[] {
    return structureCards(this.#type, size);
  }

  /** {@inheritDoc ImageBody.head} */
  head(
    size: readonly number[],
    content: readonly FitsCardInput[],
  ): Uint8Array {
    const cards = [...this.structure(size), ...content];
    return sealedHeader(cards, this.#sum.value);
  }

  /** {@inheritDoc ImageBody.encode} */
  async *encode(
    data: ArrayBufferView,
  ): AsyncGenerator<Uint8Array, void, void> {
    const pixels = data.byteLength / elementBytes(this.#type);
    for (let from = 0; from < pixels; from += CHUNK_PIXELS) {
      const count = Math.min(CHUNK_PIXELS, pixels - from);
      const bytes = encodePixels(data, this.#type, from, count);
      this.#sum.update(bytes);
      this.#bytes += bytes.length;
      yield await Promise.resolve(bytes);
    }
  }
}
