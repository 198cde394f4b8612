/**
 * How a prompt talks to a device that runs elsewhere: through the device's
 * own segment, which nobody but its owner may write. No socket and no file
 * is needed, and nothing is left of it when the segment goes.
 *
 * The prompt claims the mailbox with its pid, stores a request and counts
 * `request` up; the device stores its reply and sets `reply` to the same
 * number.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import { processStartNs } from "../../ffi/process.ts";
import {
  DeviceError,
  DeviceSegment,
  type FileKey,
  keyText,
} from "./device_segment.ts";
import { AT, REPLY_BYTES, REQUEST_BYTES } from "./layout.ts";
import type { Reply } from "./prompt.ts";

const OK = 1;
const ENDED = 2;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function storeText(
  { segment }: DeviceSegment,
  lengthAt: number,
  textAt: number,
  most: number,
  text: string,
): void {
  const bytes = new Uint8Array(most);
  const { written } = encoder.encodeInto(text, bytes);
  segment.write(textAt, bytes);
  segment.write(lengthAt, new Uint8Array(new Uint32Array([written]).buffer));
}

function u32({ segment }: DeviceSegment, at: number): number {
  return new DataView(segment.bytes(at, 4).buffer).getUint32(0, true);
}

function loadText(
  device: DeviceSegment,
  lengthAt: number,
  textAt: number,
  most: number,
): string {
  const length = Math.min(most, u32(device, lengthAt));
  return decoder.decode(device.segment.bytes(textAt, length));
}

/** The device's end. */
export class Mailbox {
  readonly #device: DeviceSegment;

  /** @param device Its segment, writable. */
  constructor(device: DeviceSegment) {
    this.#device = device;
  }

  /**
   * Answers a request where one waits.
   *
   * @param execute Does what it says.
   */
  poll(execute: (line: string) => Reply): void {
    const { segment } = this.#device;
    const request = segment.word(AT.request);
    const answered = segment.word(AT.reply);
    if (request === answered) return;
    const line = loadText(
      this.#device,
      AT.requestBytes,
      AT.requestText,
      REQUEST_BYTES,
    );
    const { text, ok, ended } = execute(line);
    storeText(this.#device, AT.replyBytes, AT.replyText, REPLY_BYTES, text);
    const flags = (ok ? OK : 0) | (ended ? ENDED : 0);
    segment.write(
      AT.replyFlags,
      new Uint8Array(new Uint32Array([flags]).buffer),
    );
    segment.swap(AT.reply, answered, request);
  }
}

const LOOK_MS = 10;
const PATIENCE_MS = 5000;

/** The prompt's end. */
export class RemotePrompt {
  /** The device's segment. */
  readonly device: DeviceSegment;
  readonly #pid = BigInt(Deno.pid);

  private constructor(device: DeviceSegment) {
    this.device = device;
  }

  /**
   * Takes the prompt of a device.
   *
   * @param key What it is found by.
   * @throws {DeviceError} where it died, or where another prompt has it.
   * @throws {SegmentError} `ENOENT` where there is no device, `EACCES` where
   * it is another user's.
   */
  static attach(key: FileKey): RemotePrompt {
    using undo = new DisposableStack();
    const device = undo.use(DeviceSegment.open(key, { writable: true }));
    if (!device.alive) {
      throw new DeviceError(
        `The device of ${keyText(key)} (pid ${device.header.pid}) died: ` +
          '"shmim device WAVE PERIOD" starts it anew',
      );
    }
    const prompt = new RemotePrompt(device);
    prompt.#claim();
    undo.move();
    return prompt;
  }

  #claim(): void {
    const { segment } = this.device;
    for (let held = 0n;;) {
      const found = segment.swap(AT.claim, held, this.#pid);
      if (found === held) return;
      if (processStartNs(Number(found)) !== undefined) {
        throw new DeviceError(
          `The prompt of the device is attached already (pid ${found})`,
        );
      }
      held = found; // who had it died
    }
  }

  /**
   * Has the device do something.
   *
   * @param line As it was typed.
   * @returns What it says.
   * @throws {DeviceError} where it died or does not answer.
   */
  async send(line: string): Promise<Reply> {
    if (encoder.encode(line).length > REQUEST_BYTES) {
      return { ok: false, ended: false, text: "That line is too long" };
    }
    const { segment, header } = this.device;
    const before = segment.word(AT.request);
    const ours = before + 1n;
    storeText(
      this.device,
      AT.requestBytes,
      AT.requestText,
      REQUEST_BYTES,
      line,
    );
    segment.swap(AT.request, before, ours);
    const end = performance.now() + PATIENCE_MS;
    while (segment.word(AT.reply) !== ours) {
      if (!this.device.alive) {
        throw new DeviceError(`The device (pid ${header.pid}) died`);
      }
      if (performance.now() > end) {
        throw new DeviceError(`The device (pid ${header.pid}) does not answer`);
      }
      await pause(LOOK_MS);
    }
    const flags = u32(this.device, AT.replyFlags);
    if ((flags & ENDED) !== 0) await this.#gone(end);
    return {
      ok: (flags & OK) !== 0,
      ended: (flags & ENDED) !== 0,
      text: loadText(this.device, AT.replyBytes, AT.replyText, REPLY_BYTES),
    };
  }

  /** Waits until the device's process has ended, too, or the time is up. */
  async #gone(end: number): Promise<void> {
    while (this.device.alive && performance.now() < end) {
      await pause(LOOK_MS);
    }
  }

  /** Gives the prompt back. */
  close(): void {
    if (!this.device.segment.attached) return;
    this.device.segment.swap(AT.claim, this.#pid, 0n);
    this.device.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
