/** Walks a file's HDUs by their declared sizes. @module */

import { FitsError, withPlace } from "./errors.ts";
import { describeHdu, type FitsHdu } from "./hdu.ts";
import { readHeader } from "./read_header.ts";
import type { ByteSource } from "./source.ts";
import { BLOCK_BYTES, CARD_BYTES, paddedBytes } from "./types.ts";

/** How well-known formats that are not FITS begin. */
const MAGICS: readonly (readonly [string, readonly number[]])[] = [
  ["bzip2 data", [0x42, 0x5a, 0x68]],
  ["a zip archive", [0x50, 0x4b, 0x03, 0x04]],
  ["xz data", [0xfd, 0x37, 0x7a, 0x58]],
  ["zstd data", [0x28, 0xb5, 0x2f, 0xfd]],
  ["LZW data (.Z)", [0x1f, 0x9d]],
  ["a PNG image", [0x89, 0x50, 0x4e, 0x47]],
  ["a JPEG image", [0xff, 0xd8, 0xff]],
  ["a NumPy array", [0x93, 0x4e, 0x55, 0x4d]],
  ["an HDF5 file", [0x89, 0x48, 0x44, 0x46]],
];

/** Fails for a file that cannot be FITS by its first bytes. */
async function checkStart(source: ByteSource): Promise<void> {
  const block = new Uint8Array(BLOCK_BYTES);
  const length = await source.read(0, block);
  if (length === 0) throw new FitsError("file is empty");
  for (const [name, magic] of MAGICS) {
    if (magic.every((byte, i) => block[i] === byte)) {
      throw new FitsError(`not FITS: this is ${name}`);
    }
  }
  const wanted = "SIMPLE  =".slice(0, length);
  if (new TextDecoder().decode(block.subarray(0, wanted.length)) !== wanted) {
    throw new FitsError('not FITS: file does not start with "SIMPLE  ="');
  }
  if (length < CARD_BYTES) {
    throw new FitsError(
      `file is ${length} bytes, one header block is ${BLOCK_BYTES}`,
    );
  }
}

/** Checks that the declared data can be in the file. */
function checkExtent(hdu: FitsHdu, source: ByteSource): void {
  const left = Math.max(0, source.limit - hdu.dataOffset);
  if (hdu.dataBytes <= left) return;
  const place = source.storage === "gzip"
    ? `the gzip file can hold at most ${left}`
    : `the file has ${left} left`;
  throw new FitsError(
    `data are cut short: ${hdu.dataBytes} bytes are declared, ${place}`,
  );
}

/** Reads a file's HDUs one after another, only as far as it is asked. */
export class HduScanner {
  readonly #source: ByteSource;
  readonly #hdus: FitsHdu[] = [];
  readonly #warnings: string[] = [];
  #next = 0;
  #ended = false;

  /** @param source The file. */
  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The HDUs found so far. */
  get found(): readonly FitsHdu[] {
    return this.#hdus;
  }

  /** What was read around in the HDUs found so far. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /**
   * One HDU by its number.
   *
   * @param index The number, counted from 0.
   * @returns The HDU, or undefined when the file has fewer.
   * @throws {FitsError} When a header on the way cannot be read.
   */
  async hdu(index: number): Promise<FitsHdu | undefined> {
    while (this.#hdus.length <= index && !this.#ended) await this.#step();
    return this.#hdus[index];
  }

  /** Reads the next header. */
  async #step(): Promise<void> {
    const index = this.#hdus.length;
    const offset = this.#next;
    if (index === 0) await checkStart(this.#source);
    const found = await readHeader(this.#source, offset, index);
    if (found === undefined) {
      this.#ended = true;
      return;
    }
    const hdu = withPlace({ hdu: index }, () => {
      const dataOffset = offset + found.bytes;
      const made = describeHdu(found.header, index, offset, dataOffset);
      checkExtent(made, this.#source);
      return made;
    });
    if (found.short) {
      this.#warnings.push(
        `HDU ${index}: header is not filled to ${BLOCK_BYTES}`,
      );
    }
    for (const line of hdu.warnings) {
      this.#warnings.push(
        `HDU ${index}, ${line.charAt(0).toLowerCase()}${line.slice(1)}`,
      );
    }
    const padded = hdu.dataOffset + paddedBytes(hdu.dataBytes);
    if (this.#source.storage === "plain" && padded > this.#source.limit) {
      this.#warnings.push(
        `HDU ${index}: data are not filled to ${BLOCK_BYTES}`,
      );
    }
    this.#hdus.push(hdu);
    this.#next = padded;
  }
}
