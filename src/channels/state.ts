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

const CONDITIONS: readonly string[] = [
  "starting",
  "up",
  "waiting",
  "refused",
  "unreachable",
  "failed",
] satisfies readonly Condition[];

/** How something does, by its last report and whether its process lives. */
export function conditionOf(
  report: Pick<ChannelReport, "condition" | "updated"> | undefined,
  running: boolean,
  now: number,
): ChannelState["condition"] {
  if (!running) {
    if (report === undefined) return "down";
    return report.condition === "failed" ? "failed" : "crashed";
  }
  if (report === undefined) return "starting";
  return now - report.updated > STUCK_MS ? "stuck" : report.condition;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A time that `Date` can show. */
function isTime(value: unknown): boolean {
  return typeof value === "number" && Math.abs(value) <= 8.64e15;
}

/** A report as it stands in a file; `undefined` where it is none. */
export function toReport(value: unknown): ChannelReport | undefined {
  if (!isObject(value)) return undefined;
  const { channel, part, address, path, pid, condition, reason } = value;
  const texts = [channel, address, path, reason];
  const { started, updated, since, rates, stats } = value;
  const good = texts.every((text) => typeof text === "string") &&
    (part === "transmit" || part === "receive") &&
    Number.isSafeInteger(pid) && Number(pid) > 0 &&
    CONDITIONS.includes(String(condition)) &&
    [started, updated, since].every(isTime) &&
    Array.isArray(rates) && rates.every((rate) => typeof rate === "number") &&
    isObject(stats);
  return good ? value as unknown as ChannelReport : undefined;
}

/** JSON of a small file; `undefined` where there is none. */
export function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not ours
  }
}

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

  /** How the channel does now. */
  state(): ChannelState {
    const running = this.running;
    const report = toReport(parsed(readIfThere(this.#report)));
    const condition = conditionOf(report, running, Date.now());
    return { channel: this.channel, running, report, condition };
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
