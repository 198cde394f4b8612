/**
 * How daemons of different hosts speak: a TCP connection for each request,
 * with the handshake of our wire before anything else. Who has not the key
 * learns the versions spoken, and holds one of a few places for a few
 * seconds.
 * @module
 */

import { plainMessage } from "../bridge/connect.ts";
import { showEndpoint } from "../bridge/endpoint.ts";
import {
  HandshakeError,
  initiate,
  respond,
  type SealedChannel,
  SERVICE,
} from "../bridge/handshake.ts";
import { Admission, type Guest } from "../bridge/admission.ts";
import { connectWithin } from "../bridge/connect.ts";
import type { Caller } from "./callers.ts";
import type { Request } from "./control.ts";
import { PartitionError, PeerRefusal } from "./errors.ts";
import { Limited } from "./limited.ts";
import type { Key, Keyring } from "./keyring.ts";

/** Where another partition's daemon listens. */
export interface Peer {
  /** Its partition. */
  readonly partition: number;
  /** Its host. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** The file of its own key, where it has one. */
  readonly key?: string;
}

const PATIENCE_MS = 5000;
const NEVER = new AbortController().signal;
/** Requests that are answered at once, of peers that have the key. */
const MAX_ANSWERING = 64;
/** How often one that was turned away at the door knocks. */
const KNOCKS = 5;
/** How often where it may be the key that is not accepted. */
const KEY_KNOCKS = 3;
const KNOCK_MS = 300;

function options(
  key: Key | undefined,
): { service: number; key?: Uint8Array<ArrayBuffer> } {
  return {
    service: SERVICE.control,
    ...key === undefined ? {} : { key: key.bytes },
  };
}

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decode(bytes: Uint8Array): Record<string, unknown> {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof value !== "object" || value === null) throw new TypeError("null");
  return value as Record<string, unknown>;
}

/**
 * How often to knock where this was the answer. What is closed before anything
 * was said was turned away: the door was crowded. Closed later it may have made
 * room for others, or shown a wrong key: that looks the same.
 */
function knocksFor(error: unknown): number {
  if (error instanceof HandshakeError) {
    if (error.unsaid === undefined) return 1;
    return error.unsaid === "proof" ? KEY_KNOCKS : KNOCKS;
  }
  const closed = error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe;
  return closed ? KNOCKS : 1;
}

async function exchange(
  { host, port }: Peer,
  key: Key | undefined,
  request: Request,
  timeoutS: number,
): Promise<Record<string, unknown>> {
  const end = performance.now() + timeoutS * 1000;
  for (let knock = 1;; knock++) {
    try {
      const connection = await connectWithin(end - performance.now(), {
        hostname: host,
        port,
        signal: NEVER,
      });
      using _ = new Limited(connection, end - performance.now());
      const channel = await initiate(connection, options(key));
      await channel.send(encode(request));
      return decode(await channel.receive());
    } catch (error) {
      const waitMs = KNOCK_MS * knock * (0.5 + Math.random());
      if (
        knock >= knocksFor(error) ||
        performance.now() + waitMs > end
      ) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/**
 * Asks the daemon of another host.
 *
 * @throws {PartitionError} where it cannot be reached, is not who it must be,
 * or refuses.
 */
export async function askPeer(
  peer: Peer,
  key: Key | undefined,
  request: Request,
  timeoutS: number,
): Promise<unknown> {
  const name = `partition ${peer.partition} at ` +
    showEndpoint(peer.host, peer.port);
  let reply: Record<string, unknown>;
  try {
    reply = await exchange(peer, key, request, timeoutS);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const why = error instanceof Deno.errors.BadResource ||
        error instanceof Deno.errors.Interrupted
      ? `no answer within ${timeoutS} s`
      : plainMessage(error);
    throw new PartitionError(`Cannot reach ${name}: ${why}`, { cause: error });
  }
  if (reply.ok !== true) throw new PeerRefusal(`${name}: ${reply.error}`);
  return reply.result;
}

/** Answers a request of another host. */
export type PeerAnswer = (
  request: Request,
  caller: Caller,
) => Promise<unknown>;

/** The end that others connect to. */
export class PeerSocket {
  readonly #listener: Deno.TcpListener;
  readonly #serving: Promise<void>;
  readonly #keys: Keyring;
  readonly #answer: PeerAnswer;
  readonly #onRefused: (why: string) => void;
  readonly #admission = new Admission();
  #answering = 0;
  #unproven = 0;
  #told = -Infinity;

  /**
   * Listens.
   *
   * @param where An address of this host.
   * @param onRefused Told of the first of each second that has not the key.
   */
  constructor(
    where: { readonly hostname: string; readonly port: number },
    keys: Keyring,
    answer: PeerAnswer,
    onRefused: (why: string) => void,
  ) {
    this.#keys = keys;
    this.#answer = answer;
    this.#onRefused = onRefused;
    this.#listener = Deno.listen({ ...where });
    this.#serving = this.#serve();
  }

  /** The port. */
  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Connections that were turned away, made room, or had not the key. */
  get refused(): number {
    const { refused, evicted } = this.#admission;
    return refused + evicted + this.#unproven;
  }

  /** Connections that have not shown who they are, now. */
  get open(): number {
    return this.#admission.open;
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      this.#one(connection).catch((error: Error) => {
        if (!(error instanceof HandshakeError)) return;
        this.#unproven++;
        const now = performance.now();
        if (now - this.#told < 1000) return;
        this.#told = now;
        this.#onRefused(error.message);
      });
    }
  }

  async #one(connection: Deno.TcpConn): Promise<void> {
    using _ = new Limited(connection, PATIENCE_MS);
    const { hostname } = connection.remoteAddr as Deno.NetAddr;
    using guest = this.#admission.enter(hostname, () => connection.close());
    if (guest === undefined) return;
    const channel = await respond(connection, new Uint8Array(0), {
      service: SERVICE.control,
      keys: this.#keys.keys.map(({ bytes }) => bytes),
    });
    // Without a key nobody has shown anything before it asks.
    if (channel.authenticated) guest.known();
    if (this.#answering >= MAX_ANSWERING) return;
    this.#answering++;
    try {
      const key = this.#keys.keys[channel.which];
      await this.#reply(channel, guest, { host: hostname, key });
    } finally {
      this.#answering--;
    }
  }

  async #reply(
    channel: SealedChannel,
    guest: Guest,
    caller: Caller,
  ): Promise<void> {
    let reply: unknown;
    try {
      const request = decode(await channel.receive());
      guest.known();
      if (typeof request.do !== "string") throw new TypeError("no request");
      const result = await this.#answer(request as Request, caller);
      reply = { ok: true, result: result ?? null };
    } catch (error) {
      if (error instanceof HandshakeError) throw error;
      reply = { ok: false, error: (error as Error).message };
    }
    await channel.send(encode(reply));
  }

  /** Stops listening. */
  async close(): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }
}
