/**
 * One stream into cubes.
 * @module
 */

import { type CaughtFrame, toBigEndian } from "../../ffi/ring.ts";
import { Checksum, type FitsFrameInfo } from "../fits/mod.ts";
import { encodePixels, ENCODINGS } from "../fits/parts.ts";
import { frameInfo } from "../load/frame_info.ts";
import { reopenSettled } from "../stream/reopen.ts";
import type { Stream } from "../stream/stream.ts";
import { Channel, type ChannelOptions } from "./channel.ts";
import { isFull } from "./complete.ts";
import { CubeFile } from "./cube_file.ts";
import type { Gate } from "./gate.ts";
import { cubePlace, type Naming } from "./names.ts";

/** What becomes of a complete file: packed, or with its times beside it. */
export type Finish = (
  file: string,
  cube: CubeFile,
  firstIndex: number,
) => Promise<string>;

/** How one stream is recorded. */
export interface RecorderOptions {
  /** The folder. */
  readonly dir: string;
  /** Frames of a cube. */
  readonly frames: number;
  /** How files are named. */
  readonly naming: Naming;
  /** A keyword that cannot be written is an error. */
  readonly strict: boolean;
  /** How frames are caught. */
  readonly channel: ChannelOptions;
  /** What becomes of each file. */
  readonly finish: Finish;
  /** Takes warnings. */
  readonly onWarning: (message: string) => void;
  /** Told of each file that is complete. */
  readonly onFile: (file: string, frames: number) => void;
}

/** What was recorded of a stream. */
export interface Recorded {
  /** The stream. */
  readonly name: string;
  /** Frames in files. */
  readonly frames: number;
  /** Frames that the stream counted and no file has. */
  readonly missed: number;
  /** Of these: those that found the buffer full. */
  readonly overflow: number;
  /** Bytes of pixels. */
  readonly bytes: number;
  /** The files, in order. */
  readonly files: readonly string[];
}

const BATCH_BYTES = 4 << 20;
const LOOK_MS = 500;

function infoOf(caught: CaughtFrame, clockOffset: number): FitsFrameInfo {
  return { ...frameInfo(caught, clockOffset), arrived: caught.arrivalNs };
}

/** A full disk, or another failure that ended a stream's recording. */
export class RecordingError extends Error {
  /** Name of the class. */
  override name = "RecordingError";
}

/** One stream on its way into files. */
export class Recorder implements AsyncDisposable {
  readonly #gate: Gate;
  readonly #options: RecorderOptions;
  #stream: Stream;
  #channel: Channel;
  #cube: CubeFile | undefined;
  #written = 0;
  #bytes = 0;
  #missed = 0n;
  #overflow = 0n;
  readonly #files: (string | undefined)[] = []; // by cube, done or not
  #finishing: Promise<void>[] = [];
  #packing: Promise<unknown> = Promise.resolve();
  #lastArrival: bigint | undefined;
  #failure: unknown;
  #lookedAt = performance.now();
  #warnedGone = false;

  /**
   * Starts to catch frames; what of them is recorded says the gate.
   *
   * @param stream The stream; it is closed with the recorder.
   */
  constructor(stream: Stream, gate: Gate, options: RecorderOptions) {
    this.#stream = stream;
    this.#gate = gate;
    this.#options = options;
    this.#channel = new Channel(stream, options.channel);
  }

  /** The stream's name. */
  get name(): string {
    return this.#stream.name;
  }

  /** The channel now; a stream that is re-created gets another. */
  get channel(): Channel {
    return this.#channel;
  }

