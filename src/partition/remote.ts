/**
 * Mounts between hosts: for each one a receiving process here and a
 * transmitting one at the owner's, set up by the two daemons and not touched
 * by them afterwards. The one who mounts drives: it asks again and again, so
 * that either side may lose anything and the mount comes back.
 * @module
 */

import { dirname } from "@std/path";
import { processStartNs } from "../../ffi/segment.ts";
import { statFile } from "../../ffi/files.ts";
import type { Book } from "./book.ts";
import type { Request } from "./control.ts";
import { PartitionError } from "./errors.ts";
import { mayMount } from "./mounts.ts";
import { askPeer, type Peer } from "./peers.ts";
import {
  BackOff,
  endPump,
  type Pump,
  pumpRuns,
  type StartPump,
} from "./pumps.ts";
import type { Mount, Share } from "./unit.ts";

/** How often an owner is asked once more, ms. */
const RENEW_MS = 1000;

/** What mounts between hosts need of their daemon. */
export interface RemoteHost {
  /** What it remembers. */
  readonly book: Book;
  /** Starts a process. */
  readonly startPump: StartPump;
  /** Our own address, where receivers listen. */
  readonly hostname: string;
  /** The key, and its file. */
  readonly key: Uint8Array<ArrayBuffer> | undefined;
  readonly keyFile: string | undefined;
}

/** The streams that cross to and from other hosts. */
export class Remote {
  readonly #host: RemoteHost;
  readonly #backOff = new BackOff();
  readonly #renewed = new Map<string, number>();
  readonly #asked = new Map<Pump, number>();
  #busy = false;

  /**
   * Looks after them from now on.
   *
   * @param host Their daemon.
   */
  constructor(host: RemoteHost) {
    this.#host = host;
  }

