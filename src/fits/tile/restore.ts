/** The image's own header, out of that of the table it lies in. @module */

import type { FitsCard } from "../card.ts";
import type { FitsHdu } from "../hdu.ts";
import { FitsHeader } from "../header.ts";
import type { TileTable } from "./describe.ts";

/** What the table put in the place of the image's own keywords. */
const RENAMED: Readonly<Record<string, string>> = {
  ZSIMPLE: "SIMPLE",
  ZTENSION: "XTENSION",
  ZEXTEND: "EXTEND",
  ZBLOCKED: "BLOCKED",
  ZPCOUNT: "PCOUNT",
  ZGCOUNT: "GCOUNT",
  ZHECKSUM: "CHECKSUM",
  ZDATASUM: "DATASUM",
  ZBITPIX: "BITPIX",
};

/** The table's own keywords. */
const OF_THE_TABLE =
  /^(SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|THEAP|CHECKSUM|DATASUM|T(TYPE|FORM|UNIT|NULL|SCAL|ZERO|DISP|DIM)\d+|Z(IMAGE|CMPTYPE|QUANTIZ|DITHER0|SCALE|ZERO|BLANK|TILE\d+|NAME\d+|VAL\d+))$/;

/** Keywords that say how an image is compressed, or what it was before. */
const OF_TILES =
  /^Z(SIMPLE|TENSION|EXTEND|BLOCKED|PCOUNT|GCOUNT|HECKSUM|DATASUM|BITPIX|NAXIS\d*|IMAGE|CMPTYPE|MASKCMP|QUANTIZ|DITHER0|SCALE|ZERO|BLANK|TILE\d+|NAME\d+|VAL\d+)$/;

/**
 * Whether a keyword would be taken for one of the compression's own.
 *
 * @param keyword A keyword, in any case.
 * @returns Whether an image that is to be compressed cannot have it.
 */
export function isTileKeyword(keyword: string): boolean {
  return OF_TILES.test(keyword.toUpperCase());
}

/** A card of the image, or none. */
function restored(card: FitsCard, table: TileTable): FitsCard | undefined {
  const keyword = card.keyword.toUpperCase();
  const renamed = RENAMED[keyword] ?? /^Z(NAXIS\d*)$/.exec(keyword)?.[1];
  if (renamed !== undefined) return { ...card, keyword: renamed };
  // Integers may have their ZBLANK only; floats have become NaN.
  if (keyword === "ZBLANK" && !table.image.floats) {
    return table.hdu.header.has("BLANK")
      ? undefined
      : { ...card, keyword: "BLANK" };
  }
  if (keyword === "BLANK" && table.image.floats) return undefined;
  if (OF_THE_TABLE.test(keyword)) return undefined;
  const named = keyword === "EXTNAME" && typeof card.value === "string" &&
    card.value.trim() === "COMPRESSED_IMAGE";
  return named ? undefined : card;
}

/**
 * The HDU that was compressed: what an image without tiles would be.
 *
 * @param table The table with the tiles.
 * @returns An image whose data begin at offset 0 of a source of their own.
 */
export function restoreHdu(table: TileTable): FitsHdu {
  const { hdu, image, bitpix } = table;
  const cards = hdu.header.cards.flatMap((card) => restored(card, table) ?? []);
  const pixels = image.size.reduce((all, axis) => all * axis, 1);
  return {
    ...hdu,
    kind: "image",
    header: FitsHeader.of(cards, hdu.header.cardCount),
    dataOffset: 0,
    dataBytes: image.size.length === 0 ? 0 : pixels * image.width,
    bitpix,
    axes: image.size,
    warnings: [],
  };
}
