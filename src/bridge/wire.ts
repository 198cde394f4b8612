/**
 * Our own wire, beside milk's: what a transmitter offers once it is known,
 * and what a receiver answers. Frames, keywords and heartbeats follow in the
 * pumps' hands; docs/wire.md has all of it.
 * @module
 */

import { isRolling } from "../stream/imagestreamio.ts";
import { requireName } from "../stream/names.ts";
import { text } from "../stream/header_bytes.ts";
import { type DataType, pixelCount, slicesOf, TYPES } from "../stream/types.ts";
import { type Announcement, WireError } from "./milk_wire.ts";

/** Bytes of an offer. */
export const OFFER_BYTES = 192;
const ANSWER_BYTES = 48;
const NAME_AT = 96;
const NAME_ROOM = 96;
const TYPE_AT = 64;
const MAX_REASON = 1024;

/** What an end can do beside what it must. */
export const CAPABILITY = { zstd: 1 } as const;

/** Bytes of a piece: fits the caches, and is no more than needed per call. */
export const PIECE_BYTES = 262_144;
const MIN_PIECE = 4096;
const MAX_PIECE = 16 * 2 ** 20;

/** Which frames cross when the line is slower than the source. */
export type Policy = "latest" | "every";

/** One life of a source: re-created, it is another one. */
export interface SourceId {
  /** Inode of its file. */
  readonly inode: bigint;
  /** When it was made, by its own account, ns. */
  readonly creationNs: bigint;
}

/** What a transmitter offers. */
export interface Offer {
  /** What it can do: bits of {@linkcode CAPABILITY}. */
  readonly capabilities: number;
  /** Its policy. */
  readonly policy: Policy;
  /** Bytes of a piece. */
  readonly pieceBytes: number;
  /** Time between two heartbeats, ms. */
  readonly pingMs: number;
  /** Keyword records. */
  readonly keywords: number;
  /** ImageStreamIO's imagetype bits. */
  readonly imageType: bigint;
  /** Which source it is. */
  readonly source: SourceId;
  /** Frames behind this counter are to come, or count as missed. */
  readonly base: bigint;
  /** A number that this transmitter made for itself. */
  readonly instance: bigint;
  /** Data type. */
  readonly type: DataType;
  /** Axes, fastest first. */
  readonly size: readonly number[];
  /** Name of the stream. */
  readonly name: string;
}

/** What a receiver answers. */
export interface Answer {
  /** Why not; empty where it takes the stream. */
  readonly refusal: string;
  /** Of the capabilities offered, those to be used. */
  readonly capabilities: number;
  /** How far it has come with this source; `undefined`: it is new to it. */
  readonly progress: Progress | undefined;
}

/** How far a receiver has come with a source. */
export interface Progress {
  /** Counter of the last frame that it has. */
  readonly last: bigint;
  /** Frames published that came from this transmitter. */
  readonly frames: bigint;
  /** Frames missed meanwhile. */
  readonly skipped: bigint;
}

/** The bytes of an offer. */
export function writeOffer(offer: Offer): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(OFFER_BYTES);
  const view = new DataView(bytes.buffer);
  const encoder = new TextEncoder();
  view.setUint32(0, offer.capabilities, true);
  view.setUint32(4, offer.policy === "every" ? 1 : 0, true);
  view.setUint32(8, offer.pieceBytes, true);
  view.setUint32(12, offer.pingMs, true);
  view.setBigUint64(16, offer.imageType, true);
  view.setBigUint64(24, offer.source.inode, true);
  view.setBigInt64(32, offer.source.creationNs, true);
  view.setBigUint64(40, offer.base, true);
  view.setBigUint64(48, offer.instance, true);
  view.setUint32(56, offer.keywords, true);
  view.setUint32(60, offer.size.length, true);
  bytes.set(encoder.encode(offer.type), TYPE_AT);
  offer.size.forEach((axis, index) =>
    view.setUint32(72 + 4 * index, axis, true)
  );
  bytes.set(encoder.encode(offer.name).subarray(0, NAME_ROOM), NAME_AT);
  return bytes;
}

function readSize(view: DataView): number[] {
  const axes = view.getUint32(60, true);
  if (axes < 1 || axes > 3) {
    throw new WireError(`it offers ${axes} axes, expected 1 to 3`);
  }
  const size = Array.from(
    { length: axes },
    (_, index) => view.getUint32(72 + 4 * index, true),
  );
  if (size.includes(0)) throw new WireError("it offers an axis of length 0");
  return size;
}

