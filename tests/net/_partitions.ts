/**
 * Partitions on hosts of their own: a daemon with its run folder, its
 * configuration and its key, and the streams of its host.
 * @module
 */

import { assertEquals } from "@std/assert";
import { ask } from "../../src/partition/control.ts";
import { processStartNs } from "../../ffi/process.ts";
import {
  done,
  Folder,
  json,
  type Outcome,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import { Program } from "../partition/_site.ts";
import { Arrivals, Source } from "./_frames.ts";
import type { NetHost, NetPair } from "./_hosts.ts";

/** The port that daemons listen on. */
export const DAEMON_PORT = 7100;
/** Seconds after which a silent partition counts as dead. */
const TIMEOUT_S = 10;
/** The same where a test waits for that. */
export const SHORT_S = 3;

/** What a test may want different. */
export interface PartitionOptions {
  /** Its port. Default {@linkcode DAEMON_PORT}. */
  readonly port?: number;
  /** Where its streams are. Default the folder of its host. */
  readonly streams?: Folder;
  /** The key. */
  readonly key?: string;
  /** Seconds after which a silent partition counts as dead. Default 10. */
  readonly timeoutS?: number;
}

/** A process that carries a stream, as the daemon remembers it. */
export interface PumpFacts {
  readonly pid: number;
  readonly startNs: string;
}

/** A mount, as `shares` tells it. */
export interface MountFacts {
  readonly path: string;
  readonly state: string;
  readonly reason: string | null;
}

/** A partition: its daemon runs in a namespace. */
export class Partition implements AsyncDisposable {
  /** Its host. */
  readonly host: NetHost;
  /** Its number. */
  readonly id: number;
  /** Its address. */
  address: string;
  /** Its port. */
  port: number;
  /** Its streams. */
  readonly streams: Folder;
  readonly #folder = new Folder("/tmp");
  readonly #timeoutS: number;
  #daemon: Running | undefined;

  constructor(host: NetHost, id: number, options: PartitionOptions = {}) {
    this.host = host;
    this.id = id;
    this.address = host.address;
    this.port = options.port ?? DAEMON_PORT;
    this.#timeoutS = options.timeoutS ?? TIMEOUT_S;
    this.streams = options.streams ?? host.streams;
    const key = options.key ?? "a key of more than 16 bytes";
    Deno.writeTextFileSync(this.#folder.file("key"), `${key}\n`, {
      mode: 0o600,
    });
  }

  /** The run folder. */
  get run(): string {
    return this.#folder.file("run");
  }

  /** The state file. */
  get state(): string {
    return `${this.run}/unit-0.json`;
  }

  /** A program of it. */
  program(): Program {
    return new Program({ run: this.run, partition: this.id });
  }

  /** Kills everything of it, as a power cut does. */
  async powerCut(): Promise<void> {
    await this.kill();
    for (const { pid } of this.duties()) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // it has ended
      }
    }
  }

  /** What the daemon that runs now has said. */
  get log(): string {
    return this.#daemon?.err ?? "";
  }

  /** Its process. */
  get pid(): number {
    return this.#daemon?.pid ?? 0;
  }

  /** How others are told of it. */
  asPeer(): string {
    return `[[peer]]\npartition = ${this.id}\nhost = "${this.address}"\n` +
      `port = ${this.port}\n`;
  }

  /**
   * Writes the configuration.
   *
   * @param others Whom it knows.
   * @param more Shares and mounts.
   * @param timeoutS Seconds after which a silent partition counts as dead.
   */
  configure(
    others: readonly Partition[],
    more: readonly string[] = [],
    timeoutS: number = this.#timeoutS,
  ): void {
    Deno.writeTextFileSync(
      this.#folder.file("partition.toml"),
      [
        `partition = ${this.id}`,
        `listen = "${this.address}:${this.port}"`,
        `key = "${this.#folder.file("key")}"`,
        `timeout = ${timeoutS}`,
        ...others.map((one) => one.asPeer()),
        ...more,
      ].join("\n"),
    );
  }

  /** Starts the daemon; waits until it is up. */
  async up(): Promise<void> {
    const daemon = new Running([
      ...["daemon", "--run", this.run, "--dir", this.streams.path],
      ...["--config", this.#folder.file("partition.toml")],
    ], { within: this.host.within });
    this.#daemon = daemon;
    let ended = false;
    daemon.ended().then(() => ended = true);
    await until(() => `partition ${this.id} is up: ${daemon.err}`, () => {
      if (ended) throw new Error(`The daemon ended: ${daemon.err}`);
      return daemon.out.includes("is up");
    });
  }

  /** Waits until the daemon has said that. */
  async says(pattern: RegExp): Promise<void> {
    await this.#daemon?.says(pattern);
  }

  /** Waits for the daemon's own end. */
  async ended(): Promise<number> {
    return await this.#daemon?.ended() ?? 0;
  }

  /** Kills the daemon, and only that. */
  async kill(): Promise<void> {
    this.#daemon?.kill("SIGKILL");
    await this.ended();
  }

  /** Runs a command, as a user of its host. */
  shmim(...words: string[]): Promise<Outcome> {
    return shmim([...words, "--run", this.run], { folder: this.streams });
  }

  /** Runs a command that must do well. */
  done(...words: string[]): Promise<string> {
    return done([...words, "--run", this.run], { folder: this.streams });
  }

  /** The mounts. */
  async mounts(): Promise<MountFacts[]> {
    const answer = await ask(this.run, 0, { do: "shares" });
    return (answer as { mounts: MountFacts[] }).mounts;
  }

  /** Waits until the only mount is so. */
  async mount(state: string, reason: RegExp = /^/): Promise<void> {
    let last: MountFacts[] = [];
    await until(
      () => `${state}: ${JSON.stringify(last)}\n${this.log}`,
      async () => {
        last = await this.mounts();
        return last.length === 1 && last[0]?.state === state &&
          reason.test(last[0]?.reason ?? "");
      },
    );
  }

  #remembered(what: "pumps" | "duties"): PumpFacts[] {
    try {
      return json(Deno.readTextFileSync(this.state))[what];
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return []; // never up
      throw error;
    }
  }

  /** What carries streams, as the daemon remembers it. */
  pumps(): PumpFacts[] {
    return this.#remembered("pumps");
  }

  /** Its processes. */
  duties(): PumpFacts[] {
    return this.#remembered("duties");
  }

  /** Those of it that run. */
  running(): PumpFacts[] {
    return this.pumps().filter(({ pid, startNs }) =>
      `${processStartNs(pid)}` === startNs
    );
  }

  /** Shuts the daemon down, whoever uses something. */
  async shutdown(): Promise<void> {
    const duties = this.duties();
    await this.done("ctl", "shutdown", "--force");
    assertEquals(await this.ended(), 0, this.log);
    await until(
      "its processes to end",
      () =>
        duties.every(({ pid, startNs }) =>
          `${processStartNs(pid)}` !== startNs
        ),
    );
  }

  /** Its folder holds nothing but what a daemon leaves that was shut down. */
  requireNothingLeft(): void {
    const left = [...Deno.readDirSync(this.run)].map(({ name }) => name);
    const strange = left.filter((name) =>
      !/^(lock|ferry-[\d-]+\.lock|(unit-0|segments|peers-0)\.json(\.damaged)?)$/
        .test(name)
    );
    assertEquals(strange, [], "files of the daemon");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

/** The camera of {@linkcode Two}, as a file shares and mounts it. */
export const SHARE = '[[share]]\nstream = "cam"';
export const MOUNT = '[[mount]]\npartition = 1\nstream = "cam"';

/** Two partitions: 1 on ICC, which has the camera, and 2 on RTC. */
export class Two implements AsyncDisposable {
  readonly one: Partition;
  readonly two: Partition;
  readonly camera: Source;
  readonly arrivals: Arrivals;

  /** @param options What both have different. */
  constructor(
    { icc, rtc }: NetPair,
    options: Pick<PartitionOptions, "timeoutS"> = {},
  ) {
    this.one = new Partition(icc, 1, options);
    this.two = new Partition(rtc, 2, options);
    this.one.configure([this.two]);
    this.two.configure([this.one]);
    this.camera = new Source("cam", icc.streams.path, [50, 50]);
    this.arrivals = new Arrivals("cam", rtc.streams.path);
  }

  /** Both, with the camera shared and mounted; its first frame has arrived. */
  async up(): Promise<void> {
    await Promise.all([this.one.up(), this.two.up()]);
    await this.one.done("share", "cam");
    await this.two.done("mount", "1:cam");
    await this.crosses();
  }

  /** Both, told of share and mount by their files; a frame has arrived. */
  async configured(): Promise<void> {
    this.one.configure([this.two], [SHARE]);
    this.two.configure([this.one], [MOUNT]);
    await Promise.all([this.one.up(), this.two.up()]);
    await this.crosses();
  }

  /** Publishes a frame and waits for it. */
  async crosses(): Promise<void> {
    this.camera.write();
    await this.arrived();
  }

  /** Waits for the last frame. */
  async arrived(): Promise<void> {
    await this.arrivals.arrived(
      this.camera.written,
      () => `${this.one.log}\n--\n${this.two.log}`,
    );
  }

  /** Ends the frames: all of them whole, in order, and counted. */
  async settle(): Promise<void> {
    await this.camera.rest();
    await this.arrived();
    await this.arrivals.settle();
    this.requireCounted();
  }

  /** The counter at the far end is the camera's: what is missing shows. */
  requireCounted(): void {
    using destination = this.arrivals.open();
    assertEquals(destination.cnt0, this.camera.stream.cnt0, "cnt0");
    assertEquals(destination.fields().writing, false, "write flag");
  }

  /** Ends both; nothing of theirs is left. */
  async end(): Promise<void> {
    for (const partition of [this.two, this.one]) {
      await partition.shutdown();
      partition.requireNothingLeft();
    }
    // One that was killed leaves its number; the next reader takes its place.
    const left = (): boolean =>
      this.camera.stream.semaphores().every(({ readerPid }) =>
        readerPid <= 0 || processStartNs(readerPid) === undefined
      );
    await until("its readers to leave the camera", left);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.camera.rest();
    await this.arrivals.settle().catch(() => {});
    this.camera[Symbol.dispose]();
    await this.two[Symbol.asyncDispose]();
    await this.one[Symbol.asyncDispose]();
  }
}
