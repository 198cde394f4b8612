/**
 * A source in one folder, a receiver for another, and our own wire between
 * them: what most tests of that wire begin with.
 * @module
 */

import type { ReceiveOptions } from "../../src/bridge/receive.ts";
import type { TransmitOptions } from "../../src/bridge/transmit.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { CreateOptions } from "../../src/stream/stream_options.ts";
import { Receiving, Transmitting } from "../_support/bridge.ts";
import { Folder } from "../_support/cli.ts";
import { DaoFolder } from "../_support/dao.ts";
import { Relay, type RelayOptions } from "../_support/relay.ts";

/** Speaks our own wire. */
export const OWN = { wire: "shmim" } as const;

/** Both ends, the relay between them where there is one. */
export interface Joined {
  readonly receiving: Receiving;
  readonly relay: Relay;
  readonly transmitting: Transmitting;
}

/** Two folders, and the source in the first. */
export class Ends implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly here: DaoFolder;
  readonly there: Folder;
  /** Its stream. */
  readonly source: Stream;

  /**
   * @param options How the source differs from a 4x3 u16.
   * @param dao Whether DAO streams are among them, whose semaphores are files:
   * then it has a name that nobody else has, else it is `cam`.
   */
  constructor(options: Partial<CreateOptions> = {}, dao = false) {
    this.here = this.#stack.use(new DaoFolder());
    this.there = this.#stack.use(new Folder());
    this.source = this.#stack.use(
      Stream.create(dao ? this.here.base("cam") : "cam", {
        dir: this.here.path,
        size: [4, 3],
        type: "u16",
        ...options,
      }),
    );
  }

  /** Starts both ends, without a relay. */
  join(
    transmit: Partial<TransmitOptions> = {},
    receive: Partial<ReceiveOptions> = {},
  ): Omit<Joined, "relay"> {
    const receiving = this.#stack.use(new Receiving(this.there, receive));
    return { receiving, ...this.#transmit(receiving.port, transmit) };
  }

  /** Starts both ends with a relay between them. */
  relayed(
    relayOptions: RelayOptions = {},
    transmit: Partial<TransmitOptions> = {},
    receive: Partial<ReceiveOptions> = {},
  ): Joined {
    const receiving = this.#stack.use(new Receiving(this.there, receive));
    const relay = this.#stack.use(new Relay(receiving.port, relayOptions));
    return { receiving, relay, ...this.#transmit(relay.port, transmit) };
  }

  #transmit(
    port: number,
    options: Partial<TransmitOptions>,
  ): Pick<Joined, "transmitting"> {
    const transmitting = this.#stack.use(
      new Transmitting(this.here, this.source.name, port, {
        ...OWN,
        ...options,
      }),
    );
    return { transmitting };
  }

  /** The stream on the other side. */
  copy(): Stream {
    return Stream.open(this.source.name, { dir: this.there.path });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
