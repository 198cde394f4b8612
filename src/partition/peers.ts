/**
 * How daemons of different hosts speak: a TCP connection for each request,
 * with the handshake of our wire before anything else. Who has not the key
 * learns the versions spoken, and holds one of a few places for a few
 * seconds.
 * @module
 */

import {
  HandshakeError,
  initiate,
  respond,
  SERVICE,
} from "../bridge/handshake.ts";
import type { Request } from "./control.ts";
import { PartitionError } from "./errors.ts";

/** Where another partition's daemon listens. */
export interface Peer {
  /** Its partition. */
  readonly partition: number;
  /** Its host. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
}

type Key = Uint8Array<ArrayBuffer> | undefined;

const MAX_CONNECTIONS = 64;
const PATIENCE_MS = 5000;
/** Connections a second, beyond which new ones are turned away. */
const MAX_RATE = 200;

function options(key: Key): { service: number; key?: Uint8Array<ArrayBuffer> } {
  return { service: SERVICE.control, ...key === undefined ? {} : { key } };
}

function closing(connection: Deno.Conn, ms: number): Disposable {
  const close = (): void => {
    try {
      connection.close();
    } catch {
      // closed already
    }
  };
  const timer = setTimeout(close, ms);
  return {
    [Symbol.dispose](): void {
      clearTimeout(timer);
      close();
    },
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
 * Asks the daemon of another host.
 *
 * @throws {PartitionError} where it cannot be reached, is not who it must be,
 * or refuses.
 */
export async function askPeer(
  { partition, host, port }: Peer,
  key: Key,
  request: Request,
  timeoutS: number,
): Promise<unknown> {
  const name = `partition ${partition} at ${host}:${port}`;
  let reply: Record<string, unknown>;
  try {
    const connection = await Deno.connect({ hostname: host, port });
    using _ = closing(connection, timeoutS * 1000);
    const channel = await initiate(connection, options(key));
    await channel.send(encode(request));
    reply = decode(await channel.receive());
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const why = error instanceof Deno.errors.BadResource ||
        error instanceof Deno.errors.Interrupted
      ? `no answer within ${timeoutS} s`
      : (error as Error).message.replace(/ \(os error \d+\)/, "");
    throw new PartitionError(`Cannot reach ${name}: ${why}`, { cause: error });
  }
  if (reply.ok !== true) throw new PartitionError(`${name}: ${reply.error}`);
  return reply.result;
}

/** Answers a request of another host. */
export type PeerAnswer = (
  request: Request,
  host: string,
) => Promise<unknown>;

/** The end that others connect to. */
export class PeerSocket {
  readonly #listener: Deno.TcpListener;
  readonly #serving: Promise<void>;
  readonly #key: Key;
  readonly #answer: PeerAnswer;
  readonly #onRefused: (why: string) => void;
  #open = 0;
  #second = 0;
  #recent = 0;
  /** Connections that were turned away, or had not the key. */
  refused = 0;

  /**
   * Listens.
   *
   * @param where An address of this host.
   * @param onRefused Told of the first of each second that has not the key.
   */
  constructor(
    where: { readonly hostname: string; readonly port: number },
    key: Key,
    answer: PeerAnswer,
    onRefused: (why: string) => void,
  ) {
    this.#key = key;
    this.#answer = answer;
    this.#onRefused = onRefused;
    this.#listener = Deno.listen({ ...where });
    this.#serving = this.#serve();
  }

  /** The port. */
  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Whether one more may come now. */
  #admits(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) [this.#second, this.#recent] = [second, 0];
    return ++this.#recent <= MAX_RATE && this.#open < MAX_CONNECTIONS;
  }

  async #serve(): Promise<void> {
    let told = -1;
    for await (const connection of this.#listener) {
      if (!this.#admits()) {
        this.refused++;
        connection.close();
        continue;
      }
      this.#open++;
      this.#one(connection).catch((error: Error) => {
        if (!(error instanceof HandshakeError)) return;
        this.refused++;
        if (told === this.#second) return;
        told = this.#second;
        this.#onRefused(error.message);
      }).finally(() => this.#open--);
    }
  }

  async #one(connection: Deno.TcpConn): Promise<void> {
    using _ = closing(connection, PATIENCE_MS);
    const { hostname } = connection.remoteAddr as Deno.NetAddr;
    const channel = await respond(
      connection,
      new Uint8Array(0),
      options(this.#key),
    );
    let reply: unknown;
    try {
      const request = decode(await channel.receive());
      if (typeof request.do !== "string") throw new TypeError("no request");
      const result = await this.#answer(request as Request, hostname);
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
