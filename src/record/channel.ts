/**
 * One stream being caught: its ring, its pump, and its semaphore.
 * @module
 */

import type { Pump, Schedule } from "../../ffi/pump.ts";
import { FrameRing, startCapture } from "../../ffi/ring.ts";
import type { Stream } from "../stream/stream.ts";
import { Waiter, type WaitOptions } from "../stream/wait.ts";

/** How to catch frames. */
export interface ChannelOptions {
  /** Slots of the ring. */
  readonly slots: number;
  /** How to wait. */
  readonly wait: WaitOptions;
  /** Priority and cores of the pump. */
  readonly schedule: Schedule;
  /** Also the frame that is there already; see {@linkcode Channel.reached}. */
  readonly follows?: bigint;
  /** Only what is known of the frames, not their pixels. */
  readonly withoutPixels?: boolean;
}

/** A stream that is being caught. */
export class Channel {
  /** The stream. */
  readonly stream: Stream;
  /** Its frames. */
  readonly ring: FrameRing;
  readonly #pump: Pump;
  readonly #waiter: Waiter;
  readonly #began: bigint;
  #ended = false;

  /**
   * Starts to catch frames; `ring.ready` says when it does.
   *
   * @param stream The stream; it must stay open until `close` has returned.
   * @param options How.
   */
  constructor(stream: Stream, options: ChannelOptions) {
    this.stream = stream;
    const bytes = options.withoutPixels ? 0 : stream.layout.table.dataBytes;
    this.ring = new FrameRing(options.slots, bytes);
    this.#waiter = new Waiter(stream.mapping, options.wait, stream.name);
    this.#began = stream.cnt0;
    this.#pump = startCapture(stream.mapping, this.ring, {
      wait: this.#waiter.settings,
      ...options.follows === undefined ? {} : { follows: options.follows },
      schedule: options.schedule,
    });
    this.#pump.done.then(() => this.#ended = true);
  }

  /** Waits until frames are being caught. */
  async ready(): Promise<void> {
    while (!this.ring.ready && !this.#ended) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** The counter of the last frame that was caught, or missed. */
  get reached(): bigint {
    const { head, missedSince } = this.ring;
    const last = head > 0 ? this.ring.caught(head - 1).cnt0 : this.#began;
    return last + BigInt(missedSince);
  }

  /** What the pump does right now. */
  get state(): string {
    return this.#pump.state;
  }

  /** Whether the pump has ended, by itself or asked to. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Ends the pump; what it caught stays in the ring. */
  async stop(): Promise<void> {
    this.#pump.stop();
    const end = await this.#pump.done;
    this.#ended = true;
    this.#waiter.close();
    if (end.reason === "error") throw end.error;
  }
}