  /** What was recorded so far. */
  get recorded(): Recorded {
    return {
      name: this.name,
      frames: this.#written,
      missed: Number(this.#missed),
      overflow: Number(this.#overflow),
      bytes: this.#bytes,
      files: this.#files.filter((file) => file !== undefined),
    };
  }

  /** How full the ring is, 0 to 1. */
  get fill(): number {
    const { ring } = this.#channel;
    return (ring.head - ring.tail) / ring.slots;
  }

  /**
   * The arrival of the frame with which this stream has so many; `undefined`
   * while it has not been caught.
   */
  arrivalOf(total: number, start: bigint): bigint | undefined {
    const { ring } = this.#channel;
    const { head } = ring;
    let index = ring.tail;
    while (index < head && ring.arrival(index) < start) index++;
    index += total - this.#written - 1;
    return index < head ? ring.arrival(index) : undefined;
  }

  /** Records until the gate closes. Failures end it, files are completed. */
  async run(idleMs: number): Promise<void> {
    try {
      while (!this.#gate.over && this.#failure === undefined) {
        const moved = await this.#drain();
        await this.#followRecreation();
        if (!moved) {
          await new Promise((resolve) =>
            setTimeout(resolve, this.#gate.started ? idleMs : 2)
          );
        }
      }
      await this.#channel.stop();
      while (await this.#drain());
      this.#countLostAtEnd();
    } catch (error) {
      this.#failure ??= error;
    }
    await this.#end();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Counts what was lost after the last frame that was written, up to the
   * first one beyond the end: when each of these came is not known. What a
   * limit of frames ends with its last frame has lost nothing behind that.
   */
  #countLostAtEnd(): void {
    if (!this.#gate.started || this.#lastArrival === this.#gate.stop) return;
    const { ring } = this.#channel;
    const { missed, overflow } = ring.tail < ring.head
      ? ring.caught(ring.tail)
      : {
        missed: BigInt(ring.missedSince - ring.overflowSince),
        overflow: BigInt(ring.overflowSince),
      };
    this.#missed += missed + overflow;
    this.#overflow += overflow;
  }

  async #end(): Promise<void> {
    await this.#channel.stop().catch((error) => this.#failure ??= error);
    this.#closeCube();
    await Promise.all(this.#finishing);
    this.#stream.close();
  }

  /** Ends the thread of one that was never run, and closes its stream. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel.stop().catch(() => {}); // `run` says what is wrong
    this.#stream.close();
  }

  /** Hands the cube over to be completed beside the recording. */
  #closeCube(): void {
    const cube = this.#cube;
    if (cube === undefined) return;
    this.#cube = undefined;
    const { frames } = cube;
    const first = this.#written - frames;
    const number = this.#files.push(undefined) - 1;
    const task = async (): Promise<void> => {
      const file = await cube.finish();
      if (file === undefined) return;
      // One at a time: packing takes longer than recording, perhaps.
      const packed = this.#packing.then(() =>
        this.#options.finish(file, cube, first)
      );
      this.#packing = packed.catch(() => {});
      const done = await packed;
      this.#files[number] = done;
      this.#options.onFile(done, frames);
    };
    this.#finishing.push(
      task().catch((error) => {
        this.#failure ??= error;
      }),
    );
  }

  /** Writes what belongs to the recording; false where nothing was there. */
  async #drain(): Promise<boolean> {
    const { ring } = this.#channel;
    const { head } = ring; // before the gate looks: see `Gate`
    this.#gate.update();
    const { before, started, stop } = this.#gate;
    let skip = ring.tail;
    while (skip < head && ring.arrival(skip) < before) skip++;
    ring.release(skip - ring.tail);
    if (!started) return false;
    let end = ring.tail;
    while (
      end < head && (stop === undefined || ring.arrival(end) <= stop)
    ) end++;
    if (end === ring.tail) return false;
    while (ring.tail < end) await this.#write(end);
    return true;
  }

  /** Writes one batch of frames that lie in a row and go into one cube. */
  async #write(end: number): Promise<void> {
    const { ring } = this.#channel;
    const { tail } = ring;
    const first = ring.caught(tail);
    this.#cube ??= await this.#create(first);
    const count = Math.min(
      end - tail,
      ring.inRow(tail),
      this.#options.frames - this.#cube.frames,
      Math.max(1, Math.floor(BATCH_BYTES / ring.bytes)),
    );
    const infos: FitsFrameInfo[] = [];
    const offset = this.#stream.clockOffset;
    let missed = 0n;
    let overflow = 0n;
    for (let i = 0; i < count; i++) {
      const caught = ring.caught(tail + i);
      infos.push(infoOf(caught, offset));
      missed += caught.missed;
      overflow += caught.overflow;
    }
    const encoded = await this.#encode(
      ring.frames(tail, count),
      this.#cube.bytes,
    );
    try {
      await this.#cube.append({ ...encoded, infos });
    } catch (error) {
      throw this.#fullOr(error);
    }
    this.#lastArrival = ring.arrival(tail + count - 1);
    // From here to `release` nothing else runs: `arrivalOf` needs both.
    this.#written += count;
    this.#bytes += count * ring.bytes;
    this.#missed += missed + overflow;
    this.#overflow += overflow;
    ring.release(count);
    if (this.#cube.frames >= this.#options.frames) this.#closeCube();
  }

  #fullOr(error: unknown): unknown {
    if (!isFull(error)) return error;
    return new RecordingError(
      `No space left in "${this.#options.dir}": ` +
        `${this.#written} frames of "${this.name}" are safe, the recording ends`,
      { cause: error },
    );
  }

  async #encode(
    bytes: Uint8Array<ArrayBuffer>,
    position: number,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; sum: number }> {
    const { type } = this.#stream;
    const { width, zero } = ENCODINGS[type];
    if (type === "f16") { // becomes f32, which takes more room
      const wide = encodePixels(bytes, type, 0, bytes.length / 2);
      const sum = new Checksum();
      sum.update(wide);
      return { bytes: wide, sum: sum.value };
    }
    const order = { width, flipSign: zero !== undefined };
    return { bytes, sum: await toBigEndian(bytes, order, position) };
  }

  async #create(first: CaughtFrame): Promise<CubeFile> {
    const { dir, naming, strict } = this.#options;
    const stream = this.#stream;
    const { acquired } = infoOf(first, stream.clockOffset);
    try {
      const cube = await CubeFile.create({
        place: cubePlace(dir, stream.name, first.arrivalNs, naming),
        type: stream.type,
        size: stream.size,
        header: {
          stream: stream.name,
          keywords: stream.keywords(),
          strict,
          ...acquired === undefined ? {} : { acquired },
        },
      });
      for (const loss of cube.losses) this.#options.onWarning(loss);
      return cube;
    } catch (error) {
      throw this.#fullOr(error);
    }
  }

  /** Looks, every now and then, whether the stream was re-created. */
  async #followRecreation(): Promise<void> {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_MS && !this.#channel.ended) return;
    this.#lookedAt = now;
    const presence = this.#stream.presence();
    if (presence === "gone" && !this.#warnedGone) {
      this.#warnedGone = true;
      this.#options.onWarning(`Stream "${this.name}" was removed`);
    }
    if (presence !== "replaced") {
      if (this.#channel.ended) await this.#channel.stop(); // says why
      return;
    }
    await this.#channel.stop().catch(() => {}); // it shrank, perhaps
    while (await this.#drain());
    this.#countLostAtEnd();
    this.#closeCube();
    const next = await reopenSettled(this.#stream);
    this.#options.onWarning(
      `Stream "${this.name}" was re-created: another file begins`,
    );
    this.#stream.close();
    this.#stream = next;
    this.#channel = new Channel(next, {
      ...this.#options.channel,
      follows: this.#channel.reached,
    });
    this.#warnedGone = false;
  }
}
