/** Writes a cube frame by frame, with a table of its frames. @module */

import type { FitsCardInput } from "./format_card.ts";
import { type FitsFrameInfo, FrameTable } from "./frame_table.ts";
import { stateCards } from "./image_cards.ts";
import {
  type FitsWriteOptions,
  type FitsWriteReport,
  ImageWriter,
} from "./image_writer.ts";
import type { FitsElementType } from "./types.ts";

/**
 * A cube that is written frame by frame; the axis of frames comes last. A
 * table of the frames' counters and times follows in an extension called
 * FRAMES. The file appears under its name only with `finish`.
 *
 * @example Two frames
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FitsCubeWriter, FitsFile } from "./mod.ts";
 *
 * const dir = await Deno.makeTempDir();
 * const path = `${dir}/cube.fits`;
 * {
 *   await using cube = await FitsCubeWriter.create(path, "u8", [2, 1]);
 *   await cube.write(new Uint8Array([1, 2]), { cnt0: 10n });
 *   await cube.write(new Uint8Array([3, 4]), { cnt0: 11n });
 *   await cube.finish();
 * }
 * {
 *   using file = await FitsFile.open(path);
 *   assertEquals(file.image.size, [2, 1, 2]);
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export class FitsCubeWriter {
  readonly #writer: ImageWriter;
  readonly #size: readonly number[];
  readonly #options: FitsWriteOptions;
  readonly #table = new FrameTable();
  #closed = false;

  private constructor(
    writer: ImageWriter,
    size: readonly number[],
    options: FitsWriteOptions,
  ) {
    this.#writer = writer;
    this.#size = [...size];
    this.#options = options;
  }

  /**
   * Starts a cube. Needs the permission to read and write the file's folder.
   *
   * @param path The file; one that exists is replaced by `finish`.
   * @param type The frames' element type.
   * @param size The frames' axes, 1 to 3 of them, fastest first.
   * @param options What goes into the header.
   * @returns The writer; finish it, or declare it with `await using`.
   * @throws {RangeError} When the size cannot be written.
   */
  static async create(
    path: string,
    type: FitsElementType,
    size: readonly number[],
    options: FitsWriteOptions = {},
  ): Promise<FitsCubeWriter> {
    const writer = await ImageWriter.create(
      path,
      type,
      size,
      options.compression,
    );
    return new FitsCubeWriter(writer, size, options);
  }

  /** How many frames were written so far. */
  get frames(): number {
    return this.#table.length;
  }

  /** Whether the writer is finished or discarded. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Appends a frame. A frame of the wrong length is refused and the cube goes
   * on; any other failure discards the cube.
   *
   * @param data Native pixels; they may change once this has resolved.
   * @param info The frame's counters and times.
   * @throws {RangeError} When the frame has the wrong number of bytes.
   * @throws {FitsError} In strict mode, when a keyword is cut or dropped.
   */
  async write(data: ArrayBufferView, info: FitsFrameInfo): Promise<void> {
    this.#mustBeOpen();
    this.#writer.check(data);
    try {
      if (this.frames === 0) await this.#start(info);
      await this.#writer.append(data);
    } catch (error) {
      await this.discard();
      throw error;
    }
    this.#table.add(info);
  }

  /**
   * Writes the table, seals the header and gives the file its name.
   *
   * @returns What was written.
   * @throws {RangeError} When no frame was written.
   */
  async finish(): Promise<FitsWriteReport> {
    this.#mustBeOpen();
    this.#closed = true;
    try {
      const { frames } = this;
      if (frames === 0) {
        throw new RangeError("Cannot write a cube of no frames");
      }
      const report = await this.#writer.seal(
        [...this.#size, frames],
        this.#endedContent(),
        this.#options,
        this.#table.encode(),
      );
      return { ...report, frames };
    } finally {
      await this.#writer.discard();
    }
  }

  /** Throws away what was written; does nothing after `finish`. */
  async discard(): Promise<void> {
    this.#closed = true;
    await this.#writer.discard();
  }

  /** Throws away what was not finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }

  /** Writes the header as far as the first frame tells it. */
  async #start(first: FitsFrameInfo): Promise<void> {
    const { acquired } = first;
    const times = acquired === undefined ? {} : { acquired, ended: null };
    const options = { ...this.#options, ...times };
    await this.#writer.start([...this.#size, 1], options);
  }

  /** The header's cards with the time of the last frame. */
  #endedContent(): FitsCardInput[] {
    const ended = this.#table.last?.acquired ?? null;
    const [known] = stateCards({ ended })
      .filter((card) => card.keyword === "DATE-END");
    return this.#writer.content.map((card) =>
      card.keyword === "DATE-END" && card.value === null ? known ?? card : card
    );
  }

  /** Throws when the cube is finished or discarded. */
  #mustBeOpen(): void {
    if (this.#closed) throw new TypeError("Cube is closed");
  }
}
