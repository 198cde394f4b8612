/**
 * Who a daemon of another host is: the number that it says is held against
 * its key, its address, and whoever else has come under that number.
 * @module
 */

import { connectWithin } from "../bridge/connect.ts";
import { plainAddress } from "../bridge/peer.ts";
import type { Book } from "./book.ts";
import type { Request } from "./control.ts";
import { PartitionError } from "./errors.ts";
import type { Key } from "./keyring.ts";
import type { Peer } from "./peers.ts";

/** Where a request came from, before it is believed. */
export interface Caller {
  /** The address. */
  readonly host: string;
  /** The key that it has; without one nobody is asked. */
  readonly key: Key | undefined;
}

interface Known {
  readonly identity: string;
  readonly hostname: string;
  readonly host: string;
  readonly at: number;
}

/** How long an address behind a name is believed, ms. */
const ADDRESS_MS = 30_000;
const CONNECT_MS = 3000;

/** Where a peer's name leads to: asked by connecting, which may be done. */
export async function addressOf({ host, port }: Peer): Promise<string> {
  if (/^[\d.]+$/.test(host) || host.includes(":")) return plainAddress(host);
  const connection = await connectWithin(CONNECT_MS, {
    hostname: host,
    port,
    signal: new AbortController().signal,
  });
  try {
    return plainAddress((connection.remoteAddr as Deno.NetAddr).hostname);
  } finally {
    connection.close();
  }
}

/** Those who come. */
export class Callers {
  readonly #book: Book;
  readonly #known = new Map<number, Known>();
  readonly #addresses = new Map<number, { address: string; at: number }>();

  /** @param book What the daemon remembers. */
  constructor(book: Book) {
    this.#book = book;
  }

  /** When each partition was heard last, ms ago. */
  heardMs(partition: number): number | undefined {
    const known = this.#known.get(partition);
    return known === undefined ? undefined : performance.now() - known.at;
  }

  /**
   * Who it is.
   *
   * @throws {PartitionError} where the number is not its own.
   */
  async identify(request: Request, caller: Caller): Promise<Peer> {
    const { partition, peers } = this.#book.state;
    const { from, to, identity, hostname } = request;
    if (
      typeof from !== "number" || typeof to !== "number" ||
      typeof identity !== "string" || typeof hostname !== "string"
    ) throw new PartitionError("That is no request of a partition");
    if (to !== partition) {
      throw new PartitionError(`This is partition ${partition}, not ${to}`);
    }
    const peer = peers.find((one) => one.partition === from);
    if (peer === undefined) {
      throw new PartitionError(
        `Partition ${partition} knows no partition ${from}: its ` +
          `configuration has no [[peer]] of that number`,
      );
    }
    await this.#requireOwn(peer, caller);
    this.#requireOnly(peer, { identity, hostname, host: caller.host });
    return peer;
  }

  /** The number belongs to the key; where all have one key, to the address. */
  async #requireOwn(peer: Peer, { key, host }: Caller): Promise<void> {
    const { partition } = peer;
    if (key !== undefined && !key.partitions.includes(partition)) {
      throw new PartitionError(
        `That key is not partition ${partition}'s` +
          (key.partitions.length === 0
            ? ""
            : `, but of partition ${key.partitions.join(", ")}`),
      );
    }
    if (peer.key !== undefined) return; // it proved who it is
    const address = plainAddress(host);
    if (await this.#addressOf(peer) === address) return;
    throw new PartitionError(
      `Partition ${partition} is at ${peer.host}, not at ${address}: a key of ` +
        "its own in [[peer]] would tell who it is",
    );
  }

  async #addressOf(peer: Peer): Promise<string> {
    const now = performance.now();
    const known = this.#addresses.get(peer.partition);
    if (known !== undefined && now - known.at < ADDRESS_MS) {
      return known.address;
    }
    const address = await addressOf(peer);
    this.#addresses.set(peer.partition, { address, at: now });
    return address;
  }

  /** Two that call themselves the same: the first one stays. */
  #requireOnly(
    { partition }: Peer,
    caller: { identity: string; hostname: string; host: string },
  ): void {
    const now = performance.now();
    const known = this.#known.get(partition);
    const { timeoutS } = this.#book.state.limits;
    if (
      known !== undefined && known.identity !== caller.identity &&
      now - known.at < timeoutS * 1000
    ) {
      throw new PartitionError(
        `Partition ${partition} is up on host "${known.hostname}" ` +
          `(${known.host}) already: two daemons have one number`,
      );
    }
    this.#known.set(partition, { ...caller, at: now });
  }
}
