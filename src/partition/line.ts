/**
 * The connection between the two processes that carry segments between two
 * partitions: messages, and parcels of bytes, behind the handshake of our
 * wire, each of them sealed.
 * @module
 */

import type { SealedChannel } from "../bridge/handshake.ts";
import { MAX_SEALED } from "../bridge/handshake.ts";
import { PartitionError } from "./errors.ts";

/** Bytes of an update, or of all that a copy lacks. */
export interface Parcel {
  /** Whether it goes to the owner; handles are counted by who has copies. */
  readonly ask: boolean;
  /** Which copy. */
  readonly handle: number;
  /** To the owner: the copy's number of it; from it: the owner's newest. */
  readonly update: bigint;
  /** From the owner: the copy's newest that is among them. */
  readonly own: bigint;
  /** Records, as native/replica.c has them. */
  readonly records: Uint8Array<ArrayBuffer>;
}

/** A message: what it is, and more. */
export interface Message {
  /** What it is. */
  readonly t: string;
  readonly [name: string]: unknown;
}

/** What is done with what comes. */
export interface LineEnds {
  /** A message. */
  onMessage(message: Message): void;
  /** A parcel. */
  onParcel(parcel: Parcel): void;
  /** Largest parcel of a copy, bytes; `undefined` where there is none such. */
  most(ask: boolean, handle: number): number | undefined;
}

const KIND = { message: 0, parcel: 1, more: 2 } as const;
const PARCEL_HEAD = 32;

function bad(why: string): PartitionError {
  return new PartitionError(`It breaks the rules of the line: ${why}`);
}

/** A parcel that is not whole yet. */
interface Incoming {
  readonly head: Parcel;
  readonly total: number;
  at: number;
}

/** A connection whose other end is known. */
export class Line {
  readonly #channel: SealedChannel;
  readonly #connection: Deno.TcpConn;
  readonly #queue: Uint8Array[] = [];
  #backlog = 0;
  #wake = Promise.withResolvers<void>();
  #closed = false;
  #heard = performance.now();
  #parcel: Incoming | undefined;

  /**
   * Takes a connection after its handshake.
   *
   * @param connection Closed with the line.
   */
  constructor(channel: SealedChannel, connection: Deno.TcpConn) {
    this.#channel = channel;
    this.#connection = connection;
    connection.setNoDelay(true);
  }

  /** Bytes that wait to be sent. */
  get backlog(): number {
    return this.#backlog;
  }

  /** How long nothing came, ms. */
  get silentMs(): number {
    return performance.now() - this.#heard;
  }

  #push(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#queue.push(bytes);
    this.#backlog += bytes.length;
    this.#wake.resolve();
  }

  /** Sends a message. */
  send(message: Message): void {
    const text = new TextEncoder().encode(JSON.stringify(message));
    const bytes = new Uint8Array(1 + text.length);
    bytes.set(text, 1);
    this.#push(bytes);
  }

  /** Sends a parcel. */
  sendParcel({ ask, handle, update, own, records }: Parcel): void {
    const first = Math.min(records.length, MAX_SEALED - PARCEL_HEAD);
    const bytes = new Uint8Array(PARCEL_HEAD + first);
    const view = new DataView(bytes.buffer);
    bytes[0] = KIND.parcel;
    bytes[1] = ask ? 1 : 0;
    view.setUint32(4, handle, true);
    view.setBigUint64(8, update, true);
    view.setBigUint64(16, own, true);
    view.setBigUint64(24, BigInt(records.length), true);
    bytes.set(records.subarray(0, first), PARCEL_HEAD);
    this.#push(bytes);
    for (let at = first; at < records.length;) {
      const part = records.subarray(at, at + MAX_SEALED - 1);
      const more = new Uint8Array(1 + part.length);
      more[0] = KIND.more;
      more.set(part, 1);
      this.#push(more);
      at += part.length;
    }
  }

  async #write(): Promise<void> {
    while (!this.#closed) {
      const next = this.#queue.shift();
      if (next === undefined) {
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
        continue;
      }
      await this.#channel.send(next);
      this.#backlog -= next.length;
    }
  }

  #message(bytes: Uint8Array<ArrayBuffer>): Message {
    if (bytes[0] !== KIND.message) throw bad("no message");
    const value: unknown = JSON.parse(
      new TextDecoder().decode(bytes.subarray(1)),
    );
    const message = value as Message;
    if (typeof value !== "object" || typeof message?.t !== "string") {
      throw bad("no message");
    }
    return message;
  }

  #begin(bytes: Uint8Array<ArrayBuffer>, ends: LineEnds): void {
    if (bytes.length < PARCEL_HEAD || this.#parcel !== undefined) {
      throw bad("a parcel in a parcel");
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const handle = view.getUint32(4, true);
    const total = Number(view.getBigUint64(24, true));
    const ask = bytes[1] === 1;
    const most = ends.most(ask, handle);
    const rest = bytes.subarray(PARCEL_HEAD);
    // Of a copy that was let go meanwhile: what still comes is dropped.
    const kept = most === undefined ? 0 : total;
    if (most !== undefined && total > most) {
      throw bad(`a parcel of ${total} bytes for a copy that takes ${most}`);
    }
    if (rest.length > total) throw bad("a parcel of too many bytes");
    const head: Parcel = {
      ask,
      handle,
      update: view.getBigUint64(8, true),
      own: view.getBigUint64(16, true),
      records: new Uint8Array(kept),
    };
    head.records.set(rest.subarray(0, kept));
    this.#parcel = { head, total, at: rest.length };
  }

  #take(bytes: Uint8Array<ArrayBuffer>, ends: LineEnds): void {
    switch (bytes[0]) {
      case KIND.parcel:
        this.#begin(bytes, ends);
        break;
      case KIND.more: {
        const parcel = this.#parcel;
        const more = bytes.length - 1;
        if (parcel === undefined || parcel.at + more > parcel.total) {
          throw bad("more of no parcel");
        }
        const { records } = parcel.head;
        if (records.length > 0) records.set(bytes.subarray(1), parcel.at);
        parcel.at += more;
        break;
      }
      default:
        ends.onMessage(this.#message(bytes));
        return;
    }
    const { head, total, at } = this.#parcel as Incoming;
    if (at < total) return;
    this.#parcel = undefined;
    ends.onParcel(head);
  }

  /** Takes what comes and sends what waits, until the line is lost. */
  async run(ends: LineEnds): Promise<void> {
    const writing = this.#write();
    const reading = async (): Promise<void> => {
      while (!this.#closed) {
        const bytes = await this.#channel.receive();
        this.#heard = performance.now();
        this.#take(bytes, ends);
      }
    };
    try {
      await Promise.race([writing, reading()]);
    } finally {
      this.close();
    }
  }

  /** Waits until all is sent, for a while. */
  async drain(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (!this.#closed && this.#backlog > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Closes it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake.resolve();
    try {
      this.#connection.close();
    } catch {
      // it was lost already
    }
  }
}
