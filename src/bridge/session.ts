/**
 * What both ends of a bridge have in common: what they tell, how they count,
 * how long they wait before they try again.
 * @module
 */

import {
  COUNTERS,
  Latencies,
  type Pump,
  type PumpCounters,
} from "../../ffi/pump.ts";
import {
  type ClockEstimate,
  WIRE_COUNTERS,
  type WireCounters,
  WirePump,
} from "../../ffi/wire_pump.ts";

/** Something worth telling. */
export interface BridgeEvent {
  /** `note` goes on, `warning` needs somebody. */
  readonly level: "note" | "warning";
  /** One line. */
  readonly message: string;
}

/** Takes what there is to tell. */
export type EventSink = (event: BridgeEvent) => void;

/** How a bridge does. */
export interface BridgeStatus extends PumpCounters {
  /** Connected at this moment. */
  readonly connected: boolean;
  /** Connections after the first one. */
  readonly reconnects: number;
  /** Latencies of all connections. */
  readonly latencies: Latencies;
  /** Source counter of the last frame. */
  readonly lastCnt0: bigint;
  /** What only our own wire tells; `undefined` where it was not spoken. */
  readonly wire: WireStatus | undefined;
}

/** What our own wire tells. */
export interface WireStatus extends WireCounters {
  /** The two clocks; `undefined` before the first round trip. */
  readonly clocks: ClockEstimate | undefined;
  /** From written there to published here, last frame, ns (receiving). */
  readonly oneWayNs: bigint | undefined;
  /** Whether half a frame is in the stream (receiving with `direct`). */
  readonly incomplete: boolean;
}

/** Counters that have counted nothing. */
function zeros<Name extends string>(
  names: readonly Name[],
): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<
    Name,
    number
  >;
}

const NONE: PumpCounters = zeros(COUNTERS);
const NO_WIRE: WireCounters = zeros(WIRE_COUNTERS);

function sum<T extends object>(a: T, b: T): T {
  const from = (counters: T, key: string): number =>
    (counters as Record<string, number>)[key] ?? 0;
  return Object.fromEntries(
    Object.keys(a).map((key) => [key, from(a, key) + from(b, key)]),
  ) as T;
}

/** What the pumps of our own wire have in common. */
class WireTally {
  #past: WireCounters = NO_WIRE;
  #last: WirePump | undefined;

  add(pump: WirePump): void {
    this.#last = pump;
    pump.done.then(() => {
      this.#past = sum(this.#past, { ...pump.wireCounters(), queued: 0 });
    });
  }

  status(running: Iterable<Pump>): WireStatus | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    let counters = this.#past;
    for (const pump of running) {
      if (pump instanceof WirePump) {
        counters = sum(counters, pump.wireCounters());
      }
    }
    const { clocks, oneWayNs, incomplete } = last;
    return { ...counters, clocks, oneWayNs, incomplete };
  }
}

/** Adds up the pumps of one bridge, one after another or side by side. */
export class Tally {
  #past: PumpCounters = NONE;
  readonly #latencies = new Latencies();
  readonly #running = new Set<Pump>();
  readonly #wire = new WireTally();
  #lastCnt0 = 0n;
  #connections = 0;

  /** Counts a pump as long as it runs, and what it did for ever. */
  add(pump: Pump): void {
    this.#running.add(pump);
    if (pump instanceof WirePump) this.#wire.add(pump);
    pump.done.then(() => {
      this.#running.delete(pump);
      this.#past = sum(this.#past, pump.counters());
      this.#latencies.merge(pump.latencies());
      this.#lastCnt0 = pump.lastCnt0;
    });
  }

  /** Counts a connection. */
  connected(): void {
    this.#connections++;
  }

  /** Corrects what pumps could not know, by what the other end knows. */
  correct(by: { frames: number; skipped: number }): void {
    const { frames, skipped } = this.#past;
    this.#past = {
      ...this.#past,
      frames: frames + by.frames,
      skipped: skipped + by.skipped,
    };
  }

  /** The sums now. */
  status(): BridgeStatus {
    const latencies = new Latencies();
    latencies.merge(this.#latencies);
    let counters = this.#past;
    let lastCnt0 = this.#lastCnt0;
    for (const pump of this.#running) {
      counters = sum(counters, pump.counters());
      latencies.merge(pump.latencies());
      if (pump.counters().frames > 0) lastCnt0 = pump.lastCnt0;
    }
    return {
      ...counters,
      connected: this.#running.size > 0,
      reconnects: Math.max(0, this.#connections - 1),
      latencies,
      lastCnt0,
      wire: this.#wire.status(this.#running),
    };
  }
}

/** Waits that grow from 0.1 s to 5 s, with jitter so that many peers spread. */
export class Backoff {
  #next = 100;

  /** The next wait in ms. */
  next(): number {
    const base = this.#next;
    this.#next = Math.min(5000, this.#next * 2);
    return base * (0.75 + Math.random() / 2);
  }

  /** Starts over after a success. */
  reset(): void {
    this.#next = 100;
  }
}

/**
 * Runs something every so often until the returned function is called.
 *
 * @param trouble Takes why it failed, the same reason once in a row; without
 * it, what is thrown ends the process.
 */
export function every(
  ms: number,
  action: () => void,
  trouble?: (reason: string) => void,
): () => void {
  let told = "";
  const timer = setInterval(() => {
    try {
      action();
      told = "";
    } catch (error) {
      if (trouble === undefined) throw error;
      const { message } = error as Error;
      if (message !== told) trouble(message);
      told = message;
    }
  }, ms);
  return () => clearInterval(timer);
}

/** Closes a connection that may be closed already. */
export function closeOnce(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
