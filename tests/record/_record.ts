/** What the tests of recordings share. @module */

import "../_support/load.ts";
import { decodeTiles } from "../../ffi/tiles.ts";
import { FitsFile, readFrameTable } from "../../src/fits/mod.ts";
import type { Recorded, Recorder } from "../../src/record/recorder.ts";
import { AT_ONCE } from "../../src/record/gate.ts";
import { recordStreams, type StreamsOptions } from "../../src/record/record.ts";
import type { Keyword } from "../../src/stream/keywords.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { DataType } from "../../src/stream/types.ts";
import { type Folder, until } from "../_support/cli.ts";

/** A recording in this process, frame by frame as the test wants them. */
export class Session {
  readonly done: Promise<Recorded[]>;
  readonly #recorders: Promise<readonly Recorder[]>;
  readonly #streams: readonly Stream[];
  readonly #begun: Promise<void> | undefined;
  #ended = false;

  /**
   * @param streams The streams, which the recording closes.
   * @param own Our own handles of the same streams.
   */
  constructor(
    streams: readonly Stream[],
    own: readonly Stream[],
    options: StreamsOptions,
  ) {
    this.#streams = own;
    const { promise, resolve } = Promise.withResolvers<readonly Recorder[]>();
    const begun = Promise.withResolvers<void>();
    this.#recorders = promise;
    this.#begun = options.trigger === undefined ? begun.promise : undefined;
    this.done = recordStreams(streams, {
      bufferFrames: 64,
      ...options,
      onStart: () => {
        begun.resolve();
        options.onStart?.();
      },
      trigger: (recorders) => {
        resolve(recorders);
        return options.trigger?.(recorders) ?? AT_ONCE;
      },
    }).finally(() => this.#ended = true);
    this.done.catch(() => {});
  }

  /** The recorders, as soon as they catch frames. */
  async ready(): Promise<readonly Recorder[]> {
    const recorders = await this.#recorders;
    for (const { channel } of recorders) await channel.ready();
    await this.#begun; // what comes before does not belong to it
    return recorders;
  }

  /** Writes frames, each when the one before has been caught. */
  async write(
    count: number,
    pixels: (n: number) => Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const recorders = await this.ready();
    for (let n = 0; n < count; n++) {
      for (const [i, stream] of this.#streams.entries()) {
        const ring = recorders[i]?.channel.ring;
        const head = ring?.head ?? 0;
        const { cnt0 } = stream.write(pixels(n));
        await until(
          `frame ${cnt0}`,
          () => this.#ended || (ring?.head ?? 0) > head,
        );
      }
    }
  }
}

/** What a recorded file says of itself, and its pixels. */
export async function contentOf(path: string): Promise<{
  size: readonly number[];
  pixels: ArrayLike<number | bigint>;
  cnt0: bigint[];
  arrived: bigint[];
}> {
  using file = await FitsFile.open(path, { verify: true, tiles: decodeTiles });
  const table = await readFrameTable(file);
  return {
    size: file.image.size,
    pixels: await file.image.read(),
    cnt0: [...table?.cnt0 ?? []],
    arrived: [...table?.arrived ?? []],
  };
}

/** Of every stream that is recorded. */
export const KEYWORDS: Keyword[] = [
  { name: "GAIN", type: "D", value: 2.5, comment: "e/adu" },
  { name: "odd name", type: "S", value: "it's", comment: "by HIERARCH" },
  { name: "BIG", type: "L", value: -(2n ** 62n), comment: "" },
];

/** Bytes of a frame; of floats, none that is NaN. */
export function frameOf(type: DataType, bytes: number, n: number): Uint8Array<
  ArrayBuffer
> {
  const mask = /^[fc]/.test(type) ? 0x3f : 0xff;
  return new Uint8Array(bytes).map((_, i) => (i * i + n * 31) & mask);
}

/**
 * Records frames of `frameOf`.
 *
 * @param before How many frames the stream has had before.
 */
export async function recorded(
  folder: Folder,
  type: DataType,
  size: readonly number[],
  frames: number,
  before = 0,
): Promise<string> {
  using cam = Stream.create("cam", {
    dir: folder.path,
    size,
    type,
    existing: "replace",
  });
  cam.setKeywords(KEYWORDS);
  for (let n = 0; n < before; n++) cam.poke();
  const session = new Session([cam.reopen()], [cam], {
    dir: folder.file("log"),
    frames,
    cubes: 1,
  });
  const { dataBytes } = cam.layout.table;
  await session.write(frames, (n) => frameOf(type, dataBytes, n));
  const [done] = await session.done;
  return done?.files[0] ?? "";
}
