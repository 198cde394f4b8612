/**
 * What runs in a process that carries streams to one peer, or from it: up to
 * 16 pumps, each with a connection and a thread of its own. Streams come and
 * go one by one, and no other one notices.
 * @module
 */

import { Receiver } from "../bridge/receive.ts";
import { pause } from "../../ffi/clock.ts";
import { COUNTERS } from "../../ffi/pump.ts";
import { WIRE_COUNTERS } from "../../ffi/wire_pump.ts";
import type { BridgeStatus } from "../bridge/session.ts";
import { Transmitter } from "../bridge/transmit.ts";
import { basename, dirname } from "@std/path";
import { SUFFIX } from "../stream/names.ts";
import { text, whole } from "./check.ts";
import type { Request } from "./control.ts";
import { PartitionError } from "./errors.ts";
import {
  type EventLevel,
  KeptEvents,
  type NumberedEvent,
} from "./kept_events.ts";

/** Most pumps of one process. */
export const MAX_PUMPS = 16;
const KEPT_EVENTS = 200;
const LONGEST_MS = 30_000;

/** What all pumps of a process have in common. */
export interface CarrierOptions {
  /** `transmit` to a peer, or `receive` from it. */
  readonly kind: "receive" | "transmit";
  /** The peer's host, or the own address to listen on. */
  readonly host: string;
  /** The key's file. */
  readonly key: string | undefined;
  /** Who may connect to a receiving end; empty: whoever has the key. */
  readonly allow: readonly string[];
}

/** One stream, as it does now. */
export interface Carried {
  /** What it is called between the daemon and this process. */
  readonly id: string;
  /** The stream's file. */
  readonly path: string;
  /** The port: listened on, or sent to. */
  readonly port: number;
  /** Whether frames can cross at this moment. */
  readonly connected: boolean;
  /** Connections after the first one. */
  readonly reconnects: number;
  /** Every counter of its pumps. */
  readonly counters: Readonly<Record<string, number>>;
  /** Longest latency, µs, and the histogram: upper bounds in µs, counts. */
  readonly latency: {
    readonly maxUs: number;
    readonly buckets: readonly (readonly [toUs: number, count: number])[];
  };
}

/** How a process does. */
export interface CarrierStatus {
  /** Its streams. */
  readonly streams: readonly Carried[];
  /** What happened, each with its number. */
  readonly events: readonly NumberedEvent[];
}

/** A transmitter or a receiver. */
interface End {
  readonly done: Promise<void>;
  readonly port: number;
  status(): BridgeStatus;
  stop(): void;
}

/** Status as numbers only, to be sent. */
function told(id: string, path: string, end: End): Carried {
  const status = end.status();
  const { wire, latencies } = status;
  const counters: Record<string, number> = {};
  for (const name of COUNTERS) counters[name] = status[name];
  for (const name of WIRE_COUNTERS) counters[name] = wire?.[name] ?? 0;
  return {
    id,
    path,
    port: end.port,
    connected: status.connected,
    reconnects: status.reconnects,
    counters,
    latency: {
      maxUs: latencies.maxUs ?? 0,
      buckets: latencies.buckets().map(({ toUs, count }) => [toUs, count]),
    },
  };
}

/** One stream that is carried, and tried again where it fails. */
class CarriedStream {
  readonly #start: () => End;
  readonly #tell: (level: EventLevel, message: string) => void;
  readonly #stop = new AbortController();
  #end: End;
  readonly id: string;
  readonly path: string;
  readonly port: number;
  readonly done: Promise<void>;

  constructor(
    { id, path, port }: { id: string; path: string; port: number },
    start: () => End,
    tell: (level: EventLevel, message: string) => void,
  ) {
    this.#start = start;
    this.#tell = tell;
    this.id = id;
    this.path = path;
    this.#end = start();
    this.port = port === 0 ? this.#end.port : port;
    this.done = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let wait = 500; !signal.aborted;) {
      const begun = performance.now();
      try {
        await this.#end.done;
      } catch (error) {
        this.#tell("warning", (error as Error).message);
      }
      if (performance.now() - begun > LONGEST_MS) wait = 500;
      while (!signal.aborted) {
        await pause(wait, signal);
        wait = Math.min(LONGEST_MS, wait * 2);
        if (signal.aborted) return;
        try {
          this.#end = this.#start();
          break;
        } catch (error) {
          this.#tell("warning", (error as Error).message);
        }
      }
    }
  }

  status(): Carried {
    return told(this.id, this.path, this.#end);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#end.stop();
    await this.done;
  }
}

