/** A row of the table; the names and units of `top --json`. @module */

import type { BridgeLine } from "./bridges.ts";

/** A process. */
export interface ProcessRow {
  /** Its pid. */
  readonly pid: number;
  /** Its name; `null` where it cannot be seen. */
  readonly name: string | null;
  /** Whether it lives. */
  readonly alive: boolean;
}

/** A stream as the table tells it. */
export interface TopRow {
  /** Name. */
  readonly name: string;
  /** File. */
  readonly path: string;
  /** Where a link leads. */
  readonly link: string | null;
  /** Why it cannot be opened; then all else is empty. */
  readonly error: string | null;
  /** Format. */
  readonly format: string | null;
  /** Data type. */
  readonly type: string | null;
  /** Axes, fastest first. */
  readonly size: readonly number[];
  /** Frames so far. */
  readonly cnt0: bigint;
  /** Frames a second; `null`: not watched for long enough. */
  readonly rateHz: number | null;
  /** Standard deviation of the intervals, ms; `null`: not measured. */
  readonly jitterMs: number | null;
  /** Age of the last frame, s; `null`: none came while watched. */
  readonly ageSeconds: number | null;
  /** Bytes of pixels a second. */
  readonly bytesPerSecond: number | null;
  /** Its owner, where it has one. */
  readonly owner: ProcessRow | null;
  /** Who wrote last. */
  readonly writer: ProcessRow | null;
  /** Who has claimed a semaphore. */
  readonly readers: readonly ProcessRow[];
  /** The semaphores with the pids that they name. */
  readonly semaphores: readonly {
    readonly value: number;
    readonly reader: number | null;
    readonly writer: number | null;
  }[];
  /** Who wrote, and what triggered it. */
  readonly trace: readonly {
    readonly process: ProcessRow;
    readonly triggerInode: bigint;
    readonly semaphore: number;
    readonly cnt0: bigint;
  }[];
  /** The inode by which traces name this stream. */
  readonly inode: bigint;
  /** Bridges that carry it. */
  readonly bridges: readonly BridgeLine[];
}