function readType(bytes: Uint8Array): DataType {
  const name = text(bytes, TYPE_AT, 8);
  if (!Object.hasOwn(TYPES, name)) {
    throw new WireError("it offers an unknown data type");
  }
  return name as DataType;
}

/**
 * Reads and checks an offer.
 *
 * @throws {WireError} saying what is wrong.
 */
export function readOffer(
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Offer {
  if (bytes.length !== OFFER_BYTES) {
    throw new WireError(`its offer has ${bytes.length} bytes, expected 192`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = readSize(view);
  const type = readType(bytes);
  let name: string;
  try {
    name = requireName(text(bytes, NAME_AT, NAME_ROOM));
  } catch (error) {
    throw new WireError((error as Error).message, { cause: error });
  }
  const policy = view.getUint32(4, true);
  const pieceBytes = view.getUint32(8, true);
  const keywords = view.getUint32(56, true);
  const imageType = view.getBigUint64(16, true);
  if (policy > 1) throw new WireError(`it offers an unknown policy, ${policy}`);
  if (pieceBytes < MIN_PIECE || pieceBytes > MAX_PIECE) {
    throw new WireError(
      `it offers pieces of ${pieceBytes} bytes, expected ${MIN_PIECE} to ` +
        MAX_PIECE,
    );
  }
  if (keywords > 0xffff) {
    throw new WireError(`it offers ${keywords} keywords, expected up to 65535`);
  }
  if (isRolling(imageType) && size.length !== 3) {
    throw new WireError(
      `it offers a rolling cube of ${size.length} axes, expected 3`,
    );
  }
  const total = pixelCount(size) * BigInt(TYPES[type].bytes) +
    BigInt(keywords) * 128n;
  if (total > BigInt(maxBytes)) {
    throw new WireError(
      `it offers ${total} bytes, more than the ${maxBytes} allowed ` +
        "(--max-bytes)",
    );
  }
  return {
    capabilities: view.getUint32(0, true),
    policy: policy === 1 ? "every" : "latest",
    pieceBytes,
    pingMs: view.getUint32(12, true),
    keywords,
    imageType,
    source: {
      inode: view.getBigUint64(24, true),
      creationNs: view.getBigInt64(32, true),
    },
    base: view.getBigUint64(40, true),
    instance: view.getBigUint64(48, true),
    type,
    size,
    name,
  };
}

/** An offer as milk's wire would announce the same stream. */
export function announced(offer: Offer): Announcement {
  const { name, type, size, keywords, imageType } = offer;
  const slices = slicesOf(size);
  const pixels = Number(pixelCount(size)) * TYPES[type].bytes;
  return {
    name,
    type,
    size,
    keywords,
    imageType,
    slices,
    pixelBytes: pixels / slices,
  };
}

/** The bytes of an answer. */
export function writeAnswer(answer: Answer): Uint8Array<ArrayBuffer> {
  const reason = new TextEncoder().encode(answer.refusal)
    .subarray(0, MAX_REASON);
  const bytes = new Uint8Array(ANSWER_BYTES + reason.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, reason.length === 0 ? 0 : 1, true);
  view.setUint32(4, answer.capabilities, true);
  view.setUint32(8, answer.progress === undefined ? 0 : 1, true);
  view.setUint32(12, reason.length, true);
  view.setBigUint64(16, answer.progress?.last ?? 0n, true);
  view.setBigUint64(24, answer.progress?.frames ?? 0n, true);
  view.setBigUint64(32, answer.progress?.skipped ?? 0n, true);
  bytes.set(reason, ANSWER_BYTES);
  return bytes;
}

/**
 * Reads and checks an answer.
 *
 * @throws {WireError} saying what is wrong.
 */
export function readAnswer(
  bytes: Uint8Array<ArrayBuffer>,
  offered: number,
): Answer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < ANSWER_BYTES ? -1 : view.getUint32(12, true);
  if (
    length < 0 || length > MAX_REASON ||
    bytes.length !== ANSWER_BYTES + length
  ) {
    throw new WireError("its answer breaks the rules of the wire");
  }
  const capabilities = view.getUint32(4, true);
  if ((capabilities & ~offered) !== 0) {
    throw new WireError("its answer asks for what was not offered");
  }
  const refused = view.getUint32(0, true) !== 0;
  const reason = text(bytes, ANSWER_BYTES, length)
    // deno-lint-ignore no-control-regex -- it goes to a terminal
    .replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
  return {
    refusal: refused ? reason || "it gives no reason" : "",
    capabilities,
    progress: view.getUint32(8, true) === 0 ? undefined : {
      last: view.getBigUint64(16, true),
      frames: view.getBigUint64(24, true),
      skipped: view.getBigUint64(32, true),
    },
  };
}
