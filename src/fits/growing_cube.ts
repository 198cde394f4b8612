/** The header of a cube that grows frame by frame, in the file itself. @module */

import { ENCODINGS } from "./encode.ts";
import { stateCards, structureCards } from "./image_cards.ts";
import { contentCards, type FitsWriteOptions } from "./image_writer.ts";
import { CARD_BYTES, type FitsElementType } from "./types.ts";
import { openHeader, replaceCard, sealInPlace } from "./write_header.ts";

/**
 * A header whose last axis counts the frames that are in the file. It stays
 * valid at every length: only one card changes, in place. Its sums are empty
 * until `seal`.
 */
export class GrowingHeader {
  /** The whole header, as it is now. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #axis: string;

  /**
   * Takes a header that is there already.
   *
   * @param bytes A header, as `create` made it.
   * @param axes How many axes it has, that of the frames included.
   */
  constructor(bytes: Uint8Array<ArrayBuffer>, axes: number) {
    this.bytes = bytes;
    this.#axis = `NAXIS${axes}`;
  }

  /**
   * Makes the header of a cube of no frames.
   *
   * @param type The frames' element type.
   * @param size The frames' axes, 1 to 3 of them, fastest first.
   * @param options What goes into it; `acquired` is that of the first frame.
   * @returns The header, and which keywords did not make it.
   */
  static create(
    type: FitsElementType,
    size: readonly number[],
    options: FitsWriteOptions,
  ): { header: GrowingHeader; losses: readonly string[] } {
    const structure = structureCards(type, [...size, 0]);
    const times = options.acquired === undefined ? {} : { ended: null };
    const { cards, losses } = contentCards({ ...options, ...times }, structure);
    const bytes = openHeader([...structure, ...cards]);
    const pair = ENCODINGS[type].pair === true ? 1 : 0;
    const header = new GrowingHeader(
      bytes as Uint8Array<ArrayBuffer>,
      size.length + 1 + pair,
    );
    return { header, losses };
  }

  /**
   * Counts the frames anew.
   *
   * @param frames How many there are.
   * @returns The card that changed, and where it stands in the file.
   */
  count(frames: number): { at: number; card: Uint8Array<ArrayBuffer> } {
    const at = replaceCard(this.bytes, {
      keyword: this.#axis,
      value: BigInt(frames),
      comment: "",
    });
    if (at === undefined) throw new RangeError(`No ${this.#axis} to count in`);
    return { at, card: this.bytes.subarray(at, at + CARD_BYTES) };
  }

  /**
   * Completes it.
   *
   * @param ended When the last frame was taken, ns since 1970, UTC.
   * @param datasum The sum of the data unit.
   */
  seal(ended: bigint | undefined, datasum: number): void {
    const cards = stateCards({ ended: ended ?? null });
    const card = cards.find(({ keyword }) => keyword === "DATE-END");
    if (card !== undefined) replaceCard(this.bytes, card);
    sealInPlace(this.bytes, datasum);
  }
}