  /** The peer that a partition is, where it is one. */
  peer(partition: number): Peer | undefined {
    return this.#host.book.state.peers.find((one) =>
      one.partition === partition
    );
  }

  #ask(peer: Peer, request: Request): Promise<unknown> {
    const { key } = this.#host;
    const { partition, limits } = this.#host.book.state;
    return askPeer(
      peer,
      key,
      { ...request, from: partition },
      limits.timeoutS,
    );
  }

  /** Whether a stream may be mounted; asks its owner. */
  async offered(peer: Peer, stream: string): Promise<{ write: boolean }> {
    return await this.#ask(peer, { do: "offer", stream }) as { write: boolean };
  }

  #pumps(kind: Pump["kind"]): Pump[] {
    return this.#host.book.state.pumps.filter((pump) => pump.kind === kind);
  }

  #forget(pump: Pump): void {
    const { pumps } = this.#host.book.state;
    this.#host.book.change({ pumps: pumps.filter((one) => one !== pump) });
  }

  async #start(
    words: readonly string[],
    facts: Omit<Pump, "pid" | "startNs">,
  ): Promise<Pump> {
    const { keyFile } = this.#host;
    const keyed = keyFile === undefined
      ? []
      : ["--key", keyFile, "--wire", "shmim"];
    const { pid, port } = await this.#host.startPump(
      [...words, ...keyed],
      (line) => this.#host.book.tell(`${facts.stream}: ${line}`),
    );
    const pump: Pump = {
      ...facts,
      port: facts.port === 0 ? port : facts.port,
      pid,
      startNs: `${processStartNs(pid) ?? 0n}`,
    };
    const { pumps } = this.#host.book.state;
    this.#host.book.change({ pumps: [...pumps, pump] });
    return pump;
  }

  /** Answers another daemon. */
  async answer(request: Request, host: string): Promise<unknown> {
    const from = request.from;
    const stream = request.stream;
    const { partition, shares } = this.#host.book.state;
    if (request.do === "ping") return { partition };
    if (typeof from !== "number" || typeof stream !== "string") {
      throw new PartitionError("That is no request of a partition");
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
    if (request.do === "offer") return { write: share.write };
    if (request.do === "feed") {
      return await this.#feed(share, from, host, request);
    }
    throw new PartitionError(`A daemon knows no "${request.do}"`);
  }

  async #feed(
    share: Share,
    from: number,
    host: string,
    request: Request,
  ): Promise<unknown> {
    const { port } = request;
    if (typeof port !== "number" || !(port > 0 && port < 65536)) {
      throw new PartitionError("That is no port");
    }
    const there = this.#pumps("transmit").find((pump) =>
      pump.partition === from && pump.stream === share.name
    );
    if (there !== undefined) {
      const same = there.host === host && there.port === port;
      if (same && pumpRuns(there)) {
        this.#asked.set(there, performance.now());
        return { pid: there.pid };
      }
      // One that died is started again ever later.
      const name = `${from}:${share.name}`;
      if (same && !this.#backOff.may(name)) {
        throw new PartitionError(`The transmitter of "${share.name}" died`);
      }
      if (same) this.#backOff.failed(name);
      endPump(there);
      this.#forget(there);
    }
    const pump = await this.#start(["transmit", share.path, host, `${port}`], {
      kind: "transmit",
      partition: from,
      stream: share.name,
      host,
      port,
    });
    this.#asked.set(pump, performance.now());
    this.#host.book.tell(`sends "${share.name}" to partition ${from}`);
    return { pid: pump.pid };
  }

  /** Ends what partitions receive that have not asked for a while. */
  #releaseDead(): void {
    const { limits, shares } = this.#host.book.state;
    for (const pump of this.#pumps("transmit")) {
      const asked = this.#asked.get(pump);
      if (asked === undefined) {
        this.#asked.set(pump, performance.now()); // taken over just now
        continue;
      }
      const shared = shares.some((share) =>
        share.name === pump.stream && mayMount(share, pump.partition)
      );
      const silentMs = performance.now() - asked;
      if (shared && silentMs < limits.timeoutS * 1000) continue;
      endPump(pump);
      this.#forget(pump);
      this.#asked.delete(pump);
      this.#host.book.tell(
        shared
          ? `partition ${pump.partition} was silent for ${limits.timeoutS} s: ` +
            `"${pump.stream}" is no longer sent to it`
          : `"${pump.stream}" is no longer sent to partition ${pump.partition}`,
      );
    }
  }

  /**
   * Holds everything against what it must be.
   *
   * @param onState Told how each mount does: a problem, or nothing.
   */
  async look(onState: (mount: Mount, problem: string) => void): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      this.#releaseDead();
      for (const mount of this.#host.book.state.mounts) {
        const peer = this.peer(mount.partition);
        if (peer === undefined || !this.#backOff.may(mount.path)) continue;
        try {
          await this.#tend(mount, peer);
          this.#backOff.done(mount.path);
          onState(mount, "");
        } catch (error) {
          this.#backOff.failed(mount.path);
          onState(mount, (error as Error).message);
        }
      }
    } finally {
      this.#busy = false;
    }
  }

  #receiver({ partition, stream }: Mount): Pump | undefined {
    return this.#pumps("receive").find((pump) =>
      pump.partition === partition && pump.stream === stream
    );
  }

  async #tend(mount: Mount, peer: Peer): Promise<void> {
    let pump = this.#receiver(mount);
    if (pump !== undefined && !pumpRuns(pump)) {
      this.#forget(pump);
      this.#host.book.tell(`the receiver of "${mount.stream}" died`, "warning");
      pump = undefined;
    }
    if (pump === undefined) {
      const { hostname } = this.#host;
      const name = mount.path.replace(/^.*\//, "").replace(/\.im\.shm$/, "");
      pump = await this.#start([
        "receive",
        "0",
        "--bind",
        hostname,
        "--as",
        name,
        "--dir",
        dirname(mount.path),
      ], {
        kind: "receive",
        partition: mount.partition,
        stream: mount.stream,
        host: hostname,
        port: 0,
      });
      this.#renewed.delete(mount.path);
      // Unmounted while it started.
      if (
        !this.#host.book.state.mounts.some(({ path }) => path === mount.path)
      ) {
        this.end(mount);
        return;
      }
    }
    const last = this.#renewed.get(mount.path) ?? -Infinity;
    if (performance.now() - last < RENEW_MS) return;
    const { stream } = mount;
    await this.#ask(peer, { do: "feed", stream, port: pump.port });
    this.#renewed.set(mount.path, performance.now());
  }

  /** Ends a mount: its receiver here; its owner sees that nobody asks. */
  end(mount: Mount): void {
    const pump = this.#receiver(mount);
    if (pump === undefined) return;
    endPump(pump);
    this.#forget(pump);
  }

  /** Ends every process. */
  endAll(): void {
    for (const pump of this.#host.book.state.pumps) endPump(pump);
    this.#host.book.change({ pumps: [] });
  }

  /** Whether something that is no mount of ours has the place. */
  static taken(path: string): boolean {
    return statFile(path, { follow: false }) !== undefined;
  }
}
