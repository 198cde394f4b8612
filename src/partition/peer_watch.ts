/**
 * Whether the partitions of other hosts are up: the daemon asks each of them
 * once a second, and writes down what has changed, where programs find it.
 * @module
 */

import { join } from "@std/path";
import { showEndpoint } from "../bridge/endpoint.ts";
import type { Peers } from "./daemon_peers.ts";
import type { Book } from "./book.ts";
import { flag, list, text, whole } from "./check.ts";
import type { Ferries } from "./ferries.ts";
import type { Peer } from "./peers.ts";
import { getState, putState } from "./run_folder.ts";
import { daemonRuns, type UnitState } from "./unit.ts";

const PING_MS = 1000;
/** Fewer than this is a hiccup: a crowd at its door, a daemon that starts. */
const FAILURES = 2;

/** A partition of another host, as its peer here sees it. */
export interface PeerState {
  /** Its number. */
  readonly partition: number;
  /** What its host calls itself; empty where it never answered. */
  readonly hostname: string;
  /** Whether its daemon answers. */
  readonly up: boolean;
}

/** The same with more, for those who look after it. */
export interface PeerFacts extends PeerState {
  /** Where its daemon is asked. */
  readonly address: string;
  /** Why it is not up; empty where it is. */
  readonly why: string;
  /** What carries segments; `null` where nothing has to. */
  readonly segments: {
    readonly line: boolean;
    readonly lines: number;
    readonly copies: number;
    readonly served: number;
  } | null;
}

function pathOf(folder: string, unit: number): string {
  return join(folder, `peers-${unit}.json`);
}

/** The peers of a unit, as its daemon sees them: none while none runs. */
export function readPeers(folder: string, state: UnitState): PeerState[] {
  if (state.peers.length === 0 || !daemonRuns(state)) return [];
  const found = getState(
    pathOf(folder, state.unit),
    (fields) =>
      list(fields, "peers", (peer) => ({
        partition: whole(peer, "partition"),
        hostname: text(peer, "hostname"),
        up: flag(peer, "up"),
      })),
  ) ?? [];
  return found.filter(({ partition }) =>
    state.peers.some((peer) => peer.partition === partition)
  );
}

interface Seen {
  hostname: string;
  up: boolean;
  why: string;
  failures: number;
  asked: number;
  busy: boolean;
}

/** Asks. */
export class PeerWatch {
  readonly #book: Book;
  readonly #peers: Peers;
  readonly #seen = new Map<number, Seen>();
  #written = "";

  /**
   * Asks nobody yet.
   *
   * @param book What the daemon remembers.
   */
  constructor(book: Book, peers: Peers) {
    this.#book = book;
    this.#peers = peers;
  }

  #of(partition: number): Seen {
    const seen = this.#seen.get(partition) ?? {
      hostname: "",
      up: false,
      why: "it was not asked yet",
      failures: 0,
      asked: -Infinity,
      busy: false,
    };
    this.#seen.set(partition, seen);
    return seen;
  }

  /** Asks those whose turn it is. */
  look(): void {
    for (const peer of this.#book.state.peers) {
      const seen = this.#of(peer.partition);
      if (seen.busy || performance.now() - seen.asked < PING_MS) continue;
      seen.busy = true;
      seen.asked = performance.now();
      this.#ask(peer, seen)
        .catch((error) => this.#book.failed("peers", error))
        .finally(() => {
          seen.busy = false;
        });
    }
    this.#write();
  }

  async #ask(peer: Peer, seen: Seen): Promise<void> {
    try {
      const { hostname } = await this.#peers.ask(peer, { do: "ping" }) as {
        hostname?: unknown;
      };
      seen.hostname = typeof hostname === "string" ? hostname : "";
      seen.failures = 0;
      seen.why = "";
      if (!seen.up) this.#book.tell(`partition ${peer.partition} is up`);
      seen.up = true;
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      seen.why = (error as Error).message;
      if (++seen.failures < FAILURES) return;
      if (seen.up) this.#book.tell(seen.why, "warning");
      seen.up = false;
    }
    if (this.#book.state.up) this.#write();
  }

  #write(): void {
    const { state, folder } = this.#book;
    const peers = state.peers.map(({ partition }): PeerState => {
      const { hostname, up } = this.#of(partition);
      return { partition, hostname, up };
    });
    const now = JSON.stringify(peers);
    if (now === this.#written) return;
    putState(pathOf(folder, state.unit), { peers });
    this.#written = now;
  }

  /** All of them. */
  facts(ferries: Ferries): PeerFacts[] {
    return this.#book.state.peers.map(({ partition, host, port }) => {
      const { hostname, up, why } = this.#of(partition);
      return {
        partition,
        hostname,
        up,
        address: showEndpoint(host, port),
        why,
        segments: ferries.facts(partition),
      };
    });
  }
}