/** The streams of one process. */
export class Carrier {
  readonly #options: CarrierOptions;
  readonly #carried = new Map<string, CarriedStream>();
  readonly #events = new KeptEvents(KEPT_EVENTS);

  /**
   * Carries nothing yet.
   *
   * @param options Where to, and with which key.
   */
  constructor(options: CarrierOptions) {
    this.#options = options;
  }

  /**
   * Answers the daemon: `ping`, `add`, `drop`, `status`.
   *
   * @throws {PartitionError} where it refuses.
   */
  async answer(request: Request): Promise<unknown> {
    switch (request.do) {
      case "ping":
        return { pid: Deno.pid, kind: this.#options.kind };
      case "add":
        return this.#add(
          text(request, "id"),
          text(request, "path"),
          whole(request, "port", 0, 65535),
          BigInt(text(request, "after")),
        );
      case "drop":
        return await this.#drop(text(request, "id"));
      case "status":
        return this.status(whole(request, "after"));
      default:
        throw new PartitionError(`A carrier knows no "${request.do}"`);
    }
  }

  #tell(path: string, level: EventLevel, message: string): void {
    this.#events.add(level, `${basename(path, SUFFIX)}: ${message}`);
  }

  #add(
    id: string,
    path: string,
    port: number,
    after: bigint,
  ): { port: number } {
    const there = this.#carried.get(id);
    if (there !== undefined) {
      if (there.path === path && (port === 0 || there.port === port)) {
        return { port: there.port };
      }
      throw new PartitionError(`"${id}" is carried already, elsewhere`);
    }
    if (this.#carried.size >= MAX_PUMPS) {
      throw new PartitionError(`${MAX_PUMPS} streams are carried already`);
    }
    const onEvent = (
      { level, message }: { level: EventLevel; message: string },
    ): void => this.#tell(path, level, message);
    let chosen = port; // a receiver that fails comes back at its port
    const start = (): End =>
      this.#options.kind === "transmit"
        ? this.#transmit(path, port, after, onEvent)
        : this.#receive(path, chosen, onEvent);
    const line = new CarriedStream(
      { id, path, port },
      start,
      (level, message) => this.#tell(path, level, message),
    );
    chosen = line.port;
    this.#carried.set(id, line);
    return { port: line.port };
  }

  #transmit(
    path: string,
    port: number,
    after: bigint,
    onEvent: (event: { level: EventLevel; message: string }) => void,
  ): End {
    const { host, key } = this.#options;
    const transmitter = Transmitter.start({
      stream: path,
      hostname: host,
      port,
      wire: "shmim",
      after,
      reopen: "any",
      ...key === undefined ? {} : { key },
      onEvent,
    });
    return {
      port,
      done: transmitter.done,
      status: () => transmitter.status(),
      stop: () => transmitter.stop(),
    };
  }

  #receive(
    path: string,
    port: number,
    onEvent: (event: { level: EventLevel; message: string }) => void,
  ): End {
    const { host, key, allow } = this.#options;
    const receiver = Receiver.listen({
      port,
      bind: host,
      dir: dirname(path),
      as: basename(path, SUFFIX),
      wire: "shmim",
      allow,
      ...key === undefined ? {} : { key },
      onEvent,
    });
    return {
      port: receiver.port,
      done: receiver.done,
      status: () => receiver.status(),
      stop: () => receiver.stop(),
    };
  }

  async #drop(id: string): Promise<{ dropped: boolean }> {
    const line = this.#carried.get(id);
    this.#carried.delete(id);
    await line?.stop();
    return { dropped: line !== undefined };
  }

  /**
   * How its streams do.
   *
   * @param after Number of the last event that is known.
   */
  status(after: number): CarrierStatus {
    return {
      streams: [...this.#carried.values()].map((line) => line.status()),
      events: this.#events.after(after),
    };
  }

  /** Ends all. */
  async stop(): Promise<void> {
    await Promise.all([...this.#carried.keys()].map((id) => this.#drop(id)));
  }
}
