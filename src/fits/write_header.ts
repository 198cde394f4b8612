/** Builds the bytes of a header, with the sums that seal it. @module */

import { addSums, Checksum, encodeChecksum } from "./checksum.ts";
import { type FitsCardInput, formatCard } from "./format_card.ts";
import { BLOCK_BYTES, CARD_BYTES } from "./types.ts";

/** The CHECKSUM that a header has while its sum is taken. */
const NO_CHECKSUM = "0000000000000000";

/** Writes the cards that end a header. */
function sealCards(
  checksum: string,
  datasum: number | undefined,
): FitsCardInput[] {
  return [
    { keyword: "CHECKSUM", value: checksum, comment: "HDU checksum" },
    {
      keyword: "DATASUM",
      value: datasum === undefined ? "" : String(datasum),
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

/**
 * Builds a header whose sums are not known: empty, as the convention has it.
 * It is as long as the sealed one.
 *
 * @param cards The cards, without CHECKSUM, DATASUM, LONGSTRN and END.
 * @returns Whole blocks.
 */
export function openHeader(cards: readonly FitsCardInput[]): Uint8Array {
  return blocksOf([...withLongString(cards), ...sealCards("", undefined)]);
}

/**
 * Replaces a card of a header by its keyword; its value is no long string.
 *
 * @param header The header, changed in place.
 * @param card The new card.
 * @returns Where the card begins; undefined when there is none.
 */
export function replaceCard(
  header: Uint8Array,
  card: FitsCardInput,
): number | undefined {
  const prefix = `${card.keyword.padEnd(8)}=`;
  const decoder = new TextDecoder("latin1");
  for (let at = 0; at < header.length; at += CARD_BYTES) {
    const start = header.subarray(at, at + prefix.length);
    if (decoder.decode(start) !== prefix) continue;
    const [text = ""] = formatCard(card).cards;
    header.set(new TextEncoder().encode(text), at);
    return at;
  }
  return undefined;
}

/**
 * Puts the sums into a header that has their cards.
 *
 * @param header The header, changed in place.
 * @param datasum The sum of the data unit.
 */
export function sealInPlace(header: Uint8Array, datasum: number): void {
  const [checksum, data] = sealCards(NO_CHECKSUM, datasum);
  if (checksum === undefined || data === undefined) return;
  replaceCard(header, data);
  replaceCard(header, checksum);
  const sum = new Checksum();
  sum.update(header);
  const value = encodeChecksum(addSums(sum.value, datasum));
  replaceCard(header, { ...checksum, value });
}
