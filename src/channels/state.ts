/**
 * State of the bridges of this host, found from any terminal. Whoever runs a
 * channel holds a lock, which the kernel takes back when the process ends:
 * a pid that somebody else has got meanwhile fools nobody.
 * @module
 */

import { join } from "@std/path";
import { lockFile } from "../files/lock_file.ts";
import { FileChanges, readIfThere } from "../files/small_file.ts";

/**
 * How a channel does. `waiting`: it listens, nobody is connected; `failed`:
 * what stands in `reason` keeps it from working.
 */
export type Condition =
  | "starting"
  | "up"
  | "waiting"
  | "refused"
  | "unreachable"
  | "failed";

/** What a channel's process tells of itself, once a second. */
export interface ChannelReport {
  /** The channel, which is the stream's name. */
  readonly channel: string;
  /** What it does. */
  readonly part: "transmit" | "receive";
  /** Where it sends to, or listens. */
  readonly address: string;
  /** The stream's file. */
  readonly path: string;
  /** Its process. */
  readonly pid: number;
  /** Since when, ms since 1970. */
  readonly started: number;
  /** When this was written, ms since 1970. */
  readonly updated: number;
  /** How it does. */
  readonly condition: Condition;
  /** Since when it does so, ms since 1970. */
  readonly since: number;
  /** Last warning, or why it is not up. */
  readonly reason: string;
  /** Frames a second in the last minutes, oldest first, every 2 s. */
  readonly rates: readonly number[];
  /** Counters, as in `--stats-json`. */
  readonly stats: Readonly<Record<string, unknown>>;
}

/** A channel's report, and whether its process lives. */
export interface ChannelState {
  /** The channel. */
  readonly channel: string;
  /** `stuck`: it lives and says nothing; `crashed`: it ended without a word. */
  readonly condition: Condition | "stuck" | "crashed" | "down";
  /** Whether its process lives. */
  readonly running: boolean;
  /** The last report, where there is one. */
  readonly report: ChannelReport | undefined;
}

/** Longer silence means that a process hangs, or is stopped. */
const STUCK_MS = 5000;

/** The files of one channel. */
export class ChannelFiles {
  /** The channel. */
  readonly channel: string;
  readonly #folder: string;

  /**
   * @param folder The state folder.
   * @param channel The channel.
   */
  constructor(folder: string, channel: string) {
    this.#folder = folder;
    this.channel = channel;
  }

  #file(ending: string): string {
    return join(this.#folder, `${this.channel}${ending}`);
  }

  /** Its log. */
  get log(): string {
    return this.#file(".log");
  }

  get #report(): string {
    return this.#file(REPORT);
  }

  get #lock(): string {
    return this.#file(LOCK);
  }

  get #stop(): string {
    return this.#file(".stop");
  }

  /**
   * Takes the channel for this process.
   *
   * @returns The lock, `undefined` where another process has it.
   */
  async claim(): Promise<Disposable | undefined> {
    try {
      // Others hold it for an instant when they look.
      return await lockFile(this.#lock, AbortSignal.timeout(1000));
    } catch (error) {
      if ((error as Error).name === "TimeoutError") return undefined;
      throw error;
    }
  }

  /** Whether a process has the channel. */
  get running(): boolean {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(this.#lock, { read: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
    using open = file;
    return !open.tryLockSync(false);
  }

  /** Writes a report, whole or not at all. */
  write(report: ChannelReport): void {
    const changes = new FileChanges();
    changes.put(this.#report, JSON.stringify(report));
    changes.commit();
  }

  #read(): ChannelReport | undefined {
    const text = readIfThere(this.#report);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as ChannelReport;
    } catch {
      return undefined; // not ours
    }
  }

  /** How the channel does now. */
  state(): ChannelState {
    const running = this.running;
    const report = this.#read();
    const { channel } = this;
    if (!running) {
      const condition = report === undefined
        ? "down"
        : report.condition === "failed"
        ? "failed"
        : "crashed";
      return { channel, running, report, condition };
    }
    if (report === undefined) {
      return { channel, running, report, condition: "starting" };
    }
    const silent = Date.now() - report.updated > STUCK_MS;
    const condition = silent ? "stuck" : report.condition;
    return { channel, running, report, condition };
  }

  /** Asks the channel's process to end. */
  askToStop(): void {
    const changes = new FileChanges();
    changes.put(this.#stop, "");
    changes.commit();
  }

  /** Whether it is to end. */
  get stopAsked(): boolean {
    return readIfThere(this.#stop) !== undefined;
  }

  /** Removes what a channel leaves behind, except its log. */
  forget(): void {
    const changes = new FileChanges();
    changes.drop(this.#report);
    changes.drop(this.#stop);
    changes.commit();
  }
}

const REPORT = ".bridge.json";
const LOCK = ".lock";

/** Channels of which the state folder knows, sorted. */
export function knownChannels(folder: string): string[] {
  try {
    return [
      ...new Set([...Deno.readDirSync(folder)]
        .flatMap(({ name }) => {
          const ending = [REPORT, LOCK].find((one) => name.endsWith(one));
          return ending === undefined ? [] : [name.slice(0, -ending.length)];
        })),
    ].sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
