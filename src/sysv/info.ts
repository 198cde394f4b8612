/**
 * What is known of segments, and who of their processes lives.
 * @module
 */

import { processStartNs } from "../../ffi/process.ts";
import { type SegmentFacts, segmentTable } from "../../ffi/segment.ts";

const REMOVED = 0o1000;
const LOCKED = 0o2000;

/** What the kernel knows of a segment. */
export interface SegmentInfo extends Omit<SegmentFacts, "mode"> {
  /** Permission bits: 9. */
  readonly mode: number;
  /** The same as `ipcs` shows them: `644`. */
  readonly permissions: string;
  /** Removed, but still attached somewhere. */
  readonly removed: boolean;
  /** Never swapped out. */
  readonly locked: boolean;
}

/** A key as `ipcs` shows it: `0x0000002a`. */
export function hexKey(key: number): string {
  return `0x${(key >>> 0).toString(16).padStart(8, "0")}`;
}

/** Takes the kernel's mode apart. */
export function toInfo({ mode, ...facts }: SegmentFacts): SegmentInfo {
  return {
    ...facts,
    mode: mode & 0o777,
    permissions: (mode & 0o777).toString(8),
    removed: (mode & REMOVED) !== 0,
    locked: (mode & LOCKED) !== 0,
  };
}

/** A segment, and whether those who used it live. */
export interface ListedSegment extends SegmentInfo {
  /** Whether the process that made it lives. */
  readonly creatorAlive: boolean;
  /** Whether the process that attached or detached last lives. */
  readonly lastAlive: boolean;
  /** Nobody has it attached, and neither of these lives. */
  readonly orphan: boolean;
}

/**
 * Whether a process of this pid runs. It may be a later one that has the pid
 * by chance: nothing is removed that somebody might still want.
 */
function lives(pid: number): boolean {
  return processStartNs(pid) !== undefined;
}

function toListed(facts: SegmentFacts): ListedSegment {
  const info = toInfo(facts);
  const creatorAlive = lives(info.creatorPid);
  const lastAlive = lives(info.lastPid);
  return {
    ...info,
    creatorAlive,
    lastAlive,
    orphan: info.attached === 0 && !creatorAlive && !lastAlive,
  };
}

/**
 * All segments of the kernel's table, whatever their permissions. Needs read
 * of `/proc/sysvipc/shm`.
 */
export function listSegments(): ListedSegment[] {
  return segmentTable().map(toListed);
}
