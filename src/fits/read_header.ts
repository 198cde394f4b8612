/** Finds a header's END and reads the cards up to it. @module */

import { FitsError, withPlace } from "./errors.ts";
import { FitsHeader } from "./header.ts";
import type { ByteSource } from "./source.ts";
import { BLOCK_BYTES, CARD_BYTES } from "./types.ts";

/**
 * No header has more cards than this (8 MB): what goes on longer has lost its
 * END, or never stops inflating.
 */
export const MAX_CARDS = 100_000;

/** A header and the number of bytes it takes in the file. */
export interface FoundHeader {
  /** The cards. */
  readonly header: FitsHeader;
  /** Bytes from the first card to the start of the data. */
  readonly bytes: number;
  /** Whether the last block is shorter than 2880 bytes. */
  readonly short: boolean;
}

/** Whether the card at `from` is END. */
function isEnd(block: Uint8Array, from: number): boolean {
  if (block[from] !== 0x45 || block[from + 1] !== 0x4e) return false;
  if (block[from + 2] !== 0x44) return false;
  return block.subarray(from + 3, from + 9).every((byte) => byte === 0x20);
}

/** The offset of the END card, or -1. */
function findEnd(block: Uint8Array, length: number): number {
  for (let at = 0; at + CARD_BYTES <= length; at += CARD_BYTES) {
    if (isEnd(block, at)) return at;
  }
  return -1;
}

/** Puts the blocks of a header into one array. */
function concat(blocks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(blocks.reduce((sum, b) => sum + b.length, 0));
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all;
}

/** Whether an extension starts here, and not filling or special records. */
function isExtension(block: Uint8Array): boolean {
  return new TextDecoder().decode(block.subarray(0, 8)) === "XTENSION";
}

/** Fails for a header whose END was not found, naming the likelier reason. */
function failWithoutEnd(bytes: Uint8Array, found: string): never {
  // A keyword that is not ASCII tells more than a missing END.
  FitsHeader.parse(bytes);
  throw new FitsError(`header has no END card in ${found}`);
}

/**
 * Reads the header at an offset.
 *
 * @param source The file.
 * @param offset Where the header starts.
 * @param index The HDU's number, for messages.
 * @returns The header, or undefined when no extension starts at the offset.
 * @throws {FitsError} When there is no END or a card cannot be read.
 */
export async function readHeader(
  source: ByteSource,
  offset: number,
  index: number,
): Promise<FoundHeader | undefined> {
  const blocks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const block = new Uint8Array(BLOCK_BYTES);
    const length = await source.read(offset + total, block);
    if (total === 0 && index > 0 && !isExtension(block)) return undefined;
    const end = findEnd(block, length);
    if (end >= 0) {
      blocks.push(block.subarray(0, end + CARD_BYTES));
      const header = withPlace(
        { hdu: index },
        () => FitsHeader.parse(concat(blocks)),
      );
      const short = length < BLOCK_BYTES;
      return { header, bytes: total + length, short };
    }
    blocks.push(block.subarray(0, length));
    total += length;
    if (total === length) checkFirstBlock(block, length, index);
    if (length < BLOCK_BYTES) {
      const cards = Math.floor(total / CARD_BYTES);
      withPlace(
        { hdu: index },
        () =>
          failWithoutEnd(
            concat(blocks),
            `the ${cards} cards up to the file's end`,
          ),
      );
    }
    if (total >= MAX_CARDS * CARD_BYTES) {
      withPlace(
        { hdu: index },
        () => failWithoutEnd(concat(blocks), `its first ${MAX_CARDS} cards`),
      );
    }
  }
}

/** Stops early at binary data: reads a block's cards for their keywords. */
function checkFirstBlock(
  block: Uint8Array,
  length: number,
  index: number,
): void {
  withPlace({ hdu: index }, () => FitsHeader.parse(block.subarray(0, length)));
}
