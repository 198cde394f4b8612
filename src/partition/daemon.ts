/**
 * The daemon of a partition: it sets sharing up, tears it down and keeps the
 * state of it. Frames and updates never pass through it: killed, it leaves
 * everything as it is, and the next one takes over.
 * @module
 */

import { join, resolve } from "@std/path";
import type { EventSink } from "../bridge/session.ts";
import { statFile } from "../../ffi/files.ts";
import { removeStream } from "../stream/remove.ts";
import { StreamNotFoundError } from "../stream/format.ts";
import {
  isStreamPath,
  requireName,
  streamPlace,
  SUFFIX,
} from "../stream/names.ts";
import { claimUnit } from "./claim.ts";
import type { DaemonConfig } from "./config.ts";
import { type Answer, ControlSocket, type Request } from "./control.ts";
import { PartitionError } from "./errors.ts";
import { metricsText } from "./metrics.ts";
import { type Peer, PeerSocket } from "./peers.ts";
import type { StartPump } from "./pumps.ts";
import { Remote } from "./remote.ts";
import {
  configOf,
  type KeptEvent,
  type ReportSource,
  sharesOf,
  statusOf,
} from "./report.ts";
import {
  dropLink,
  findShare,
  plannedMount,
  putLink,
  setAside,
} from "./mounts.ts";
import {
  changeRegistry,
  readRegistry,
  type Registry,
  removeFromKernel,
} from "./registry.ts";
import { locked, makeRunFolder } from "./run_folder.ts";
import {
  type Limits,
  listUnits,
  MAX_PARTITION,
  type Mount,
  type Share,
  type UnitState,
  writeUnit,
} from "./unit.ts";
import { usersOf } from "./users.ts";
import { pagesTaken } from "./xp.ts";

/** How often mounts are held against what their owners share, ms. */
const LOOK_MS = 500;
const KEPT_EVENTS = 100;

/** What a daemon is started with. */
export interface DaemonOptions {
  /** The run folder. */
  readonly folder: string;
  /** Its unit. */
  readonly unit: number;
  /** Its partition. Default as before, else the unit's number. */
  readonly partition?: number;
  /** Folder of streams. */
  readonly dir: string;
  /** What is always shared and mounted, and limits. */
  readonly config?: DaemonConfig;
  /** Told of everything that happens. */
  readonly onEvent: EventSink;
  /** Starts the processes that carry streams between hosts. */
  readonly startPump?: StartPump;
  /** The key of `config.key`. */
  readonly key?: Uint8Array<ArrayBuffer>;
}

function numberOf(request: Request, name: string, most: number): number {
  const value = request[name];
  if (
    typeof value !== "number" || !Number.isInteger(value) || value < 0 ||
    value > most
  ) throw new PartitionError(`"${name}" is no number from 0 to ${most}`);
  return value;
}

function textOf(request: Request, name: string): string {
  const value = request[name];
  if (typeof value !== "string" || value === "") {
    throw new PartitionError(`"${name}" is no text`);
  }
  return value;
}

/** A running daemon. */
export class Daemon {
  #state: UnitState;
  readonly #folder: string;
  readonly #config: DaemonConfig | undefined;
  readonly #onEvent: EventSink;
  readonly #events: KeptEvent[] = [];
  readonly #started = Date.now();
  readonly #waiting = new Map<string, string>();
  #socket: ControlSocket | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #ended = Promise.withResolvers<void>();
  #requests = 0;
  readonly #remote: Remote | undefined;
  #peers: PeerSocket | undefined;

  /**
   * Takes the unit and answers from now on.
   *
   * @throws {PartitionError} where another daemon has it, or the partition's
   * number is taken.
   */
  static start(options: DaemonOptions): Daemon {
    return new Daemon(options);
  }

