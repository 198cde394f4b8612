/**
 * A receiver's first words with a peer: the first bytes tell milk's wire and
 * ours apart, and who may go on.
 * @module
 */

import {
  type Duplex,
  isHello,
  MAGIC,
  respond,
  type SealedChannel,
  SERVICE,
} from "./handshake.ts";
import { readKey } from "./key.ts";
import {
  type Announcement,
  HANDSHAKE_BYTES,
  readHandshake,
  WireError,
} from "./milk_wire.ts";
import { announced, type Offer, readOffer, writeAnswer } from "./wire.ts";

/** Which wires a receiver speaks. */
export type WireChoice = "milk" | "shmim" | "any";

/** How a receiver greets. */
export interface GreetOptions {
  /** Default `any`, with a key `shmim`: milk's wire asks nobody. */
  wire?: WireChoice;
  /** The key's file, read anew for each peer. */
  key?: string;
  /** Largest stream that is accepted, bytes. */
  maxBytes: number;
  /** How long a peer may take, ms. */
  limitMs: number;
}

/** What a peer wants to send. */
export interface Greeting {
  /** The stream. */
  readonly announcement: Announcement;
  /** Where it speaks our own wire: its offer, still to be answered. */
  readonly ours?: {
    readonly offer: Offer;
    readonly channel: SealedChannel;
  };
}

/** A connection whose bytes are counted. */
class Counting implements Duplex {
  readonly #connection: Deno.TcpConn;
  /** Bytes read. */
  got = 0;
  /** Whether they began in our own way. */
  own = false;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  async read(into: Uint8Array): Promise<number | null> {
    const n = await this.#connection.read(into);
    this.got += n ?? 0;
    return n;
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#connection.write(bytes);
  }

  /** Fills as much of a block as comes before the end. */
  async fill(block: Uint8Array): Promise<void> {
    while (this.got < block.length) {
      if (await this.read(block.subarray(this.got)) === null) return;
    }
  }
}

function wiresOf({ wire, key }: GreetOptions): { milk: boolean; own: boolean } {
  const chosen = wire ?? (key === undefined ? "any" : "shmim");
  return { milk: chosen !== "shmim", own: chosen !== "milk" };
}

async function greetOwn(
  connection: Counting,
  first: Uint8Array,
  options: GreetOptions,
): Promise<Greeting> {
  const channel = await respond(connection, first, {
    service: SERVICE.frames,
    ...options.key === undefined ? {} : { key: readKey(options.key) },
  });
  const bytes = await channel.receive();
  let offer: Offer;
  try {
    offer = readOffer(bytes, options.maxBytes);
  } catch (error) {
    await refuse(channel, error);
    throw error;
  }
  return { announcement: announced(offer), ours: { offer, channel } };
}

async function greetAny(
  connection: Counting,
  options: GreetOptions,
): Promise<Greeting | undefined> {
  const wires = wiresOf(options);
  const bytes = new Uint8Array(HANDSHAKE_BYTES);
  const first = bytes.subarray(0, MAGIC.length);
  await connection.fill(first);
  if (connection.got === 0) return undefined;
  if (connection.got === MAGIC.length && isHello(first)) {
    connection.own = true;
    if (!wires.own) throw new WireError("it does not speak milk's wire");
    return await greetOwn(connection, first, options);
  }
  if (!wires.milk) {
    throw new WireError(
      options.key === undefined
        ? "it does not speak our own wire (--wire any takes milk's, too)"
        : "it speaks milk's wire, which asks for no key (--wire any takes it " +
          "all the same)",
    );
  }
  await connection.fill(bytes);
  if (connection.got < bytes.length) {
    throw new WireError(
      `it closed after ${connection.got} of ${bytes.length} bytes of its ` +
        "announcement",
    );
  }
  return { announcement: readHandshake(bytes, options.maxBytes) };
}

/** Tells a peer that is known why it is not served. */
export async function refuse(
  channel: SealedChannel,
  error: unknown,
): Promise<void> {
  try {
    await channel.send(writeAnswer({
      refusal: error instanceof Error ? error.message : String(error),
      capabilities: 0,
      progress: undefined,
    }));
  } catch {
    // it is gone: nobody to tell
  }
}

/**
 * Reads what a peer announces.
 *
 * @returns `undefined` where the peer only looked in.
 * @throws {WireError | HandshakeError} saying why it is not served.
 */
export async function greet(
  connection: Deno.TcpConn,
  options: GreetOptions,
): Promise<Greeting | undefined> {
  const counting = new Counting(connection);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    connection.close();
  }, options.limitMs);
  try {
    return await greetAny(counting, options);
  } catch (error) {
    if (!late || error instanceof WireError) throw error;
    const seconds = options.limitMs / 1000;
    throw new WireError(
      counting.own
        ? `it did not finish its greeting in ${seconds} s`
        : `it sent ${counting.got} of ${HANDSHAKE_BYTES} bytes of its ` +
          `announcement in ${seconds} s`,
    );
  } finally {
    clearTimeout(timer);
  }
}
