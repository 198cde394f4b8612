/**
 * The owner's side of mounts between hosts: it says what may be mounted, has
 * its streams sent to those who mount them for reading, and lets one
 * partition write into each. Who no longer asks is let go.
 * @module
 */

import type { Book } from "./book.ts";
import type { Request } from "./control.ts";
import { PartitionError } from "./errors.ts";
import { text, whole } from "./check.ts";
import { mayMount, requireWritable } from "./mounts.ts";
import { label, type Origins, requireNoCircle, toChain } from "./origins.ts";
import type { Peer } from "./peers.ts";
import type { CarrierFacts, Pump, Pumps } from "./pumps.ts";
import type { Share } from "./unit.ts";
import { type Shape, shapeOf } from "./written.ts";

/** What an owner says of a stream. */
export interface Offer {
  /** Whether others may write. */
  readonly write: boolean;
  /** Who writes it now, from another host. */
  readonly writer: number | null;
  /** Where its frames come from: itself first. */
  readonly origins: readonly string[];
}

/** What a partition does for those who mount its streams. */
export class Serving {
  readonly #book: Book;
  readonly #pumps: Pumps;
  readonly #origins: Origins;
  readonly #bind: string;
  readonly #facts: (peer: Peer) => Promise<CarrierFacts>;
  /** When each pump was asked for last. */
  readonly #asked = new Map<string, number>();
  readonly #turns = new Map<string, Promise<unknown>>();

  /**
   * Serves.
   *
   * @param bind Where receiving ends listen.
   * @param facts What carrying for a peer takes.
   */
  constructor(
    book: Book,
    pumps: Pumps,
    origins: Origins,
    bind: string,
    facts: (peer: Peer) => Promise<CarrierFacts>,
  ) {
    this.#book = book;
    this.#pumps = pumps;
    this.#origins = origins;
    this.#bind = bind;
    this.#facts = facts;
  }

  /**
   * Answers a peer.
   *
   * @param peer Who asks.
   * @param host Its address.
   * @throws {PartitionError} where it may not.
   */
  async answer(request: Request, peer: Peer, host: string): Promise<unknown> {
    const from = peer.partition;
    const { partition, shares } = this.#book.state;
    const stream = text(request, "stream");
    if (request.do === "leave") {
      const kind = request.write === true ? "receive" : "transmit";
      return await this.#leave(from, stream, kind);
    }
    const share = shares.find(({ name }) => name === stream);
    if (share === undefined) {
      throw new PartitionError(`Partition ${partition} shares no "${stream}"`);
    }
    if (!mayMount(share, from)) {
      throw new PartitionError(
        `Partition ${partition} does not share "${stream}" with ${from}`,
      );
    }
    switch (request.do) {
      case "offer":
        return this.#offer(share);
      case "feed":
        return await this.#feed(share, peer, host, request);
      case "take":
        return await this.#take(share, peer, request);
      default:
        throw new PartitionError(`A daemon knows no "${request.do}"`);
    }
  }

