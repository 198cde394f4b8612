/** A FITS file in gzip, inflated as far as it is asked for. @module */

import { createGunzip, type Gunzip } from "node:zlib";
import { FitsError } from "./errors.ts";
import type { ByteSource, RawBytes } from "./source.ts";
import { BLOCK_BYTES } from "./types.ts";

/** Deflate cannot shrink anything to less than about a 1032nd. */
const MAX_RATIO = 1032;

/** How much of the file is handed to the inflater at a time. */
const INPUT_BYTES = 16_384;

/** How much it hands back at a time. */
const OUTPUT_BYTES = 65_536;

/** One pass through the file, from its start. */
class Pass {
  /** Offset of the next byte that `next` will hand out. */
  position = 0;
  readonly #inflater: Gunzip;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #raw: RawBytes;
  #left: Uint8Array = new Uint8Array(0);
  #fed = 0;

  constructor(raw: RawBytes) {
    this.#raw = raw;
    this.#inflater = createGunzip({ chunkSize: OUTPUT_BYTES });
    this.#inflater.on("drain", () => this.#feed());
    this.#chunks = this.#inflater[Symbol.asyncIterator]();
    this.#feed();
  }

  /** Hands the inflater input until it has enough. */
  #feed(): void {
    try {
      for (let more = true; more && this.#fed < this.#raw.size;) {
        const input = new Uint8Array(
          Math.min(INPUT_BYTES, this.#raw.size - this.#fed),
        );
        const count = this.#raw.readAt(this.#fed, input);
        if (count === 0) break;
        this.#fed += count;
        more = this.#inflater.write(input.subarray(0, count));
        if (!more && this.#fed < this.#raw.size) return;
      }
      this.#inflater.end();
    } catch (error) {
      this.#inflater.destroy(error instanceof Error ? error : undefined);
    }
  }

  /** The next bytes, at most `wanted` of them; empty at the end. */
  async next(wanted: number): Promise<Uint8Array> {
    if (this.#left.length === 0) {
      const step = await this.#chunks.next();
      if (step.done === true) return this.#left;
      this.#left = step.value;
    }
    const part = this.#left.subarray(0, wanted);
    this.#left = this.#left.subarray(part.length);
    this.position += part.length;
    return part;
  }

  /** Stops inflating. */
  stop(): void {
    this.#inflater.destroy();
  }
}

/**
 * A gzip file as the bytes it holds. It is inflated in pieces of 64 KiB, in
 * order; a read behind the present place starts again at the beginning.
 */
export class GzipSource implements ByteSource {
  readonly storage = "gzip";
  readonly limit: number;
  readonly #raw: RawBytes;
  #pass: Pass | undefined;
  #head: Uint8Array | undefined;

  /** @param raw The compressed file; closed with this object. */
  constructor(raw: RawBytes) {
    this.#raw = raw;
    this.limit = raw.size * MAX_RATIO;
  }

  /** Bytes inflated and handed out in the present pass. */
  get inflatedBytes(): number {
    return this.#pass?.position ?? 0;
  }

  /** {@inheritDoc ByteSource.read} */
  async read(offset: number, into: Uint8Array): Promise<number> {
    if (this.#head === undefined) {
      const head = new Uint8Array(BLOCK_BYTES);
      this.#head = head.subarray(0, await this.#read(0, head));
    }
    const end = offset + into.length;
    if (end <= this.#head.length || this.#head.length < BLOCK_BYTES) {
      const part = this.#head.subarray(offset, end);
      into.set(part);
      return part.length;
    }
    return await this.#read(offset, into);
  }

  /** Reads from the present pass, or from a new one. */
  async #read(offset: number, into: Uint8Array): Promise<number> {
    if (this.#pass === undefined || offset < this.#pass.position) {
      this.#pass?.stop();
      this.#pass = new Pass(this.#raw);
    }
    const pass = this.#pass;
    try {
      while (pass.position < offset) {
        const part = await pass.next(offset - pass.position);
        if (part.length === 0) return 0;
      }
      let done = 0;
      while (done < into.length) {
        const part = await pass.next(into.length - done);
        if (part.length === 0) break;
        into.set(part, done);
        done += part.length;
      }
      return done;
    } catch (cause) {
      throw gzipError(cause, pass.position);
    }
  }

  /** Stops inflating and closes the file. */
  close(): void {
    this.#pass?.stop();
    this.#pass = undefined;
    this.#raw.close();
  }
}

/** Says in one line what the inflater found wrong. */
function gzipError(cause: unknown, position: number): unknown {
  if (!(cause instanceof Error)) return cause;
  const code = "code" in cause ? String(cause.code) : "";
  if (!code.startsWith("Z_")) return cause;
  const what = code === "Z_BUF_ERROR"
    ? "gzip data is cut short"
    : `gzip data is damaged (${cause.message})`;
  return new FitsError(`${what} after ${position} bytes of FITS`, { cause });
}
