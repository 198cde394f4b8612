/** What a tile-compressed image is, by the keywords of its table. @module */

import type { TileCodec, TileImage } from "../../../ffi/tiles.ts";
import { FitsError, quoted } from "../errors.ts";
import type { FitsHdu } from "../hdu.ts";
import { failAt, type FitsHeader } from "../header.ts";
import { type FitsBitpix, isBitpix } from "../types.ts";
import { findColumns, type TileColumns } from "./columns.ts";

/** A compressed image: what it is and where its tiles are. */
export interface TileTable {
  /** The table. */
  readonly hdu: FitsHdu;
  /** The image that its tiles make. */
  readonly image: TileImage;
  /** ZBITPIX. */
  readonly bitpix: FitsBitpix;
  /** How COMPRESSED_DATA is compressed. */
  readonly codec: TileCodec;
  /** RICE: bytes of the numbers that come out. */
  readonly riceBytes: number;
  /** Whether floats are stored as they are: ZQUANTIZ is NONE. */
  readonly lossless: boolean;
  /** Where the columns are. */
  readonly columns: TileColumns;
  /** ZSCALE and ZZERO where they are keywords. */
  readonly scale?: number;
  /** The same for ZZERO. */
  readonly zero?: number;
  /** ZBLANK, or BLANK in its place. */
  readonly blank?: bigint;
  /** Where the heap begins within the data. */
  readonly heap: number;
  /** How many tiles there are. */
  readonly count: number;
}

const CODECS: Readonly<Record<string, TileCodec>> = {
  RICE_1: "rice",
  RICE_ONE: "rice",
  GZIP_1: "gzip",
  GZIP_2: "gzipBytes",
  HCOMPRESS_1: "hcompress",
  PLIO_1: "plio",
  NOCOMPRESS: "stored",
};

const MOST_AXES = 8;
const MOST_BLOCK = 65_536;

/** Pixels of a tile: the helper decodes no more at once. */
const MOST_PIXELS = 2n ** 28n;

/** An integer that must be within limits. */
function within(
  header: FitsHeader,
  keyword: string,
  least: number,
  most: number,
  fallback?: number,
): number {
  const value = header.integer(
    keyword,
    fallback === undefined ? undefined : BigInt(fallback),
  );
  if (value < BigInt(least) || value > BigInt(most)) {
    failAt(header, keyword, `value is ${value}, not ${least} to ${most}`);
  }
  return Number(value);
}

function readCodec(header: FitsHeader): TileCodec {
  const name = (header.text("ZCMPTYPE") ?? "").trim().toUpperCase();
  const codec = CODECS[name];
  if (codec !== undefined) return codec;
  if (!header.has("ZCMPTYPE")) {
    failAt(header, "ZCMPTYPE", "ZCMPTYPE is missing");
  }
  return failAt(
    header,
    "ZCMPTYPE",
    `compression ${quoted(name)} is unknown; known are ` +
      Object.keys(CODECS).filter((known) => known !== "RICE_ONE").join(", "),
  );
}

/** ZVALn of the parameter with this name; by its place where names lack. */
function parameter(
  header: FitsHeader,
  name: string,
  place: number,
  fallback: number,
): number {
  let keyword = header.has(`ZNAME${place}`) ? "" : `ZVAL${place}`;
  for (const card of header.cards) {
    const n = /^ZNAME(\d+)$/.exec(card.keyword)?.[1];
    const own = String(card.value).trim().toUpperCase();
    if (n !== undefined && own === name) keyword = `ZVAL${n}`;
  }
  if (!header.has(keyword)) return fallback;
  const value = header.real(keyword, fallback);
  const number = Number(value);
  if (!Number.isInteger(number)) {
    failAt(header, keyword, `${name} is ${number}, an integer is needed`);
  }
  return number;
}

/** ZQUANTIZ. */
function readDither(
  header: FitsHeader,
): { dither: 0 | 1 | 2; lossless: boolean } {
  const name = (header.text("ZQUANTIZ") ?? "NO_DITHER").trim().toUpperCase();
  switch (name) {
    case "NONE":
      return { dither: 0, lossless: true };
    case "NO_DITHER":
      return { dither: 0, lossless: false };
    case "SUBTRACTIVE_DITHER_1":
      return { dither: 1, lossless: false };
    case "SUBTRACTIVE_DITHER_2":
      return { dither: 2, lossless: false };
    default:
      return failAt(
        header,
        "ZQUANTIZ",
        `quantization ${quoted(name)} is unknown`,
      );
  }
}

