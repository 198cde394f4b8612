/**
 * Semaphores of a stream that are files of their own.
 * @module
 */

import { readStart } from "../../ffi/file_start.ts";
import { semaphorePath } from "../../ffi/named_semaphores.ts";
import { fromStart, recognise, START_BYTES } from "./recognise.ts";

/** Those of a stream, as far as it is there and may be read. */
export function semaphoreFiles(path: string): string[] {
  try {
    const start = readStart(path, START_BYTES);
    if (start === undefined) return [];
    const load = fromStart(start.bytes);
    const real = start.path;
    const { layout } = recognise(path, real, load, start.size, "python");
    return layout.semaphoreNames.map(semaphorePath);
  } catch {
    return []; // none, or nothing that has any
  }
}
