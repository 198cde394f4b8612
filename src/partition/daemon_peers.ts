/** The peers of a daemon, as it asks their daemons. @module */

import { hostName } from "../../ffi/host.ts";
import type { Book } from "./book.ts";
import type { Request } from "./control.ts";
import { PeerRefusal } from "./errors.ts";
import type { Keyring } from "./keyring.ts";
import { askPeer, type Peer } from "./peers.ts";

/** Who typed a command waits for this and more. */
const LONGEST_S = 5;

/** The peers of a daemon. */
export class Peers {
  readonly #book: Book;
  /** The keys that are spoken with them. */
  readonly keys: Keyring;
  readonly #reached = new Map<number, boolean>();

  /**
   * Reads nothing, asks nobody yet.
   *
   * @param book What the daemon remembers.
   * @param keys The keys.
   */
  constructor(book: Book, keys: Keyring) {
    this.#book = book;
    this.keys = keys;
  }

  /** The peer that a partition is, where it is one. */
  find(partition: number): Peer | undefined {
    return this.#book.state.peers.find((one) => one.partition === partition);
  }

  /** Whether a peer answered when it was asked last. */
  reached(partition: number): boolean {
    return this.#reached.get(partition) ?? false;
  }

  /**
   * Asks a peer, saying who asks.
   *
   * @throws {PartitionError} where it cannot be reached, or refuses.
   */
  async ask(peer: Peer, request: Request): Promise<unknown> {
    const { partition, limits, identity } = this.#book.state;
    const introduced = {
      ...request,
      from: partition,
      to: peer.partition,
      identity,
      hostname: hostName(),
    };
    const key = this.keys.of(peer.partition);
    try {
      const answer = await askPeer(
        peer,
        key,
        introduced,
        Math.min(limits.timeoutS, LONGEST_S),
      );
      this.#reached.set(peer.partition, true);
      return answer;
    } catch (error) {
      this.#reached.set(peer.partition, error instanceof PeerRefusal);
      throw error;
    }
  }
}
