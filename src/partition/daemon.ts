/**
 * The daemon of a partition: it sets sharing up, tears it down and keeps the
 * state of it. Frames and updates never pass through it: killed, it leaves
 * everything as it is, and the next one takes over. Here it starts, ends, and
 * has each request answered by the part that it belongs to.
 * @module
 */

import type { EventSink } from "../bridge/session.ts";
import { Book } from "./book.ts";
import { claimUnit } from "./claim.ts";
import type { DaemonConfig } from "./config.ts";
import { applyConfig } from "./configured.ts";
import { type Answer, ControlSocket } from "./control.ts";
import { PartitionError } from "./errors.ts";
import { textOf } from "./fields.ts";
import { setLimit } from "./limits.ts";
import { metricsText } from "./metrics.ts";
import { Mounted } from "./mounted.ts";
import { share, unshare } from "./offers.ts";
import { PeerSocket } from "./peers.ts";
import { Duties, type StartDuty } from "./duties.ts";
import { Keyring } from "./keyring.ts";
import { readRegistry, type Registry } from "./registry.ts";
import { Remote } from "./remote.ts";
import { configOf, type ReportSource, sharesOf, statusOf } from "./report.ts";
import { locked, makeRunFolder } from "./run_folder.ts";
import { shutDown } from "./shutdown.ts";
import { listUnits, socketPath, type UnitState } from "./unit.ts";

/** How often mounts are held against what their owners share, ms. */
const LOOK_MS = 500;

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
  /** The version of the program, for the metrics. */
  readonly version?: string;
  /** Starts the processes that go on without it. */
  readonly startDuty?: StartDuty;
  /** The keys that `config` names. */
  readonly keys?: Keyring;
}

/** A running daemon. */
export class Daemon {
  readonly #book: Book;
  readonly #mounted: Mounted;
  readonly #started = Date.now();
  readonly #version: string;
  readonly #ended = Promise.withResolvers<void>();
  readonly #remote: Remote | undefined;
  #socket: ControlSocket | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #peers: PeerSocket | undefined;
  #requests = 0;

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
    const book = new Book(folder, options.onEvent);
    this.#book = book;
    this.#version = options.version ?? "";
    makeRunFolder(folder);
    book.open(claimUnit(folder, {
      unit,
      partition: options.partition ?? config?.partition,
      dir: options.dir,
      peers: config?.peers ?? [],
      limits: config?.limits ?? {},
    }, (event) => book.tell(event.message, event.level)));
    const gone = config === undefined ? [] : applyConfig(book, config);
    this.#remote = this.#between(options);
    this.#mounted = new Mounted(book, this.#remote);
    for (const mount of gone) {
      this.#mounted.drop(mount)
        .catch((error) => book.failed(mount.path, error));
    }
    this.#mounted.look();
    this.#socket = new ControlSocket(
      socketPath(folder, unit),
      this.#answer,
    );
    this.#timer = setInterval(() => this.#mounted.look(), LOOK_MS);
  }

  /** What is needed for streams between hosts, where it is asked for. */
  #between({ config, keys, startDuty }: DaemonOptions): Remote | undefined {
    const book = this.#book;
    const { duties } = book.state;
    const listen = config?.listen;
    const peers = config?.peers ?? [];
    if (startDuty === undefined || listen === undefined && peers.length === 0) {
      if (duties.length > 0) {
        book.tell(
          "its configuration names no peers any more, but processes of before " +
            `go on: pid ${duties.map(({ pid }) => pid).join(", ")}`,
          "warning",
        );
      }
      return undefined;
    }
    const keyring = keys ?? new Keyring({ peers: [] });
    const remote = new Remote({
      book,
      duties: new Duties(book, startDuty),
      hostname: listen?.hostname ?? "127.0.0.1",
      keys: keyring,
    });
    if (listen !== undefined) this.#listen(listen, keyring, remote);
    return remote;
  }

  #listen(
    where: { readonly hostname: string; readonly port: number },
    keys: Keyring,
    remote: Remote,
  ): void {
    const book = this.#book;
    this.#peers = new PeerSocket(
      where,
      keys,
      (request, caller) => remote.answer(request, caller),
      (why) => book.tell(`turned a peer away: ${why}`, "warning"),
    );
    book.tell(
      `other hosts reach it at ${where.hostname}:${this.#peers.port}` +
        (keys.keys.length === 0 ? "; without a key only this host may" : ""),
    );
  }

  /** What it remembers. */
  get state(): UnitState {
    return this.#book.state;
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
      state: this.#book.state,
      registry: this.#registry(),
      partitions: listUnits(this.#book.folder),
      waiting: this.#mounted.waiting.size,
      requests: this.#requests,
      refused: this.#peers?.refused ?? 0,
      knocking: this.#peers?.open ?? 0,
      segmentsOf: (partition) => this.#remote?.ferries.facts(partition) ?? null,
      reached: (partition) => this.#remote?.peers.reached(partition) ?? false,
      heardMs: (partition) => this.#remote?.callers.heardMs(partition),
      pumps: this.#remote?.pumps.carried ?? [],
      version: this.#version,
      upSeconds: (Date.now() - this.#started) / 1000,
    });
  }

  #registry(): Registry {
    const { folder } = this.#book;
    return locked(folder, () => readRegistry(folder));
  }

  readonly #answer: Answer = (request, after) => {
    this.#requests++;
    switch (request.do) {
      case "ping":
        return { partition: this.#book.state.partition, pid: Deno.pid };
      case "status":
        return statusOf(this.#report());
      case "peers":
        return this.#remote?.others ?? [];
      case "getcfg":
        return configOf(this.#report());
      case "limit":
        setLimit(this.#book, request, this.#registry());
        return configOf(this.#report());
      case "shutdown":
        after(() => {
          if (!this.#book.state.up) void this.close();
        });
        return shutDown(
          this.#book,
          this.#mounted,
          this.#remote,
          request.force === true,
        );
      case "share":
        return share(this.#book, request);
      case "unshare":
        return unshare(this.#book, textOf(request, "name"));
      case "mount":
        return this.#mounted.mount(request);
      case "umount":
        return this.#mounted.umount(textOf(request, "name"));
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
      folder: this.#book.folder,
      state: this.#book.state,
      registry: this.#registry(),
      waiting: this.#mounted.waiting,
      events: this.#book.events,
      started: this.#started,
      peers: this.#remote?.others ?? [],
    };
  }
}
