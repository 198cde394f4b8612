/**
 * The processes that carry streams between hosts. They outlive the daemon:
 * the next one knows them by pid and start, and starts what has died.
 * @module
 */

import { endProcess, processStartNs } from "../../ffi/process.ts";

/** A process that carries a stream. */
export interface Pump {
  /** `receive`: a mount of ours; `transmit`: of another partition. */
  readonly kind: "receive" | "transmit";
  /** The other partition. */
  readonly partition: number;
  /** The stream's name at its owner's. */
  readonly stream: string;
  /** Where it sends to, or listens: the host. */
  readonly host: string;
  /** And the port. */
  readonly port: number;
  /** The process. */
  readonly pid: number;
  /** When that began. */
  readonly startNs: string;
}

/** What was started. */
export interface StartedPump {
  /** The process. */
  readonly pid: number;
  /** The port that it listens on, where it does. */
  readonly port: number;
}

/**
 * Starts `shmim WORDS` in a session of its own with the permissions of its
 * duty; settles when it stands.
 */
export type StartPump = (
  words: readonly string[],
  onLine: (line: string) => void,
) => Promise<StartedPump>;

/** Whether its process runs. */
export function pumpRuns({ pid, startNs }: Pump): boolean {
  return processStartNs(pid)?.toString() === startNs;
}

/** Ends it. */
export function endPump(pump: Pump): void {
  endProcess(pump.pid, BigInt(pump.startNs));
}

/** When a thing that fails may be tried again: twice as late each time. */
export class BackOff {
  readonly #next = new Map<string, { at: number; wait: number }>();

  /** Whether it may be tried now. */
  may(name: string): boolean {
    return performance.now() >= (this.#next.get(name)?.at ?? 0);
  }

  /** It failed. */
  failed(name: string): void {
    const wait = Math.min(30_000, (this.#next.get(name)?.wait ?? 250) * 2);
    this.#next.set(name, { at: performance.now() + wait, wait });
  }

  /** It went well. */
  done(name: string): void {
    this.#next.delete(name);
  }
}
