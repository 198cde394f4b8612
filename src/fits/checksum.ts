/** DATASUM and CHECKSUM: the ones' complement sum of 32-bit words. @module */

import type { FitsHdu } from "./hdu.ts";
import type { ByteSource } from "./source.ts";
import { paddedBytes } from "./types.ts";

const CHUNK_BYTES = 1 << 20;

/** A ones' complement sum that takes its bytes piece by piece. */
export class Checksum {
  #high = 0;
  #low = 0;
  #position = 0;

  /**
   * Adds bytes to the sum.
   *
   * @param bytes The next bytes of the file.
   */
  update(bytes: Uint8Array): void {
    let i = 0;
    for (; i < bytes.length && this.#position % 4 !== 0; i++) {
      this.#add(bytes[i] ?? 0, this.#position++);
    }
    let high = 0;
    let low = 0;
    for (; i + 3 < bytes.length; i += 4) {
      high += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
      low += ((bytes[i + 2] ?? 0) << 8) | (bytes[i + 3] ?? 0);
    }
    this.#high += high;
    this.#low += low;
    for (; i < bytes.length; i++) this.#add(bytes[i] ?? 0, this.#position++);
    this.#fold();
  }

  /** Adds one byte at its place within a word. */
  #add(byte: number, position: number): void {
    const value = position % 2 === 0 ? byte << 8 : byte;
    if (position % 4 < 2) this.#high += value;
    else this.#low += value;
  }

  /** Brings carries back in, so that the sums stay small. */
  #fold(): void {
    while (this.#high > 0xffff || this.#low > 0xffff) {
      const carry = Math.floor(this.#high / 0x10000);
      const middle = Math.floor(this.#low / 0x10000);
      this.#high = (this.#high % 0x10000) + middle;
      this.#low = (this.#low % 0x10000) + carry;
    }
  }

  /** The sum of what was added; an unfinished word counts as if zero-filled. */
  get value(): number {
    return (this.#high * 0x10000 + this.#low) >>> 0;
  }
}

/**
 * Adds two sums with end-around carry.
 *
 * @param a A sum.
 * @param b A sum.
 * @returns Their ones' complement sum.
 */
export function addSums(a: number, b: number): number {
  const sum = a + b;
  return sum > 0xffffffff ? (sum % 0x100000000) + 1 : sum;
}

/** Whether a byte is punctuation that the encoding avoids. */
function isPunctuation(byte: number): boolean {
  return (byte >= 0x3a && byte <= 0x40) || (byte >= 0x5b && byte <= 0x60);
}

/** The four characters that sum up to one byte of the value. */
function encodeByte(byte: number): number[] {
  const quarter = Math.floor(byte / 4) + 0x30;
  const four = [quarter + (byte % 4), quarter, quarter, quarter];
  // Moving one unit between two characters keeps their sum.
  for (const [more, less] of [[0, 1], [2, 3]] as const) {
    while (isPunctuation(four[more] ?? 0) || isPunctuation(four[less] ?? 0)) {
      four[more] = (four[more] ?? 0) + 1;
      four[less] = (four[less] ?? 0) - 1;
    }
  }
  return four;
}

/**
 * Encodes a sum as CHECKSUM's 16 characters.
 *
 * @param sum The sum of the whole HDU, with CHECKSUM set to 16 zeros.
 * @returns The text that brings the HDU's sum to all ones.
 */
export function encodeChecksum(sum: number): string {
  const value = (~sum) >>> 0;
  const codes = new Uint8Array(16);
  for (let byte = 0; byte < 4; byte++) {
    const four = encodeByte((value >>> (24 - 8 * byte)) & 0xff);
    four.forEach((code, i) => {
      // The text starts one byte before a word does: all moves on by one.
      codes[(4 * i + byte + 1) % 16] = code;
    });
  }
  return String.fromCharCode(...codes);
}

/** What verifying one HDU found. */
export interface FitsChecksumResult {
  /** The HDU's number, counted from 0. */
  readonly hdu: number;
  /** DATASUM against the data. */
  readonly datasum: "good" | "bad" | "absent";
  /** CHECKSUM against the whole HDU. */
  readonly checksum: "good" | "bad" | "absent";
}

/** Sums a part of a file. */
async function sumRange(
  source: ByteSource,
  offset: number,
  bytes: number,
): Promise<number> {
  const sum = new Checksum();
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
  for (let done = 0; done < bytes;) {
    const part = chunk.subarray(0, Math.min(chunk.length, bytes - done));
    const count = await source.read(offset + done, part);
    if (count === 0) break;
    sum.update(part.subarray(0, count));
    done += count;
  }
  return sum.value;
}

/** Compares DATASUM's text with a sum. */
function judgeDatasum(hdu: FitsHdu, sum: number): "good" | "bad" | "absent" {
  const declared = hdu.header.get("DATASUM");
  if (declared === undefined || declared === null || declared === "") {
    return "absent";
  }
  return String(declared).trim() === String(sum) ? "good" : "bad";
}

/**
 * Verifies an HDU's DATASUM and CHECKSUM; filling that is missing at the end
 * of the file counts as zeros.
 *
 * @param source The file.
 * @param hdu The HDU.
 * @returns What was found.
 */
export async function verifyChecksum(
  source: ByteSource,
  hdu: FitsHdu,
): Promise<FitsChecksumResult> {
  const headerBytes = hdu.dataOffset - hdu.headerOffset;
  const head = await sumRange(source, hdu.headerOffset, headerBytes);
  const bytes = paddedBytes(hdu.dataBytes);
  const data = await sumRange(source, hdu.dataOffset, bytes);
  const declared = hdu.header.get("CHECKSUM");
  const whole = addSums(head, data);
  const checksum = declared === undefined || declared === null ||
      declared === ""
    ? "absent"
    : whole === 0xffffffff || whole === 0
    ? "good"
    : "bad";
  return { hdu: hdu.index, datasum: judgeDatasum(hdu, data), checksum };
}
