/**
 * One channel in this process: transmits or receives, is kept going, and
 * tells how it does.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import { showEndpoint } from "../bridge/endpoint.ts";
import type { BridgeEvent, BridgeStatus } from "../bridge/session.ts";
import { Receiver } from "../bridge/receive.ts";
import { Transmitter } from "../bridge/transmit.ts";
import { streamPlace } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import type { DataType } from "../stream/types.ts";
import { conditionOfReach } from "./lines.ts";
import { EventLog } from "./log.ts";
import type { ChannelFiles, ChannelReport, Condition } from "./state.ts";
import type { Carriage } from "./table.ts";

/** What this host does for one channel. */
export interface Task extends Carriage {
  /** The stream. */
  readonly channel: string;
  /** This host's part. */
  readonly part: "transmit" | "receive";
  /** Name or address that is dialled, or listened on. */
  readonly host: string;
  /** Port there. */
  readonly port: number;
  /** Axes, where they are known: the stream is made where it is missing. */
  readonly size: readonly number[] | undefined;
  /** Data type, with the axes. */
  readonly type: DataType | undefined;
  /** Addresses that may connect to a receiving end. */
  readonly allow: readonly string[];
  /** Folder of the stream. */
  readonly dir: string | undefined;
}

/** A transmitter or a receiver, as one thing. */
interface End {
  status(): BridgeStatus;
  condition(): Condition;
  state(): string;
  stop(): void;
  readonly done: Promise<void>;
}

/** What a running channel shows of itself. */
export interface Shown {
  /** `transmit` or `receive`. */
  readonly kind: "transmit" | "receive";
  /** What it is called. */
  readonly label: string;
  /** Counters of all attempts. */
  status(): BridgeStatus;
  /** What it does right now. */
  state(): string;
}

/** What a channel is run with. */
export interface ServeOptions {
  /** Its files. */
  readonly files: ChannelFiles;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Takes the lines of the log. */
  readonly say: (line: string) => void;
  /** Makes the counters of a report. */
  readonly stats: (shown: Shown) => () => Record<string, unknown>;
}

const LOOK_MS = 250;
const REPORT_MS = 1000;
const RATE_MS = 2000;
const RATES = 60;
const LONGEST_MS = 30_000;
/** Whoever ran so long has not failed at the start. */
const GOOD_MS = 10_000;

/** What fails so soon fails at the start: whoever started it is told. */
const FIRST_MS = 3000;

/** Another process has the channel. */
export class ChannelTakenError extends Error {
  /** Name of the class. */
  override name = "ChannelTakenError";
}

/** What our own wire is told beside; nothing where milk's is spoken. */
function ownWire(task: Task): Record<string, unknown> {
  if (task.wire === "milk") return {};
  const { wire, policy, key, queue, direct, zstd } = task;
  const given = { wire, ...key === undefined ? {} : { key } };
  if (task.part === "receive") return { ...given, direct };
  return { ...given, policy, zstd, ...queue === undefined ? {} : { queue } };
}

function startTransmitter(
  task: Task,
  onEvent: (event: BridgeEvent) => void,
): End {
  const transmitter = Transmitter.start({
    stream: task.channel,
    ...task.dir === undefined ? {} : { dir: task.dir },
    hostname: task.host,
    port: task.port,
    keywords: task.keywords,
    ...ownWire(task),
    schedule: { priority: task.priority, cpus: [...task.cpus] },
    onEvent,
  });
  return {
    done: transmitter.done,
    status: () => transmitter.status(),
    state: () => transmitter.state,
    stop: () => transmitter.stop(),
    condition: () => conditionOfReach(transmitter.reach),
  };
}

function startReceiver(
  task: Task,
  onEvent: (event: BridgeEvent) => void,
): End {
  const receiver = Receiver.listen({
    port: task.port,
    bind: task.host,
    as: task.channel,
    ...ownWire(task),
    allow: task.allow,
    ...task.dir === undefined ? {} : { dir: task.dir },
    schedule: { priority: task.priority, cpus: [...task.cpus] },
    onEvent,
  });
  return {
    done: receiver.done,
    status: () => receiver.status(),
    state: () => receiver.streams.length > 0 ? "receiving" : "listening",
    stop: () => receiver.stop(),
    condition: () => receiver.streams.length > 0 ? "up" : "waiting",
  };
}

/** Makes the local stream where it is missing; another size is an error. */
export function ensureStream(task: Task): void {
  const { size, type, dir } = task;
  if (size === undefined || type === undefined) return;
  Stream.create(task.channel, {
    ...dir === undefined ? {} : { dir },
    size: [...size],
    type,
    existing: "reuse",
  }).close();
}

