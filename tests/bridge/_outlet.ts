/**
 * A source, a transmitter of it, and a recorder of what it sends: what most
 * tests of the transmitter begin with.
 * @module
 */

import type { TransmitOptions } from "../../src/bridge/transmit.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { CreateOptions } from "../../src/stream/stream_options.ts";
import {
  flat,
  framesOf,
  HANDSHAKE,
  Recorder,
  type Recording,
  type TakenFrame,
  Transmitting,
} from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";
import { Foreign } from "../_support/foreign.ts";

/** The stream `cam`, 4x3 u16 without keywords unless said otherwise. */
export function source(
  folder: Folder,
  options: Partial<CreateOptions> = {},
): Stream {
  return Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
    keywords: 0,
    ...options,
  });
}

/** Waits for so many frames of a connection. */
export async function frames(
  recording: Recording,
  count: number,
): Promise<TakenFrame[]> {
  await until(
    () => `${count} frames, ${framesOf(recording.bytes).length} came`,
    () =>
      recording.length >= HANDSHAKE &&
      framesOf(recording.bytes).length >= count,
  );
  return framesOf(recording.bytes);
}

/** In glibc's semaphore: how many sleep on it. */
const SLEEPERS_AT = 4;

/**
 * Waits until somebody sleeps on a semaphore of a stream: a pump that has been
 * started has looked at the counters by then. A slice that is written before
 * counts as one that was there.
 */
export async function asleep({ path, layout }: Stream): Promise<void> {
  using file = new Foreign(path);
  const { sems, semStride, semCount } = layout.table;
  const sleepers = (index: number): number =>
    file.bytes(sems + index * semStride + SLEEPERS_AT, 4).getInt32(0, true);
  await until("the pump sleeps", () => {
    for (let i = 0; i < semCount; i++) if (sleepers(i) > 0) return true;
    return false;
  });
}

/** Source, transmitter and recorder. */
export class Outlet implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly folder: Folder;
  readonly cam: Stream;
  readonly recorder: Recorder;
  readonly transmitting: Transmitting;
  readonly #sleeps: boolean;

  /**
   * @param stream How the source differs from {@linkcode source}; `first`
   * fills a frame that is there before the transmitter.
   * @param options For the transmitter.
   */
  constructor(
    { first, ...stream }: Partial<CreateOptions> & { first?: number } = {},
    options: Partial<TransmitOptions> = {},
  ) {
    this.#sleeps = (options.wait?.mode ?? "semaphore") === "semaphore";
    this.folder = this.#stack.use(new Folder());
    this.cam = this.#stack.use(source(this.folder, stream));
    if (first !== undefined) this.cam.write(flat(first));
    this.recorder = this.#stack.use(new Recorder());
    this.transmitting = this.#stack.use(
      new Transmitting(this.folder, "cam", this.recorder.port, options),
    );
  }

  /** The connection, once its announcement has come and the pump waits. */
  async begun(): Promise<Recording> {
    const recording = await this.recorder.connection();
    await recording.take(HANDSHAKE);
    if (this.#sleeps) await asleep(this.cam);
    return recording;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** A folder that nobody can look into for a while: its way is a circle. */
export function outOfSight(folder: Folder): Disposable {
  const aside = `${folder.path}-aside`;
  Deno.renameSync(folder.path, aside);
  Deno.symlinkSync(folder.path, folder.path);
  return {
    [Symbol.dispose]: () => {
      Deno.removeSync(folder.path);
      Deno.renameSync(aside, folder.path);
    },
  };
}
