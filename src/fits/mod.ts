/**
 * FITS files: images in, images out, with their keywords.
 *
 * Everything here is bytes and TypeScript; no native code is called. A file is
 * read in four layers, each of which knows only the one beneath it: card
 * (`card.ts`, `value.ts`), header (`header.ts`, `read_header.ts`), HDU
 * (`hdu.ts`, `scan.ts`, `conversion.ts`) and file (`file.ts`, `image.ts`).
 * Sizes are checked against the file before anything is allocated, and pixels
 * are read no sooner than they are asked for, one 2-D slice at a time.
 *
 * Who has a faster way to bring pixels into memory finds all it needs in
 * {@linkcode FitsImage}: `mappable` (offset and length in the file), `size`,
 * `bitpix` and `conversion` (bytes to reverse, sign bit to invert, or scale,
 * zero and blank).
 *
 * What is tolerated, with a line in {@linkcode FitsFile.warnings}: BITPIX and
 * NAXIS in another order, filling that is missing at the file's end, bytes
 * that are not ASCII outside of keywords, values that cannot be read and that
 * no size depends on, a BLANK that no pixel can be.
 *
 * Tile-compressed images (`ZIMAGE = T` in a binary table) are read by
 * `src/fits/tile/`: the table is described, the image's own header restored,
 * and a source of bytes put in the place of the file, which hands tiles to a
 * decoder that the caller gives ({@linkcode FitsOpenOptions.tiles}).
 *
 * @module
 */

export type { FitsCard } from "./card.ts";
export {
  addSums,
  Checksum,
  encodeChecksum,
  type FitsChecksumResult,
} from "./checksum.ts";
export type {
  FitsConversion,
  FitsExactConversion,
  FitsScaledConversion,
} from "./conversion.ts";
export { convertPixels, swapInPlace } from "./convert.ts";
export { FitsCubeWriter } from "./cube_writer.ts";
export { FitsError, type FitsPlace } from "./errors.ts";
export { FitsFile, type FitsOpenOptions } from "./file.ts";
export type { FitsCardInput } from "./format_card.ts";
export { type FitsFrameInfo, UNKNOWN_TIME } from "./frame_table.ts";
export type { FitsHdu, FitsHduKind } from "./hdu.ts";
export { FitsHeader } from "./header.ts";
export { FitsImage, type FitsSpan } from "./image.ts";
export type { FitsStreamState } from "./image_cards.ts";
export type {
  FitsImageData,
  FitsWriteOptions,
  FitsWriteReport,
} from "./image_writer.ts";
export {
  type FitsKeywordOptions,
  type FitsStreamKeyword,
  type HeaderKeywords,
  type StreamKeywords,
  toHeaderKeywords,
  toStreamKeywords,
} from "./keywords.ts";
export {
  type FitsHduChoice,
  type FitsName,
  type FitsRange,
  parseFitsName,
  parseHduChoice,
  parseSection,
} from "./name.ts";
export { type FitsFrameColumns, readFrameTable } from "./read_frame_table.ts";
export type { SelectionOptions } from "./selection.ts";
export type { ByteSource, RawBytes } from "./source.ts";
export type {
  FitsBitpix,
  FitsElementType,
  FitsPixels,
  FitsStoredType,
  FitsWidth,
} from "./types.ts";
export {
  type FitsCompression,
  suitingCodec,
  TileBody,
  type TileEncoder,
} from "./tile/write.ts";
export type { ImageBody } from "./image_body.ts";
export type { HeapColumn, NumberColumn, TileColumns } from "./tile/columns.ts";
export type { TileTable } from "./tile/describe.ts";
export { type TileDecoder, TileSource } from "./tile/source.ts";
export type { FitsComplex, FitsValue } from "./value.ts";
export { writeFits } from "./write_fits.ts";
