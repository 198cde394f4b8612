/**
 * milk's shmimTCP wire: the 384-byte metadata once, then for each frame the
 * pixels of one slice, cnt0, the slice's index, and the keyword records.
 * What a peer claims is checked here before anything is made of it.
 * @module
 */

import {
  IMAGETYPE_PLAIN,
  isRolling,
  metadataBytes,
  readMetadata,
} from "../stream/imagestreamio.ts";
import { requireName } from "../stream/names.ts";
import type { Stream } from "../stream/stream.ts";
import { type DataType, pixelCount, slicesOf, TYPES } from "../stream/types.ts";

/** Bytes of the handshake. */
export const HANDSHAKE_BYTES = 384;
const KEYWORD_BYTES = 128;
const COUNTER_BYTES = 16;
/** milk counts the bytes of a frame in 32 bits, signed. */
const MAX_FRAME_BYTES = 2 ** 31 - 1;
const NAME_AT = 32;
const NAME_ROOM = 80;
const NAXIS_AT = 112;
const SIZE_AT = 116;
const KEYWORDS_AT = 290;

/** A peer that breaks the rules of the wire. */
export class WireError extends Error {
  /** Name of the class. */
  override name = "WireError";
}

/** What a peer announced. */
export interface Announcement {
  /** Stream name by the peer, checked. */
  readonly name: string;
  /** Data type. */
  readonly type: DataType;
  /** Axes, fastest first. */
  readonly size: readonly number[];
  /** Keyword records in each frame. */
  readonly keywords: number;
  /** Pixel bytes of one frame; 0 for one axis: milk sends none then. */
  readonly pixelBytes: number;
  /** Slices of the whole. */
  readonly slices: number;
  /** ImageStreamIO's imagetype bits. */
  readonly imageType: bigint;
}

/** Whether a type can cross: milk's receiver exits on complex ones. */
export function crosses(type: DataType): boolean {
  return TYPES[type].parts === 1;
}

/**
 * Reads and checks a handshake.
 *
 * @param bytes Exactly 384 bytes.
 * @param maxBytes Largest stream that is accepted.
 * @throws {WireError} saying what is wrong.
 */
export function readHandshake(
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Announcement {
  const metadata = readMetadata(bytes, (reason) => new WireError(reason));
  let name: string;
  try {
    name = requireName(metadata.name);
  } catch (error) {
    throw new WireError((error as Error).message, { cause: error });
  }
  if (!crosses(metadata.type)) {
    throw new WireError(
      `it announces complex pixels (${metadata.type}), which this wire cannot carry`,
    );
  }
  const { size, type, keywords, imageType } = metadata;
  if (isRolling(imageType) && size.length !== 3) {
    throw new WireError(
      `it announces a rolling cube of ${size.length} axes, expected 3`,
    );
  }
  const pixels = pixelCount(size) * BigInt(TYPES[type].bytes);
  const total = pixels + BigInt(keywordBytes(keywords));
  if (total > BigInt(maxBytes)) {
    throw new WireError(
      `it announces ${total} bytes, more than the ${maxBytes} allowed ` +
        "(--max-bytes)",
    );
  }
  const slices = slicesOf(size);
  const pixelBytes = size.length === 1 ? 0 : Number(pixels) / slices;
  if (pixelBytes + frameOverhead(keywords) > MAX_FRAME_BYTES) {
    throw new WireError("its frames are larger than 2 GiB");
  }
  return { name, type, size, keywords, pixelBytes, slices, imageType };
}

/** Bytes of a frame besides its pixels. */
export function frameOverhead(keywords: number): number {
  return COUNTER_BYTES + keywords * KEYWORD_BYTES;
}

/** Bytes of the keyword records of a frame. */
export function keywordBytes(keywords: number): number {
  return keywords * KEYWORD_BYTES;
}

/**
 * The handshake for a stream: its own metadata as it is now, under the name
 * it was opened by. One axis goes out as n x 1, because milk sends no pixels
 * otherwise.
 *
 * @param stream The source.
 * @param keywords Keyword records that each frame will carry.
 * @throws {WireError} where it cannot cross.
 */
export function writeHandshake(
  stream: Stream,
  keywords: number,
): Uint8Array<ArrayBuffer> {
  if (!crosses(stream.type)) {
    throw new WireError(
      `Stream "${stream.name}" holds complex pixels (${stream.type}), which ` +
        "milk's receiver cannot take",
    );
  }
  const { sliceBytes } = stream.layout.table;
  if (sliceBytes + frameOverhead(keywords) > MAX_FRAME_BYTES) {
    throw new WireError(
      `A slice of "${stream.name}" is ${sliceBytes} bytes; a frame on the ` +
        "wire must stay below 2 GiB",
    );
  }
  const bytes = stream.layout.milkMetadata ? stream.header() : metadataBytes({
    name: stream.name,
    size: stream.size,
    type: stream.type,
    keywords,
    semaphores: 10,
    circularBuffer: 0,
    imageType: IMAGETYPE_PLAIN,
  });
  const name = new Uint8Array(NAME_ROOM);
  name.set(new TextEncoder().encode(stream.name).subarray(0, NAME_ROOM - 1));
  bytes.set(name, NAME_AT);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint16(KEYWORDS_AT, keywords, true);
  if (stream.size.length === 1) {
    view.setUint8(NAXIS_AT, 2);
    view.setUint32(SIZE_AT + 4, 1, true);
  }
  return bytes;
}
