/** Builds the bytes of a header, with the sums that seal it. @module */

import { addSums, Checksum, encodeChecksum } from "./checksum.ts";
import { type FitsCardInput, formatCard } from "./format_card.ts";
import { BLOCK_BYTES, CARD_BYTES } from "./types.ts";

/** The CHECKSUM that a header has while its sum is taken. */
const NO_CHECKSUM = "0000000000000000";

/** Writes the cards that end a header. */
function sealCards(checksum: string, datasum: number): FitsCardInput[] {
  return [
    { keyword: "CHECKSUM", value: checksum, comment: "HDU checksum" },
    {
      keyword: "DATASUM",
      value: String(datasum),
      comment: "data unit checksum",
    },
  ];
}

/** Puts cards, END and filling into whole blocks. */
function blocksOf(cards: readonly FitsCardInput[]): Uint8Array {
  const formatted = cards.map((card) => formatCard(card).cards);
  const text = `${formatted.flat().join("")}END`;
  const length = Math.ceil((text.length - 3 + CARD_BYTES) / BLOCK_BYTES) *
    BLOCK_BYTES;
  return new TextEncoder().encode(text.padEnd(length));
}

/** Inserts LONGSTRN before the first string that needs CONTINUE. */
function withLongString(cards: readonly FitsCardInput[]): FitsCardInput[] {
  const first = cards.findIndex((card) => formatCard(card).cards.length > 1);
  if (first < 0) return [...cards];
  const mark = {
    keyword: "LONGSTRN",
    value: "OGIP 1.0",
    comment: "long strings go on in CONTINUE cards",
  };
  return [...cards.slice(0, first), mark, ...cards.slice(first)];
}

/**
 * Builds a header. Its length depends on which cards there are, and not on the
 * sums: a header written early can be replaced when the data are summed.
 *
 * @param cards The cards, without CHECKSUM, DATASUM, LONGSTRN and END.
 * @param datasum The sum of the data unit.
 * @returns Whole blocks.
 */
export function sealedHeader(
  cards: readonly FitsCardInput[],
  datasum: number,
): Uint8Array {
  const all = withLongString(cards);
  const open = blocksOf([...all, ...sealCards(NO_CHECKSUM, datasum)]);
  const sum = new Checksum();
  sum.update(open);
  const whole = addSums(sum.value, datasum);
  return blocksOf([...all, ...sealCards(encodeChecksum(whole), datasum)]);
}
