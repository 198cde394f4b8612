/**
 * Both ends of milk's shmimTCP as the format document describes them,
 * written apart from `src/bridge`: a peer for our receiver, a recorder and a
 * stand-in for milk's receiver for our transmitter.
 * @module
 */

import { assertEquals } from "@std/assert";
import { type ReceiveOptions, Receiver } from "../../src/bridge/receive.ts";
import {
  type TransmitOptions,
  Transmitter,
} from "../../src/bridge/transmit.ts";
import type { BridgeEvent } from "../../src/bridge/session.ts";
import type { Folder } from "./cli.ts";
import { until } from "./cli.ts";

/** Bytes of the announcement. */
export const HANDSHAKE = 384;

/** A file of tests/fixtures. */
export function fixture(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
}

/** What an announcement claims; every field may lie. */
export interface Claim {
  name?: string;
  version?: string;
  naxis?: number;
  size?: readonly number[];
  /** ImageStreamIO's code, 3 is u16, 9 is f32. */
  code?: number;
  elementBytes?: number;
  elements?: bigint;
  dataBytes?: bigint;
  keywords?: number;
  imageType?: bigint;
  shared?: number;
  location?: number;
}

/** An announcement of 384 bytes; by default of an honest 4x3 u16 stream. */
export function handshake(claim: Claim = {}): Uint8Array<ArrayBuffer> {
  const size = claim.size ?? [4, 3];
  const bytes = new Uint8Array(HANDSHAKE);
  const view = new DataView(bytes.buffer);
  const encoder = new TextEncoder();
  bytes.set(encoder.encode(claim.version ?? "2.00"), 0);
  bytes.set(encoder.encode(claim.name ?? "cam").subarray(0, 80), 32);
  view.setUint8(112, claim.naxis ?? size.length);
  size.forEach((axis, i) => view.setUint32(116 + 4 * i, axis, true));
  const product = size.reduce((all, axis) => all * BigInt(axis), 1n);
  view.setBigUint64(128, claim.elements ?? product, true);
  view.setUint8(136, claim.code ?? 3);
  view.setBigUint64(144, claim.imageType ?? 2n, true);
  view.setUint8(224, claim.shared ?? 1);
  view.setInt8(240, claim.location ?? -1);
  view.setUint16(258, 10, true);
  view.setUint16(260, 10, true);
  view.setUint16(290, claim.keywords ?? 0, true);
  const elementBytes = BigInt(claim.elementBytes ?? 2);
  view.setBigUint64(312, claim.dataBytes ?? product * elementBytes, true);
  return bytes;
}

/** A frame on the wire. */
export function wireFrame(
  pixels: ArrayBufferView,
  cnt0: bigint,
  slice: bigint = 0n,
  keywords: Uint8Array = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  const raw = new Uint8Array(
    pixels.buffer,
    pixels.byteOffset,
    pixels.byteLength,
  );
  const bytes = new Uint8Array(raw.length + 16 + keywords.length);
  bytes.set(raw);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(raw.length, cnt0, true);
  view.setBigUint64(raw.length + 8, slice, true);
  bytes.set(keywords, raw.length + 16);
  return bytes;
}

/** Pixels of one value each. */
export function flat(value: number, count = 12): Uint16Array<ArrayBuffer> {
  return new Uint16Array(count).fill(value);
}

/** A keyword record as it lies in memory: an integer. */
export function keywordRecord(name: string, value: bigint): Uint8Array {
  const record = new Uint8Array(128);
  record.set(new TextEncoder().encode(name));
  record[16] = 0x4C; // "L"
  new DataView(record.buffer).setBigInt64(24, value, true);
  return record;
}