  private constructor(options: DaemonOptions) {
    const { folder, unit, config } = options;
    this.#folder = folder;
    this.#config = config;
    this.#onEvent = options.onEvent;
    makeRunFolder(folder);
    this.#state = claimUnit(folder, {
      unit,
      partition: options.partition ?? config?.partition,
      dir: options.dir,
      peers: config?.peers ?? [],
      limits: config?.limits ?? {},
    }, (event) => this.#tell(event.message, event.level));
    this.#configure();
    this.#remote = this.#between(options);
    this.#look();
    this.#socket = new ControlSocket(folder, unit, this.#answer);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** What is needed for streams between hosts, where it is asked for. */
  #between({ config, key, startPump }: DaemonOptions): Remote | undefined {
    if (config === undefined || startPump === undefined) return undefined;
    if (config.listen === undefined && config.peers.length === 0) {
      return undefined;
    }
    const remote = new Remote({
      state: () => this.#state,
      change: (change) => this.#change(change),
      tell: (message, level) => this.#tell(message, level),
      startPump,
      hostname: config.listen?.hostname ?? "127.0.0.1",
      key,
      keyFile: config.key,
    });
    if (config.listen !== undefined) {
      this.#peers = new PeerSocket(
        config.listen,
        key,
        (request, host) => remote.answer(request, host),
        (why) => this.#tell(`turned a peer away: ${why}`, "warning"),
      );
      this.#tell(
        `other hosts reach it at ${config.listen.hostname}:` +
          `${this.#peers.port}` +
          (key === undefined ? "; without a key only this host may" : ""),
      );
    }
    return remote;
  }

  /** What it remembers. */
  get state(): UnitState {
    return this.#state;
  }

  /** Settles when it was shut down or closed. */
  get done(): Promise<void> {
    return this.#ended.promise;
  }

  /** Ends it as a crash would: everything stays as it is, for the next one. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#socket?.close();
    this.#socket = undefined;
    await this.#peers?.close();
    this.#peers = undefined;
    this.#ended.resolve();
  }

  /** The metrics, as Prometheus reads them. */
  metrics(): string {
    return metricsText({
      state: this.#state,
      registry: this.#registry(),
      partitions: listUnits(this.#folder),
      waiting: this.#waiting.size,
      requests: this.#requests,
      refused: this.#peers?.refused ?? 0,
      upSeconds: (Date.now() - this.#started) / 1000,
    });
  }

  #tell(message: string, level: "note" | "warning" = "note"): void {
    this.#events.push({ time: new Date().toISOString(), level, message });
    if (this.#events.length > KEPT_EVENTS) this.#events.shift();
    this.#onEvent({ level, message });
  }

  #change(change: Partial<UnitState>): void {
    const state = { ...this.#state, ...change };
    writeUnit(this.#folder, state); // refuses before anything has changed
    this.#state = state;
  }

  #registry(): Registry {
    return locked(this.#folder, () => readRegistry(this.#folder));
  }

  /** What the configuration shares and mounts, besides what there is. */
  #configure(): void {
    const { dir, shares, mounts, partition } = this.#state;
    const config = this.#config;
    if (config === undefined) return;
    const path = (name: string): string =>
      join(dir, requireName(name) + SUFFIX);
    const own: Share[] = config.shares.map((share) => ({
      name: share.stream,
      path: path(share.stream),
      with: share.with,
      write: share.write,
    }));
    const others: Mount[] = config.mounts.map((mount) => {
      if (mount.partition === partition) {
        throw new PartitionError(
          `The configuration mounts "${mount.stream}" of partition ` +
            `${partition}, which is this one`,
        );
      }
      return {
        partition: mount.partition,
        stream: mount.stream,
        path: path(mount.as),
        target: "",
      };
    });
    this.#change({
      shares: [
        ...shares.filter(({ name }) => !own.some((one) => one.name === name)),
        ...own,
      ],
      mounts: [
        ...mounts,
        ...others.filter((one) =>
          !mounts.some(({ path }) => path === one.path)
        ),
      ],
    });
  }

  /** Holds every mount against what its owner shares now. */
  #look(): void {
    void this.#remote?.look((mount, problem) => this.#note(mount, problem));
    for (const mount of this.#state.mounts) {
      if (this.#remote?.peer(mount.partition) !== undefined) continue;
      let problem = "";
      try {
        this.#lookAtMount(mount);
      } catch (error) {
        problem = error instanceof Deno.errors.NotCapable
          ? `the daemon may not link to "${mount.target}": mount it once more, ` +
            "or start the daemon with --reach FOLDER"
          : (error as Error).message;
        this.#quietly(() => setAside(mount));
      }
      this.#note(mount, problem);
    }
  }

  #note(mount: Mount, problem: string): void {
    const before = this.#waiting.get(mount.path) ?? "";
    if (problem === before) return;
    if (problem === "") {
      this.#waiting.delete(mount.path);
      this.#tell(`mounted "${mount.path}" again`);
    } else {
      this.#waiting.set(mount.path, problem);
      this.#tell(`"${mount.path}" waits: ${problem}`, "warning");
    }
  }

  #lookAtMount(mount: Mount): void {
    const { partition } = this.#state;
    const share = findShare(
      this.#folder,
      mount.partition,
      mount.stream,
      partition,
    );
    const now = { ...mount, target: share.path };
    if (mount.target !== share.path) {
      dropLink(mount);
      this.#change({
        mounts: this.#state.mounts.map((one) => one === mount ? now : one),
      });
    }
    putLink(now);
  }

  /** What cannot be done now is tried again at the next look. */
  #quietly(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#tell((error as Error).message, "warning");
    }
  }

  readonly #answer: Answer = (request, after) => {
    this.#requests++;
    switch (request.do) {
      case "ping":
        return { partition: this.#state.partition, pid: Deno.pid };
      case "status":
        return statusOf(this.#report());
      case "getcfg":
        return configOf(this.#report());
      case "limit":
        return this.#limit(request);
      case "shutdown":
        return this.#shutdown(request.force === true, after);
      case "share":
        return this.#share(request);
      case "unshare":
        return this.#unshare(textOf(request, "name"));
      case "mount":
        return this.#mount(request);
      case "umount":
        return this.#umount(textOf(request, "name"));
      case "shares":
        return sharesOf(this.#report());
      case "metrics":
        return this.metrics();
      default:
        throw new PartitionError(`A daemon knows no "${request.do}"`);
    }
  };

  #report(): ReportSource {
    return {
      folder: this.#folder,
      state: this.#state,
      registry: this.#registry(),
      waiting: this.#waiting,
      events: this.#events,
      started: this.#started,
    };
  }

  #limit(request: Request): unknown {
    const name = textOf(request, "name") as keyof Limits;
    const value = request.value;
    if (!["maxpgs", "maxdpgs", "timeoutS"].includes(name)) {
      throw new PartitionError(`There is no limit "${name}"`);
    }
    if (
      typeof value !== "number" || !(value > 0) || !Number.isFinite(value) ||
      name !== "timeoutS" && !Number.isSafeInteger(value)
    ) throw new PartitionError(`"${name}" is a number above 0, not ${value}`);
    if (name === "maxpgs") {
      const taken = pagesTaken(this.#registry(), this.#state.partition);
      if (value < taken) {
        throw new PartitionError(
          `maxpgs cannot be ${value}: segments have ${taken} pages`,
        );
      }
    }
    this.#change({ limits: { ...this.#state.limits, [name]: value } });
    this.#tell(`${name} is ${value}`);
    return configOf(this.#report());
  }

  #share(request: Request): unknown {
    const { dir, shares } = this.#state;
    const { name, path } = streamPlace(textOf(request, "stream"), dir);
    const partitions = request.with ?? [];
    if (!Array.isArray(partitions)) {
      throw new PartitionError('"with" is a list');
    }
    this.#requireStream(path);
    const share: Share = {
      name,
      path,
      with: partitions.map((n) =>
        numberOf({ do: "", with: n }, "with", MAX_PARTITION)
      ),
      write: request.write === true,
    };
    this.#change({
      shares: [...shares.filter((one) => one.name !== name), share],
    });
    this.#tell(`shares "${name}"`);
    return share;
  }

  #requireStream(path: string): void {
    try {
      if (statFile(path)?.kind === "file") return;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      throw new PartitionError(
        `The daemon reaches streams in "${this.#state.dir}" only, not ` +
          `"${path}": start it with another --dir, or link the stream there`,
      );
    }
    throw new StreamNotFoundError(path);
  }

  #unshare(name: string): unknown {
    const { shares } = this.#state;
    const share = shares.find((one) => one.name === name);
    if (share === undefined) {
      throw new PartitionError(
        `Partition ${this.#state.partition} shares no "${name}"`,
      );
    }
    this.#change({ shares: shares.filter((one) => one !== share) });
    this.#tell(`no longer shares "${name}"`);
    return share;
  }

  #mount(request: Request): unknown {
    const peer = typeof request.partition === "number"
      ? this.#remote?.peer(request.partition)
      : undefined;
    return peer === undefined
      ? this.#mountHere(request)
      : this.#mountThere(request, peer);
  }

  async #mountThere(request: Request, peer: Peer): Promise<unknown> {
    const { dir, mounts } = this.#state;
    const { partition } = peer;
    const stream = requireName(textOf(request, "stream"));
    const path = join(dir, requireName(textOf(request, "as")) + SUFFIX);
    const there = mounts.find((mount) => mount.path === path);
    const same = there?.partition === partition && there.stream === stream;
    if (!same && Remote.taken(path)) {
      throw new PartitionError(
        `"${path}" exists and is another stream: --as gives the mount another ` +
          "name",
      );
    }
    if (
      !same &&
      mounts.some((one) => one.partition === partition && one.stream === stream)
    ) {
      throw new PartitionError(
        `"${stream}" of partition ${partition} is mounted already`,
      );
    }
    const offer = await this.#remote?.offered(peer, stream);
    const mount: Mount = { partition, stream, path, target: "" };
    if (!same) this.#change({ mounts: [...this.#state.mounts, mount] });
    this.#tell(`mounts "${stream}" of partition ${partition}, another host`);
    this.#look();
    return { ...mount, write: offer?.write ?? false };
  }

  #mountHere(request: Request): unknown {
    const { mounts } = this.#state;
    const partition = numberOf(request, "partition", MAX_PARTITION);
    const stream = requireName(textOf(request, "stream"));
    const as = requireName(textOf(request, "as"));
    const { mount, write } = plannedMount(this.#folder, this.#state, {
      partition,
      stream,
      as,
    });
    const there = mounts.find(({ path }) => path === mount.path);
    if (
      there !== undefined &&
      (there.partition !== partition || there.stream !== stream)
    ) {
      throw new PartitionError(
        `"${as}" is mounted already: "${there.stream}" of partition ` +
          `${there.partition}`,
      );
    }
    const made = putLink(mount);
    try {
      this.#change({
        mounts: [...mounts.filter((one) => one !== there), mount],
      });
    } catch (error) {
      if (made) dropLink(mount);
      throw error;
    }
    this.#tell(`mounted "${stream}" of partition ${partition} as "${as}"`);
    return { ...mount, write };
  }

  #umount(name: string): unknown {
    const path = isStreamPath(name)
      ? resolve(name)
      : join(this.#state.dir, requireName(name) + SUFFIX);
    const { mounts } = this.#state;
    const mount = mounts.find((one) => one.path === path);
    if (mount === undefined) {
      throw new PartitionError(`Nothing is mounted as "${name}"`);
    }
    this.#change({ mounts: mounts.filter((one) => one !== mount) });
    this.#waiting.delete(path);
    if (this.#remote?.peer(mount.partition) === undefined) dropLink(mount);
    else {
      this.#remote.end(mount);
      if (Remote.taken(path)) removeStream(path, { force: true });
    }
    this.#tell(`unmounted "${name}"`);
    return mount;
  }

  #shutdown(force: boolean, after: (what: () => void) => void): unknown {
    const { partition } = this.#state;
    const users = usersOf(this.#folder, this.#state, this.#registry());
    if (users.length > 0 && !force) {
      throw new PartitionError(
        `Partition ${partition} is in use: ${
          users.join("; ")
        }; --force shuts ` +
          "it down all the same",
      );
    }
    const removed = changeRegistry(this.#folder, (registry) => {
      const own = registry.segments.filter((entry) =>
        entry.partition === partition
      );
      for (const entry of own) {
        entry.removed = true;
        removeFromKernel(entry);
      }
      return own.length;
    });
    for (const mount of this.#state.mounts) {
      if (this.#remote?.peer(mount.partition) === undefined) dropLink(mount);
    }
    this.#remote?.endAll();
    this.#change({ up: false, shares: [], mounts: [] });
    this.#tell(`shut down; removed ${removed} segments`);
    after(() => void this.close());
    return { partition, removed, users };
  }
}
