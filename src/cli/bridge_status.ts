/**
 * How a bridge tells what it does: one live line on a terminal, else a line
 * every 10 s, and a JSON object a second where asked for.
 * @module
 */

import type { BridgeEvent, BridgeStatus } from "../bridge/session.ts";
import { every } from "../bridge/session.ts";
import { CommandError } from "./errors.ts";
import { jsonValue, type Output } from "./output.ts";

/** What is being watched. */
export interface Watched {
  /** `transmit` or `receive`. */
  readonly kind: "transmit" | "receive";
  /** The stream, or the port. */
  readonly label: string;
  /** Counters now. */
  status(): BridgeStatus;
  /** What it does right now. */
  state(): string;
}

const LIVE_MS = 250;
const LOG_MS = 10_000;
const STATS_MS = 1000;

/** A latency as people read it; `-` where there is none. */
export function us(value: unknown): string {
  if (typeof value !== "number") return "-";
  return value < 1000
    ? `${value.toFixed(0)} µs`
    : `${(value / 1000).toFixed(1)} ms`;
}

/** Rates since the last look. */
export class Meter {
  #frames = 0;
  #bytes = 0;
  #at = performance.now();

  /** Rates since the last call. */
  take(status: BridgeStatus): { rateHz: number; mbPerSecond: number } {
    const now = performance.now();
    const seconds = Math.max(1e-3, (now - this.#at) / 1000);
    const rateHz = (status.frames - this.#frames) / seconds;
    const mbPerSecond = (status.bytes - this.#bytes) / seconds / 1e6;
    this.#frames = status.frames;
    this.#bytes = status.bytes;
    this.#at = now;
    return { rateHz, mbPerSecond };
  }
}

function totals(status: BridgeStatus): string {
  return `${status.frames} frames, ${status.skipped} skipped, ` +
    `${status.torn} torn, ${status.reconnects} reconnects, p50 ` +
    `${us(status.latencies.percentileUs(0.5))}, p99 ` +
    `${us(status.latencies.percentileUs(0.99))}`;
}

function line(watched: Watched, meter: Meter): string {
  const status = watched.status();
  const { rateHz, mbPerSecond } = meter.take(status);
  const state = status.connected ? watched.state() : "no peer";
  return `${watched.label}: ${rateHz.toFixed(1)} Hz, ` +
    `${mbPerSecond.toFixed(2)} MB/s, ${totals(status)} (${state})`;
}

/** One object of `--stats-json`. */
export function statsObject(
  watched: Watched,
  rates: { rateHz: number; mbPerSecond: number },
): Record<string, unknown> {
  const { latencies, ...counters } = watched.status();
  return {
    time: new Date().toISOString(),
    kind: watched.kind,
    stream: watched.label,
    state: watched.state(),
    ...counters,
    ...rates,
    latencyP50Us: latencies.percentileUs(0.5) ?? null,
    latencyP99Us: latencies.percentileUs(0.99) ?? null,
    latencyMaxUs: latencies.maxUs ?? null,
  };
}

function openAppending(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { append: true, create: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new CommandError(
      `Cannot write "${path}": ${(error as Error).message}`,
    );
  }
}

/** Tells of events and of progress until it is closed. */
export class BridgeReporter {
  readonly #out: Output;
  readonly #label: string;
  readonly #undo: (() => void)[] = [];
  #final: (() => void) | undefined;

  /**
   * @param out Where to.
   * @param label What the lines begin with.
   */
  constructor(out: Output, label: string) {
    this.#out = out;
    this.#label = label;
  }

  /** Takes an event. */
  readonly event = ({ level, message }: BridgeEvent): void => {
    const time = this.#out.errorIsTerminal
      ? ""
      : `${new Date().toISOString()} `;
    const mark = level === "warning" ? "warning: " : "";
    this.#out.say(`${time}shmim ${this.#label}: ${mark}${message}`);
  };

  /** Starts to report. */
  watch(watched: Watched, statsFile: string | undefined): void {
    const meter = new Meter();
    if (this.#out.errorIsTerminal) {
      this.#undo.push(
        every(LIVE_MS, () => this.#out.live(line(watched, meter))),
      );
    } else {
      this.#undo.push(every(LOG_MS, () => {
        this.event({ level: "note", message: line(watched, meter) });
      }));
    }
    this.#final = () =>
      this.#out.say(`shmim ${watched.label}: ${totals(watched.status())}`);
    if (statsFile !== undefined) this.#logStats(watched, statsFile);
  }

  #logStats(watched: Watched, path: string): void {
    const file = openAppending(path);
    const meter = new Meter();
    const encoder = new TextEncoder();
    let broken = false;
    const write = (): void => {
      if (broken) return;
      const object = statsObject(watched, meter.take(watched.status()));
      const line = encoder.encode(`${JSON.stringify(object, jsonValue)}\n`);
      try {
        for (let at = 0; at < line.length;) {
          at += file.writeSync(line.subarray(at));
        }
      } catch (error) { // a full disk must not end a bridge
        broken = true;
        const reason = (error as Error).message;
        this.event({
          level: "warning",
          message: `cannot write "${path}": ${reason}; no more statistics`,
        });
      }
    };
    const stop = every(STATS_MS, write);
    this.#undo.push(() => {
      stop();
      write();
      file.close();
    });
  }

  /** Ends it, with a last line. */
  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#final?.();
    this.#final = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