/** A channel at work. */
class Service {
  readonly #task: Task;
  readonly #options: ServeOptions;
  readonly #log: EventLog;
  readonly #started = Date.now();
  readonly #stop = new AbortController();
  readonly #rates: number[] = [];
  readonly #path: string;
  #stats: (() => Record<string, unknown>) | undefined;
  #end: End | undefined;
  #condition: Condition = "starting";
  #since = Date.now();
  #reason = "";
  #reported = 0;
  #counted = 0;
  #frames = 0;

  constructor(task: Task, options: ServeOptions) {
    this.#task = task;
    this.#options = options;
    this.#log = new EventLog(options.files.log);
    this.#path = streamPlace(task.channel, task.dir).path;
    options.signal.addEventListener("abort", () => this.#stop.abort());
    if (options.signal.aborted) this.#stop.abort();
  }

  get #signal(): AbortSignal {
    return this.#stop.signal;
  }

  readonly #event = (event: BridgeEvent): void => {
    if (event.level === "warning") this.#reason = event.message;
    const line = this.#log.take(event);
    if (line !== undefined) this.#options.say(line);
  };

  /** Runs until it is stopped. */
  async run(): Promise<void> {
    const { files } = this.#options;
    const timer = setInterval(() => this.#look(), LOOK_MS);
    this.#signal.addEventListener("abort", () => this.#end?.stop());
    let wait = LOOK_MS;
    try {
      for (let first = true; !this.#signal.aborted; first = false) {
        const begun = performance.now();
        try {
          await this.#attempt();
        } catch (error) {
          if (this.#signal.aborted) break;
          this.#fail(error);
          if (first && performance.now() - begun < FIRST_MS) throw error;
        }
        if (performance.now() - begun > GOOD_MS) wait = LOOK_MS;
        await pause(wait, this.#signal);
        wait = Math.min(LONGEST_MS, wait * 2);
      }
      this.#event({ level: "note", message: "stopped" });
      files.forget();
    } finally {
      clearInterval(timer);
    }
  }

  async #attempt(): Promise<void> {
    ensureStream(this.#task);
    const start = this.#task.part === "transmit"
      ? startTransmitter
      : startReceiver;
    const end = start(this.#task, this.#event);
    this.#end = end;
    const { part, channel } = this.#task;
    this.#stats = this.#options.stats({
      kind: part,
      label: channel,
      status: () => end.status(),
      state: () => end.state(),
    });
    this.#look();
    try {
      await end.done;
    } finally {
      this.#end = undefined;
    }
  }

  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#event({ level: "warning", message });
    this.#turn("failed");
    this.#report();
  }

  #turn(condition: Condition): boolean {
    if (condition === this.#condition) return false;
    this.#condition = condition;
    this.#since = Date.now();
    if (condition === "up" || condition === "waiting") this.#reason = "";
    return true;
  }

  /** Looks how it does; tells at once what has changed. */
  #look(): void {
    if (this.#options.files.stopAsked) this.#stop.abort();
    const now = Date.now();
    if (this.#end !== undefined) {
      const { frames } = this.#end.status();
      if (now - this.#counted >= RATE_MS) {
        const seconds = (now - this.#counted) / 1000;
        if (this.#counted > 0) {
          this.#rates.push(Math.max(0, frames - this.#frames) / seconds);
        }
        if (this.#rates.length > RATES) this.#rates.shift();
        this.#counted = now;
        this.#frames = frames;
      }
    }
    const turned = this.#end !== undefined &&
      this.#turn(this.#end.condition());
    if (turned || now - this.#reported >= REPORT_MS) this.#report();
  }

  #report(): void {
    const now = Date.now();
    this.#reported = now;
    const { channel, part, host, port } = this.#task;
    const report: ChannelReport = {
      channel,
      part,
      address: showEndpoint(host, port),
      path: this.#path,
      pid: Deno.pid,
      started: this.#started,
      updated: now,
      condition: this.#condition,
      since: this.#since,
      reason: this.#reason,
      rates: this.#rates.map((rate) => Math.round(rate * 10) / 10),
      stats: this.#stats?.() ?? {},
    };
    try {
      this.#options.files.write(report);
    } catch (error) {
      this.#event({
        level: "warning",
        message: `cannot write the state: ${(error as Error).message}`,
      });
    }
  }
}

/**
 * Runs a channel until it is stopped, by the signal or by a request.
 *
 * @throws {ChannelTakenError} where another process runs it.
 * @throws {Error} where it cannot even begin; afterwards it tries again.
 */
export async function serve(task: Task, options: ServeOptions): Promise<void> {
  using lock = await options.files.claim();
  if (lock === undefined) {
    throw new ChannelTakenError(
      `"${task.channel}" is run by another process already`,
    );
  }
  options.files.forget();
  await new Service(task, options).run();
}
