/**
 * The process trace of a stream: who wrote last, and what triggered it.
 * @module
 */

/** One entry of the trace; entry 0 is the last writer. */
export interface TraceEntry {
  /** Process that wrote. */
  readonly pid: number;
  /** Inode of the stream that triggered it, 0 = none. */
  readonly triggerInode: bigint;
  /** When it began, ns by the stream's clock. */
  readonly startedNs: bigint;
  /** When it published, ns by the stream's clock. */
  readonly updatedNs: bigint;
  /** Semaphore it waited on, -1 = none. */
  readonly semaphore: number;
  /** Status it gave. */
  readonly status: number;
  /** Counter of the trigger stream. */
  readonly cnt0: bigint;
}

/** Bytes of an entry. */
export const ENTRY_BYTES = 64;

const PID_AT = 4;

/** The process of the newest entry, without decoding the others. */
export function newestPid(view: DataView<ArrayBuffer>): number | undefined {
  for (let at = 0; at + ENTRY_BYTES <= view.byteLength; at += ENTRY_BYTES) {
    const pid = view.getInt32(at + PID_AT, true);
    if (pid !== 0) return pid;
  }
  return undefined;
}

/** Reads the trace; entries without a process are left out. */
export function decodeTrace(bytes: Uint8Array<ArrayBuffer>): TraceEntry[] {
  const entries: TraceEntry[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const pid = view.getInt32(at + PID_AT, true);
    if (pid === 0) continue;
    const time = (offset: number): bigint =>
      view.getBigInt64(at + offset, true) * 1_000_000_000n +
      view.getBigInt64(at + offset + 8, true);
    entries.push({
      pid,
      triggerInode: view.getBigUint64(at + 8, true),
      startedNs: time(16),
      updatedNs: time(32),
      semaphore: view.getInt32(at + 48, true),
      status: view.getInt32(at + 52, true),
      cnt0: view.getBigUint64(at + 56, true),
    });
  }
  return entries;
}

/**
 * Who wrote last: the newest entry's process, else whoever posted a semaphore.
 *
 * @param newest The process of the trace's first entry.
 * @param posters Who posted last, semaphore by semaphore; 0 and less: nobody.
 * @returns The pid; `undefined` = nobody yet.
 */
export function writerOf(
  newest: number | undefined,
  posters: Iterable<number>,
): number | undefined {
  if (newest !== undefined && newest > 0) return newest;
  for (const pid of posters) {
    if (pid > 0) return pid;
  }
  return undefined;
}