/** Puts parts together. */
export function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A sender as milk's: connects, sends what it is told to, never reads. */
export class Sender implements Disposable {
  readonly #connection: Deno.TcpConn;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(port: number, hostname = "127.0.0.1"): Promise<Sender> {
    const connection = await Deno.connect({ hostname, port });
    connection.setNoDelay(true);
    return new Sender(connection);
  }

  /** Sends bytes, in chunks of so many where that is said. */
  async send(bytes: Uint8Array, chunk = bytes.length): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + chunk);
      at += await this.#connection.write(bytes.subarray(at, end));
    }
  }

  /** Waits until the other end closes; true where it did so in time. */
  async closedByPeer(): Promise<boolean> {
    try {
      return await this.#connection.read(new Uint8Array(1)) === null;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionReset) return true;
      throw error;
    }
  }

  close(): void {
    try {
      this.#connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** One connection of a {@linkcode Recorder}. */
export class Recording {
  readonly #connection: Deno.TcpConn;
  #bytes = new Uint8Array(1 << 16);
  #length = 0;
  /** True when the other end has closed. */
  ended = false;
  /** Settles at the end. */
  readonly done: Promise<void>;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.done = this.#record();
  }

  async #record(): Promise<void> {
    const chunk = new Uint8Array(1 << 16);
    try {
      for (;;) {
        const n = await this.#connection.read(chunk);
        if (n === null) break;
        if (this.#length + n > this.#bytes.length) {
          const more = new Uint8Array(2 * (this.#length + n));
          more.set(this.#bytes.subarray(0, this.#length));
          this.#bytes = more;
        }
        this.#bytes.set(chunk.subarray(0, n), this.#length);
        this.#length += n;
      }
    } catch {
      // closed by us, or reset
    }
    this.ended = true;
  }

  /** How many bytes came. */
  get length(): number {
    return this.#length;
  }

  /** All bytes so far. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** Waits for so many bytes, and returns them. */
  async take(count: number, from = 0): Promise<Uint8Array<ArrayBuffer>> {
    await until(() => `${from + count} bytes, ${this.#length} came`, () => {
      if (this.ended && this.#length < from + count) {
        throw new Error(`The connection ended after ${this.#length} bytes`);
      }
      return this.#length >= from + count;
    });
    return this.#bytes.slice(from, from + count);
  }

  async close(): Promise<void> {
    try {
      this.#connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    await this.done;
  }
}

/** A server that records what transmitters send. */
export class Recorder implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  /** One for each connection. */
  readonly recordings: Recording[] = [];
  readonly #running: Promise<void>;

  constructor(port = 0, hostname = "127.0.0.1") {
    const listener = Deno.listen({ hostname, port });
    this.#listener = listener;
    this.#running = (async () => {
      for await (const connection of listener) {
        this.recordings.push(new Recording(connection));
      }
    })();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** The connection of this number. */
  connection(index = 0): Promise<Recording> {
    return until(`connection ${index}`, () => this.recordings[index]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#running;
    for (const recording of this.recordings) await recording.close();
  }
}

/** A frame taken apart. */
export interface TakenFrame {
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly cnt0: bigint;
  readonly slice: bigint;
  readonly keywords: Uint8Array<ArrayBuffer>;
}

/** Takes the frames of a recording apart, by what its announcement says. */
export function framesOf(bytes: Uint8Array<ArrayBuffer>): TakenFrame[] {
  const view = new DataView(bytes.buffer);
  const code = view.getUint8(136);
  const element = [0, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 8, 16, 2][code] ?? 0;
  const pixels = element * view.getUint32(116, true) *
    view.getUint32(120, true);
  const keywords = 128 * view.getUint16(290, true);
  const frame = pixels + 16 + keywords;
  const frames: TakenFrame[] = [];
  for (let at = HANDSHAKE; at + frame <= bytes.length; at += frame) {
    frames.push({
      pixels: bytes.slice(at, at + pixels),
      cnt0: view.getBigUint64(at + pixels, true),
      slice: view.getBigUint64(at + pixels + 8, true),
      keywords: bytes.slice(at + pixels + 16, at + frame),
    });
  }
  return frames;
}

/** Events as lines. */
export class Events {
  readonly #lines: string[] = [];
  /** Takes one. */
  readonly take = ({ level, message }: BridgeEvent): void => {
    this.#lines.push(`${level}: ${message}`);
  };

  /** All so far. */
  get text(): string {
    return this.#lines.join("\n");
  }

  /** Forgets all so far. */
  clear(): void {
    this.#lines.length = 0;
  }

  /** How often something was said. */
  count(pattern: RegExp): number {
    return this.#lines.filter((line) => pattern.test(line)).length;
  }

  /** Waits until something was said so often. */
  async said(pattern: RegExp, times = 1): Promise<void> {
    await until(
      () => `${pattern} in: ${this.text}`,
      () => this.count(pattern) >= times,
    );
  }
}

/** A receiver in this process, with its events, that ends with the test. */
export class Receiving implements AsyncDisposable {
  readonly events = new Events();
  readonly receiver: Receiver;

  constructor(folder: Folder, options: Partial<ReceiveOptions> = {}) {
    this.receiver = Receiver.listen({
      port: 0,
      dir: folder.path,
      onEvent: this.events.take,
      ...options,
    });
  }

  get port(): number {
    return this.receiver.port;
  }

  /** Waits until so many frames were published. */
  async frames(count: number): Promise<void> {
    await until(
      () =>
        `${count} frames, ${this.receiver.status().frames} came; ` +
        this.events.text,
      () => this.receiver.status().frames >= count,
    );
    assertEquals(this.receiver.status().frames, count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.receiver.stop();
    await this.receiver.done;
  }
}

/** A transmitter in this process, with its events. */
export class Transmitting implements AsyncDisposable {
  readonly events = new Events();
  readonly transmitter: Transmitter;
  /** Why it ended, where it failed. */
  error: Error | undefined;
  readonly #settled: Promise<void>;

  constructor(
    folder: Folder,
    stream: string,
    port: number,
    options: Partial<TransmitOptions> = {},
  ) {
    this.transmitter = Transmitter.start({
      stream,
      dir: folder.path,
      hostname: "127.0.0.1",
      port,
      onEvent: this.events.take,
      ...options,
    });
    this.#settled = this.transmitter.done.catch((error) => {
      this.error = error;
    });
  }

  /** Waits for its end. */
  ended(): Promise<void> {
    return this.#settled;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transmitter.stop();
    await this.#settled;
  }
}
