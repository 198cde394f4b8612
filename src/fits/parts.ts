/**
 * Parts of the writer for who writes cubes his own way: `src/record`. They are
 * no part of the library's interface.
 * @module
 */

export { encodePixels, type Encoding, ENCODINGS } from "./encode.ts";
export {
  ARRIVAL_ROW_BYTES,
  frameTableOf,
  putArrivalRow,
  readArrivalRow,
} from "./frame_table.ts";
export { GrowingHeader } from "./growing_cube.ts";
export { fillingAfter, formatTime, structureCards } from "./image_cards.ts";
export { isTileKeyword } from "./tile/restore.ts";
export { paddedBytes } from "./types.ts";