/** ZNAXISn and ZTILEn. */
function readGeometry(
  header: FitsHeader,
): { size: number[]; tile: number[]; count: bigint } {
  const axes = within(header, "ZNAXIS", 0, MOST_AXES);
  const most = Number.MAX_SAFE_INTEGER;
  const size: number[] = [];
  const tile: number[] = [];
  let pixels = 1n;
  let count = 1n;
  let perTile = 1n;
  for (let n = 1; n <= axes; n++) {
    const axis = within(header, `ZNAXIS${n}`, 0, most);
    const part = within(header, `ZTILE${n}`, 1, most, n === 1 ? axis || 1 : 1);
    size.push(axis);
    tile.push(part);
    pixels *= BigInt(axis);
    perTile *= BigInt(Math.min(axis, part));
    count *= BigInt(Math.ceil(axis / part));
  }
  if (pixels * 8n > BigInt(most)) {
    failAt(header, "ZNAXIS", `the product of the axes overflows: ${pixels}`);
  }
  if (perTile > MOST_PIXELS) {
    failAt(
      header,
      "ZTILE1",
      `a tile has ${perTile} pixels, at most ${MOST_PIXELS} can be read`,
    );
  }
  return { size, tile, count };
}

/** A number that may be a keyword. */
function optionalReal(
  header: FitsHeader,
  keyword: string,
): number | undefined {
  return header.has(keyword) ? Number(header.real(keyword, 0)) : undefined;
}

/**
 * Reads what a table says about the compressed image in it.
 *
 * @param hdu A table with `ZIMAGE = T`.
 * @returns The image and where its tiles are; no tile has been looked at.
 * @throws {FitsError} When a keyword is missing or wrong, or asks for what is
 * not supported.
 */
export function describeTiles(hdu: FitsHdu): TileTable {
  const { header } = hdu;
  const codec = readCodec(header);
  const columns = findColumns(hdu);
  if (header.has("ZMASKCMP")) {
    failAt(
      header,
      "ZMASKCMP",
      "a mask of pixels without value is not supported",
    );
  }
  if (columns.compressed === undefined) {
    throw new FitsError("the table has no column COMPRESSED_DATA");
  }
  const bitpix = Number(header.integer("ZBITPIX"));
  if (!isBitpix(bitpix)) {
    return failAt(header, "ZBITPIX", `value is ${bitpix}, no BITPIX`);
  }
  const { size, tile, count } = readGeometry(header);
  const rows = hdu.axes[1] ?? 0;
  if (count !== BigInt(rows) && !size.includes(0)) {
    failAt(
      header,
      "NAXIS2",
      `the table has ${rows} rows, the image ${count} tiles`,
    );
  }
  const heap = within(
    header,
    "THEAP",
    (hdu.axes[0] ?? 0) * rows,
    hdu.dataBytes,
    (hdu.axes[0] ?? 0) * rows,
  );
  const { dither, lossless } = readDither(header);
  const block = parameter(header, "BLOCKSIZE", 1, 32);
  const riceBytes = parameter(header, "BYTEPIX", 2, 4);
  if (codec === "rice") {
    if (block < 1 || block > MOST_BLOCK) {
      failAt(header, "ZVAL1", `BLOCKSIZE is ${block}, not 1 to ${MOST_BLOCK}`);
    }
    if (![1, 2, 4].includes(riceBytes)) {
      failAt(header, "ZVAL2", `BYTEPIX is ${riceBytes}, not 1, 2 or 4`);
    }
  }
  const scale = optionalReal(header, "ZSCALE");
  const zero = optionalReal(header, "ZZERO");
  const blank = ["ZBLANK", "BLANK"].find((keyword) => header.has(keyword));
  // What fits PLIO's unsigned values is stored without BZERO taken away.
  const shifted = codec === "plio" && bitpix === 16 &&
    Number(header.real("BZERO", 0)) === 32_768;
  return {
    hdu,
    bitpix,
    codec,
    riceBytes,
    lossless,
    columns,
    heap,
    count: rows,
    ...scale === undefined ? {} : { scale },
    ...zero === undefined ? {} : { zero },
    ...blank === undefined ? {} : { blank: header.integer(blank) },
    image: {
      size,
      tile,
      width: Math.abs(bitpix) / 8,
      floats: bitpix < 0,
      block,
      smooth: codec === "hcompress" && parameter(header, "SMOOTH", 2, 0) !== 0,
      dither,
      seed: dither === 0 || codec === "stored"
        ? 1
        : within(header, "ZDITHER0", 1, 10_000, 1),
      offset: shifted ? -32_768 : 0,
    },
  };
}
