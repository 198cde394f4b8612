/**
 * A stream as `info --json` tells it: the names and units are a contract.
 * @module
 */

import { processExists } from "../../ffi/libc.ts";
import { readLink, statFile } from "../../ffi/files.ts";
import type { Keyword } from "./keywords.ts";
import type { Stream } from "./stream.ts";
import { isoTime } from "./times.ts";
import { writerOf } from "./trace.ts";

/** One entry of the process trace. */
export interface TraceDescription {
  /** Process that wrote. */
  pid: number;
  /** Inode of the stream that triggered it, 0 = none. */
  triggerInode: bigint;
  /** ISO 8601, UTC. */
  started: string | null;
  /** ISO 8601, UTC. */
  updated: string | null;
  /** Semaphore it waited on, -1 = none. */
  semaphore: number;
  /** Counter of the trigger stream. */
  cnt0: bigint;
}

/** One semaphore. */
export interface SemaphoreDescription {
  /** Posts that nobody took yet; `null`: missing, or another user's. */
  value: number | null;
  /** Its reader; `null` where there is none, or it is dead. */
  reader: number | null;
  /** Who posted last; `null` = nobody. */
  writer: number | null;
}

/** Everything there is to tell of a stream. */
export interface StreamDescription {
  /** Name as asked for. */
  name: string;
  /** File. */
  path: string;
  /** Where a link leads. */
  link?: string;
  /** Format. */
  format: string;
  /** Version found in the file. */
  version: string;
  /** Which layout of that version. */
  variant: string;
  /** Data type. */
  type: string;
  /** Axes, fastest first. */
  size: readonly number[];
  /** The axes as the file has them. */
  storedSize: readonly number[];
  /** Frames published. */
  cnt0: bigint;
  /** Slice written last. */
  cnt1: bigint;
  /** Events. */
  cnt2: bigint;
  /** Acquisition time, ISO 8601 UTC; `null` = never. */
  atime: string | null;
  /** Publication time, ISO 8601 UTC; `null` = never. */
  writetime: string | null;
  /** Creation time, ISO 8601 UTC. */
  creationtime: string | null;
  /** Process that made it. */
  creatorPid: number;
  /** 0 nobody, 1 expressly nobody, else a process. */
  ownerPid: number;
  /** Process that wrote last; `null` = nobody. */
  writerPid: number | null;
  /** Whether that process lives. */
  writerAlive: boolean;
  /** Whether a frame is being written right now. */
  writing: boolean;
  /** The semaphores. */
  semaphores: SemaphoreDescription[];
  /** Slots of the circular buffer. */
  circularBuffer: number;
  /** Whether the last axis is a ring of slices. */
  rolling: boolean;
  /** Keyword records, used or not. */
  keywordCapacity: number;
  /** The used keywords. */
  keywords: Keyword[];
  /** Who wrote, and what triggered it. */
  trace: TraceDescription[];
  /** Inode stored in the file. */
  inode: bigint;
  /** The format's other fields, by its own names. */
  other: Readonly<Record<string, number | string>>;
}

/** Who wrote a stream last; `undefined` = nobody yet. */
export function lastWriter(stream: Stream): number | undefined {
  const posters = stream.semaphores().map(({ writerPid }) => writerPid);
  return writerOf(stream.trace()[0]?.pid, posters);
}

/** The slice of a cube that was written last, as far as its header tells. */
export function newestSlice(stream: Stream): number {
  const last = Number(stream.fields().cnt1);
  return last < stream.slices ? last : 0;
}

/** The target of a stream's file where it is a link. */
export function linkTarget(path: string): string | undefined {
  return statFile(path, { follow: false })?.kind === "link"
    ? readLink(path)
    : undefined;
}

/**
 * Gathers everything there is to tell.
 *
 * @param stream An open stream.
 * @returns What `info --json` prints.
 */
export function describeStream(stream: Stream): StreamDescription {
  const fields = stream.fields();
  const offset = stream.clockOffset;
  const time = (ns: bigint): string | null => isoTime(ns, offset) ?? null;
  // What lies where it was asked for is no link: nobody need be asked.
  const link = stream.realPath === stream.path
    ? undefined
    : linkTarget(stream.path);
  const writer = lastWriter(stream);
  return {
    name: stream.name,
    path: stream.path,
    ...link === undefined ? {} : { link },
    format: stream.layout.format,
    version: stream.layout.version,
    variant: stream.layout.variant,
    type: stream.type,
    size: stream.size,
    storedSize: stream.layout.storedSize,
    cnt0: fields.cnt0,
    cnt1: fields.cnt1,
    cnt2: fields.cnt2,
    atime: time(fields.atimeNs),
    writetime: time(fields.writetimeNs),
    creationtime: time(fields.creationNs),
    creatorPid: fields.creatorPid,
    ownerPid: fields.ownerPid,
    writerPid: writer ?? null,
    writerAlive: writer !== undefined && processExists(writer),
    writing: fields.writing,
    semaphores: stream.semaphores().map((one) => ({
      value: one.missing ? null : one.value,
      reader: processExists(one.readerPid) ? one.readerPid : null,
      writer: one.writerPid > 0 ? one.writerPid : null,
    })),
    circularBuffer: stream.layout.circularBuffer,
    rolling: stream.layout.rolling,
    keywordCapacity: stream.layout.keywordCount,
    keywords: stream.keywords(),
    trace: stream.trace().map((entry) => ({
      pid: entry.pid,
      triggerInode: entry.triggerInode,
      started: time(entry.startedNs),
      updated: time(entry.updatedNs),
      semaphore: entry.semaphore,
      cnt0: entry.cnt0,
    })),
    inode: fields.inode,
    other: fields.other,
  };
}