  #offer(share: Share): Offer {
    const { state } = this.#book;
    return {
      write: share.write,
      writer: this.#writer(share)?.partition ?? null,
      origins: this.#origins.of(state, share.name, share.path),
    };
  }

  #serving(kind: Pump["kind"]): Pump[] {
    return this.#pumps.all.filter((pump) =>
      pump.of === "share" && pump.kind === kind
    );
  }

  #writer(share: Share): Pump | undefined {
    return this.#serving("receive").find(({ stream }) => stream === share.name);
  }

  #key({ kind, partition, stream }: Pump): string {
    return `${kind}:${partition}:${stream}`;
  }

  /** Requests for the same one after another. */
  async #alone<T>(name: string, what: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(what);
    const over = turn.catch(() => {});
    this.#turns.set(name, over);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === over) this.#turns.delete(name);
    }
  }

  /** Sends a stream to who mounts it for reading. */
  async #feed(
    share: Share,
    peer: Peer,
    host: string,
    request: Request,
  ): Promise<Offer> {
    const from = peer.partition;
    const port = whole(request, "port", 1, 65535);
    await this.#alone(`feed ${from} ${share.name}`, async () => {
      const facts = await this.#facts(peer);
      const there = this.#serving("transmit").find((pump) =>
        pump.partition === from && pump.stream === share.name
      );
      const same = there !== undefined && there.host === host &&
        there.port === port && there.path === share.path &&
        this.#pumps.stands(there, facts);
      if (same) {
        this.#asked.set(this.#key(there), performance.now());
        return;
      }
      if (there !== undefined) await this.#pumps.stop(there);
      const pump = await this.#pumps.start({
        kind: "transmit",
        of: "share",
        partition: from,
        stream: share.name,
        path: share.path,
        host,
        port,
      }, facts);
      this.#asked.set(this.#key(pump), performance.now());
      this.#book.tell(`sends "${share.name}" to partition ${from}`);
    });
    return this.#offer(share);
  }

  /** Takes what a partition writes that mounts the stream for writing. */
  async #take(
    share: Share,
    peer: Peer,
    request: Request,
  ): Promise<{ port: number; shape: Shape }> {
    const from = peer.partition;
    const { partition } = this.#book.state;
    const shape = shapeOf(share.path);
    const chain = toChain(request.origins);
    return await this.#alone(`take ${share.name}`, async () => {
      let there = this.#writer(share);
      try {
        requireWritable(share, partition);
        requireNoCircle([label(partition, share.name)], chain);
      } catch (error) {
        if (there?.partition === from) await this.#release(there);
        throw error;
      }
      if (there !== undefined && there.partition !== from) {
        throw new PartitionError(
          `"${share.name}" of partition ${partition} is written by partition ` +
            `${there.partition} already: it has one writer at a time`,
        );
      }
      const facts = await this.#facts(peer);
      if (
        there !== undefined &&
        (there.path !== share.path || there.host !== this.#bind ||
          !this.#pumps.stands(there, facts))
      ) {
        await this.#pumps.stop(there);
        there = undefined;
      }
      if (there === undefined) {
        there = await this.#pumps.start({
          kind: "receive",
          of: "share",
          partition: from,
          stream: share.name,
          path: share.path,
          host: this.#bind,
          port: 0,
        }, facts);
        this.#book.tell(`partition ${from} writes "${share.name}"`);
      }
      this.#origins.learn(share.path, chain);
      this.#asked.set(this.#key(there), performance.now());
      return { port: there.port, shape };
    });
  }

  async #leave(
    from: number,
    stream: string,
    kind: Pump["kind"],
  ): Promise<{ left: number }> {
    const own = this.#serving(kind).filter((pump) =>
      pump.partition === from && pump.stream === stream
    );
    for (const pump of own) {
      await this.#release(pump);
      this.#book.tell(`partition ${from} left "${stream}"`);
    }
    return { left: own.length };
  }

  async #release(pump: Pump): Promise<void> {
    this.#asked.delete(this.#key(pump));
    if (pump.kind === "receive") this.#origins.forget(pump.path);
    await this.#pumps.stop(pump);
  }

  /** Why a pump has to end. */
  #why(pump: Pump): string | undefined {
    const { limits, shares } = this.#book.state;
    const share = shares.find(({ name }) => name === pump.stream);
    const way = pump.kind === "transmit" ? "sent to it" : "written by it";
    if (share === undefined || !mayMount(share, pump.partition)) {
      return `is no longer shared with partition ${pump.partition}`;
    }
    if (pump.kind === "receive" && !share.write) {
      return `is for reading only now: not written by ${pump.partition}`;
    }
    const asked = this.#asked.get(this.#key(pump));
    if (asked === undefined) { // taken over just now
      this.#asked.set(this.#key(pump), performance.now());
      return undefined;
    }
    if (performance.now() - asked < limits.timeoutS * 1000) return undefined;
    return `is no longer ${way}: partition ${pump.partition} was silent for ` +
      `${limits.timeoutS} s`;
  }

  /** Ends what nobody asks for any more, or may have no longer. */
  async look(): Promise<void> {
    for (const pump of this.#pumps.all) {
      if (pump.of !== "share") continue;
      const why = this.#why(pump);
      if (why === undefined) continue;
      await this.#release(pump);
      this.#book.tell(`"${pump.stream}" ${why}`);
    }
  }
}
