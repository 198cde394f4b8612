/**
 * A virtual device as its clients see it.
 * @module
 */

import { CLOCK, clockNs, pause } from "../../ffi/clock.ts";
import { isSystemError } from "../../ffi/errno.ts";
import { DeviceSegment, type FileKey } from "./device_segment.ts";
import type { SampleRecord } from "./layout.ts";

/** What happened to the device since the reading before. */
export type DeviceEvent =
  | "stopped"
  | "started"
  | "configured"
  | "late"
  | "died"
  | "replaced";

/** One look at a device. */
export interface Reading {
  /** The sample and what it belongs to. */
  readonly record: SampleRecord;
  /** Process of the device. */
  readonly pid: number;
  /** Whether it runs. */
  readonly alive: boolean;
  /** Seconds since the sample was made. */
  readonly ageSeconds: number;
  /** No sample has come for longer than there should be one. */
  readonly late: boolean;
}

/** How many intervals, and how many seconds, a sample may be late. */
const LATE_INTERVALS = 3;
const LATE_SECONDS = 1;
const HALF_TRIES = 100;

function toReading(device: DeviceSegment, record: SampleRecord): Reading {
  const age = clockNs(CLOCK.MONOTONIC) - record.monotonicNs;
  const ageSeconds = Math.max(0, Number(age) / 1e9);
  const limit = Math.max(LATE_SECONDS, LATE_INTERVALS * record.interval);
  return {
    record,
    pid: device.header.pid,
    alive: record.state !== "ended" && device.alive,
    ageSeconds,
    late: record.state === "running" && ageSeconds > limit,
  };
}

/** What changed from one reading to the next. */
export function eventsBetween(
  before: Reading | undefined,
  now: Reading,
): DeviceEvent[] {
  const events: DeviceEvent[] = [];
  const add = (event: DeviceEvent, when: boolean): void => {
    if (when) events.push(event);
  };
  const was = before?.record;
  if (before !== undefined && before.pid !== now.pid) return ["replaced"];
  add(
    "configured",
    was !== undefined && was.configuration !== now.record.configuration,
  );
  const stopped = now.record.state === "stopped";
  add("stopped", stopped && was?.state !== "stopped");
  add("started", !stopped && was?.state === "stopped");
  add("died", !now.alive && before?.alive !== false);
  add("late", now.alive && now.late && before?.late !== true);
  return events;
}

/** A device that is read. */
export class DeviceReader {
  readonly #key: FileKey;
  #device: DeviceSegment;
  #last: Reading | undefined;

  private constructor(key: FileKey, device: DeviceSegment) {
    this.#key = key;
    this.#device = device;
  }

  /**
   * Finds a device. Only read permission is needed, of the key's file.
   *
   * @throws {SegmentError} `ENOENT` where there is none, `EACCES`.
   * @throws {DeviceError} where the key's segment is no device's.
   */
  static open(key: FileKey): DeviceReader {
    return new DeviceReader(key, DeviceSegment.open(key));
  }

  /**
   * Looks at the device. Where its segment was removed and another device has
   * the key meanwhile, that one is read from now on.
   *
   * @returns `undefined` where there is no device any more.
   */
  async read(): Promise<Reading | undefined> {
    if (this.#device.removed && !this.#reopen()) return undefined;
    for (let tries = 0; tries < HALF_TRIES; tries++) {
      const record = this.#device.record();
      if (record !== undefined) {
        this.#last = toReading(this.#device, record);
        return this.#last;
      }
      if (!this.#device.alive) break;
      await pause(1);
    }
    // It died or was halted in the middle of a sample: the one before counts.
    if (this.#last === undefined) {
      throw new Error(
        `The device (pid ${this.#device.header.pid}) ` +
          `${this.#device.alive ? "was halted" : "died"} in the middle of a ` +
          "sample",
      );
    }
    return toReading(this.#device, this.#last.record);
  }

  #reopen(): boolean {
    let next: DeviceSegment;
    try {
      next = DeviceSegment.open(this.#key);
    } catch (error) {
      if (isSystemError(error, "ENOENT", "EIDRM", "EINVAL")) return false;
      throw error;
    }
    this.#device.close();
    this.#device = next;
    this.#last = undefined;
    return true;
  }

  /** Detaches. */
  close(): void {
    this.#device.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
