/**
 * The processes that carry segments to and from other hosts, one for each
 * peer that has to do with ours. The partition of the lower number listens;
 * its daemon tells the other one where.
 * @module
 */

import { showEndpoint } from "../bridge/endpoint.ts";
import type { Peers } from "./daemon_peers.ts";
import { BackOff } from "./back_off.ts";
import type { Book } from "./book.ts";
import { text, whole } from "./check.ts";
import type { Request } from "./control.ts";
import type { Duties, Duty } from "./duties.ts";
import type { FerryStatus } from "./ferry.ts";
import { HeardEvents, toEvents } from "./kept_events.ts";
import type { PeerFacts } from "./peer_watch.ts";
import type { Peer } from "./peers.ts";
import { inspectRegistry, type Registry } from "./registry.ts";

/** How often a peer is asked once more, ms. */
const RENEW_MS = 1000;

/** The name of the duty for a peer. */
export function ferryName(peer: number): string {
  return `segments-${peer}`;
}

/** Whether a partition has to do with segments of a peer, or it with ours. */
function concerns(
  { segments, calls }: Registry,
  own: number,
  peer: number,
): boolean {
  return calls.some(({ home, partition }) =>
    home === own && partition === peer
  ) || segments.some(({ copy, partition, remote }) =>
    copy === null
      ? partition === own && remote.some((hold) =>
        hold.partition === peer
      )
      : copy.home === own && partition === peer
  );
}

/** The processes of one daemon. */
export class Ferries {
  readonly #book: Book;
  readonly #duties: Duties;
  readonly #peers: Peers;
  readonly #hostname: string;
  readonly #backOff = new BackOff();
  /** What was said last of a peer that is not reached. */
  readonly #told = new Map<number, string>();
  readonly #busy = new Set<number>();
  readonly #asked = new Map<number, number>();
  readonly #renewed = new Map<number, number>();
  readonly #ports = new Map<number, number>();
  readonly #heard = new HeardEvents();
  readonly #statuses = new Map<number, FerryStatus>();

  /**
   * Starts nothing yet.
   *
   * @param hostname Our own address.
   */
  constructor(book: Book, duties: Duties, peers: Peers, hostname: string) {
    this.#book = book;
    this.#duties = duties;
    this.#peers = peers;
    this.#hostname = hostname;
  }

  /** How the process for a peer does, as far as it has said. */
  status(peer: number): FerryStatus | undefined {
    return this.#duties.find(ferryName(peer)) && this.#statuses.get(peer);
  }

  /** The same in numbers. */
  facts(peer: number): PeerFacts["segments"] {
    const found = this.status(peer);
    if (found === undefined) return null;
    const { line, lines, copies, served } = found;
    return { line, lines, copies, served };
  }

