/**
 * What both ends of a bridge have in common: what they tell, how they count,
 * how long they wait before they try again.
 * @module
 */

import { Latencies, type Pump, type PumpCounters } from "../../ffi/pump.ts";

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
}

const NONE: PumpCounters = {
  frames: 0,
  bytes: 0,
  skipped: 0,
  torn: 0,
  repeats: 0,
  empty: 0,
  droppedKeywords: 0,
  foreign: 0,
};

function sum(a: PumpCounters, b: PumpCounters): PumpCounters {
  return Object.fromEntries(
    Object.keys(NONE).map((key) => [
      key,
      a[key as keyof PumpCounters] + b[key as keyof PumpCounters],
    ]),
  ) as unknown as PumpCounters;
}

/** Adds up the pumps of one bridge, one after another or side by side. */
export class Tally {
  #past: PumpCounters = NONE;
  readonly #latencies = new Latencies();
  readonly #running = new Set<Pump>();
  #lastCnt0 = 0n;
  #connections = 0;

  /** Counts a pump as long as it runs, and what it did for ever. */
  add(pump: Pump): void {
    this.#running.add(pump);
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

  /** Counts something that no pump saw. */
  addSkipped(frames: number): void {
    this.#past = { ...this.#past, skipped: this.#past.skipped + frames };
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

/** Waits, or less where the signal comes. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** Runs something every so often until the returned function is called. */
export function every(ms: number, action: () => void): () => void {
  const timer = setInterval(action, ms);
  return () => clearInterval(timer);
}
