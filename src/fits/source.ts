/** Where a FITS file's bytes come from: a file or memory, plain or gzip. @module */

/** Bytes that can be read at any offset. */
export interface RawBytes {
  /** How many bytes there are. */
  readonly size: number;
  /**
   * Reads at an offset.
   *
   * @param offset Where to start.
   * @param into What to fill.
   * @returns How many bytes were read; fewer than asked only at the end.
   */
  readAt(offset: number, into: Uint8Array): number;
  /** Lets go of what is held. */
  close(): void;
}

/** The bytes of a FITS file as its headers count them. */
export interface ByteSource {
  /** How the bytes are stored. */
  readonly storage: "plain" | "gzip" | "tiles";
  /** No more bytes than this can come; exact for a plain file. */
  readonly limit: number;
  /**
   * Reads at an offset. Going back is cheap in a plain file and starts from
   * the beginning in a compressed one.
   *
   * @param offset Where to start.
   * @param into What to fill.
   * @returns How many bytes were read; fewer than asked only at the end.
   */
  read(offset: number, into: Uint8Array): Promise<number>;
  /** Lets go of what is held. */
  close(): void;
}

/** A file on disk. */
export class FileBytes implements RawBytes {
  readonly size: number;
  readonly #file: Deno.FsFile;

  /** @param file An open file; it is closed with this object. */
  constructor(file: Deno.FsFile) {
    this.#file = file;
    try {
      this.size = file.statSync().size;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** {@inheritDoc RawBytes.readAt} */
  readAt(offset: number, into: Uint8Array): number {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    let done = 0;
    while (done < into.length) {
      const count = this.#file.readSync(into.subarray(done));
      if (count === null || count === 0) break;
      done += count;
    }
    return done;
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }
}

/** A file that is already in memory. */
export class MemoryBytes implements RawBytes {
  readonly size: number;
  readonly #bytes: Uint8Array;

  /** @param bytes The whole file; it is not copied. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  /** {@inheritDoc RawBytes.readAt} */
  readAt(offset: number, into: Uint8Array): number {
    const part = this.#bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }

  /** Does nothing: the caller owns the memory. */
  close(): void {}
}

/** Bytes as they stand in the file. */
export class PlainSource implements ByteSource {
  readonly storage = "plain";
  readonly limit: number;
  readonly #raw: RawBytes;

  /** @param raw The file's bytes; closed with this object. */
  constructor(raw: RawBytes) {
    this.#raw = raw;
    this.limit = raw.size;
  }

  /** {@inheritDoc ByteSource.read} */
  read(offset: number, into: Uint8Array): Promise<number> {
    try {
      return Promise.resolve(this.#raw.readAt(offset, into));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Closes the file. */
  close(): void {
    this.#raw.close();
  }
}
