/**
 * The semaphores of a stream with who waits and who posts, and its process
 * trace.
 * @module
 */

import type { Mapping } from "../../ffi/mapping.ts";
import type { Layout } from "./format.ts";
import type { SemaphoreInfo } from "./stream_options.ts";
import { decodeTrace, type TraceEntry } from "./trace.ts";

type Table = Layout["table"];

function pids(mapping: Mapping, table: Table, offset: number): Int32Array {
  const bytes = new Uint8Array(table.semCount * 4);
  if (offset > 0) mapping.load(offset, bytes);
  return new Int32Array(bytes.buffer);
}

/** {@linkcode Stream.semaphores}. */
export function semaphoresOf(mapping: Mapping, table: Table): SemaphoreInfo[] {
  const values = mapping.semaphores.values(table.semCount);
  const readers = pids(mapping, table, table.readerPids);
  const writers = pids(mapping, table, table.writerPids);
  return Array.from(values, (value, index) => ({
    value,
    ...mapping.semaphores.has(index) ? {} : { missing: true as const },
    readerPid: readers[index] ?? 0,
    writerPid: writers[index] ?? 0,
  }));
}

/** {@linkcode Stream.trace}. */
export function traceOf(mapping: Mapping, table: Table): TraceEntry[] {
  const bytes = new Uint8Array(table.traceCount * 64);
  mapping.load(table.trace, bytes);
  return decodeTrace(bytes);
}