  #listens({ partition }: Peer): boolean {
    return this.#book.state.partition < partition;
  }

  #ensure(peer: Peer, place: readonly string[]): Promise<Duty> {
    this.#book.requireStaying();
    const name = ferryName(peer.partition);
    const key = this.#peers.keys.of(peer.partition)?.path;
    return this.#duties.ensure(name, [
      "ferry",
      `${peer.partition}`,
      ...place,
      "--unit",
      `${this.#book.state.unit}`,
      "--run",
      this.#book.folder,
      ...key === undefined ? [] : ["--key", key],
    ]);
  }

  /** Our end listens; gives its port. */
  async #listening(peer: Peer): Promise<number> {
    await this.#ensure(peer, ["--listen", this.#hostname]);
    return (await this.#hear(peer)).port;
  }

  async #connecting(peer: Peer, port: number): Promise<void> {
    this.#ports.set(peer.partition, port);
    const where = showEndpoint(peer.host, port);
    await this.#ensure(peer, ["--connect", where]);
  }

  async #hear({ partition }: Peer): Promise<FerryStatus> {
    const name = ferryName(partition);
    const duty = this.#duties.require(name);
    const after = this.#heard.after(duty);
    const status = toStatus(
      await this.#duties.ask(name, { do: "status", after }),
    );
    this.#statuses.set(partition, status);
    this.#heard.take(
      duty,
      status.events,
      (message, level) => this.#book.tell(message, level),
    );
    if (status.line) this.#duties.well(name);
    return status;
  }

  /**
   * Answers a peer's daemon: it has to do with our segments, or we with its.
   *
   * @throws {PartitionError} where the process does not come up.
   */
  async answer(request: Request, peer: Peer): Promise<unknown> {
    this.#asked.set(peer.partition, performance.now());
    if (this.#listens(peer)) return { port: await this.#listening(peer) };
    await this.#connecting(peer, whole(request, "port", 1, 65535));
    return {};
  }

  /** Starts what is needed, and ends what is not. */
  look(): void {
    const { state, folder } = this.#book;
    if (state.peers.length === 0) return;
    const concerned = inspectRegistry(
      folder,
      (registry) =>
        state.peers.filter(({ partition }) =>
          concerns(registry, state.partition, partition)
        ),
    );
    for (const peer of state.peers) {
      this.#tend(peer, concerned.includes(peer))
        .catch((error) => this.#book.failed("segments", error));
    }
  }

  async #tend(peer: Peer, concerned: boolean): Promise<void> {
    const { partition } = peer;
    if (this.#busy.has(partition)) return;
    this.#busy.add(partition);
    try {
      await this.#step(peer, concerned);
      this.#backOff.done(`${partition}`);
      this.#told.delete(partition);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      if (!this.#backOff.may(`${partition}`)) return;
      this.#backOff.failed(`${partition}`);
      const message = (error as Error).message;
      if (this.#told.get(partition) === message) return; // as before
      this.#told.set(partition, message);
      this.#book.tell(
        `segments of partition ${partition}: ${message}`,
        "warning",
      );
    } finally {
      this.#busy.delete(partition);
    }
  }

  async #step(peer: Peer, concerned: boolean): Promise<void> {
    const { partition } = peer;
    const name = ferryName(partition);
    const now = performance.now();
    const { timeoutS } = this.#book.state.limits;
    const asked = this.#asked.get(partition) ?? -Infinity;
    // Its last words, too.
    if (this.#duties.find(name) !== undefined) await this.#hear(peer);
    if (!concerned && now - asked > timeoutS * 1000) {
      this.#endUnused(partition);
      return;
    }
    const late = now - (this.#renewed.get(partition) ?? -Infinity) > RENEW_MS;
    if (this.#listens(peer)) {
      const port = await this.#listening(peer);
      if (!concerned || !late) return;
      this.#renewed.set(partition, now);
      await this.#peers.ask(peer, { do: "ferry", port });
      return;
    }
    if (!concerned) return;
    const known = this.#ports.get(partition) ?? this.#portBefore(name);
    if (this.#duties.find(name) === undefined && known !== undefined) {
      await this.#connecting(peer, known); // its daemon may be away
    }
    if (!late) return;
    this.#renewed.set(partition, now);
    const answer = await this.#peers.ask(peer, { do: "ferry" });
    const port = whole(answer as Record<string, unknown>, "port", 1, 65535);
    await this.#connecting(peer, port);
  }

  /** The port of the process that a daemon before us started. */
  #portBefore(name: string): number | undefined {
    const words = this.#duties.find(name)?.words ?? [];
    const place = words[words.indexOf("--connect") + 1];
    const port = Number(/:(\d+)$/.exec(place ?? "")?.[1] ?? 0);
    return port > 0 ? port : undefined;
  }

  #endUnused(partition: number): void {
    const name = ferryName(partition);
    this.#statuses.delete(partition);
    if (!this.#duties.all.some((duty) => duty.name === name)) return;
    this.#duties.end(name);
  }
}

function toStatus(value: unknown): FerryStatus {
  const fields = value as Record<string, unknown>;
  return {
    port: whole(fields, "port", 0, 65535),
    line: fields.line === true,
    why: text(fields, "why"),
    copies: whole(fields, "copies"),
    served: whole(fields, "served"),
    lines: whole(fields, "lines"),
    events: toEvents(fields),
  };
}
