/**
 * Single semaphore operations of the helper, for tests that play the part of
 * several programs.
 * @module
 */

import type { Helper } from "../../ffi/helper.ts";
import type { Stream } from "../../src/stream/stream.ts";

/** One call of the helper on a stream's table. */
export function onTable(
  stream: Stream,
  call: (helper: Helper, table: BigUint64Array<ArrayBuffer>) => number,
): Promise<number> {
  return stream.mapping.run((helper, table) =>
    Promise.resolve(call(helper, table))
  );
}

/** Takes off all posts of one semaphore. */
export function flush(stream: Stream, index: number): Promise<number> {
  return onTable(stream, (h, table) => h.shmim_sem_flush(table, index));
}

/** Posts one semaphore, or all (-1) and the log semaphore. */
export function post(stream: Stream, index: number): Promise<number> {
  return onTable(stream, (h, table) => h.shmim_sem_post(table, index));
}
