/**
 * Keyword records as they go over a wire: milk's 128 bytes each, whatever the
 * stream's format stores.
 * @module
 */

import type { Mapping } from "./mapping.ts";

/** Bytes of a record. */
export const RECORD_BYTES = 128;

/**
 * Copies records out of a stream.
 *
 * @param into As many records as are wanted, no more than the stream has.
 * @param used Only those in use, packed, instead of the first ones.
 * @returns True where more are in use than `into` holds.
 */
export function loadRecords(
  mapping: Mapping,
  into: Uint8Array<ArrayBuffer>,
  used: boolean,
): boolean {
  const count = BigInt(into.length / RECORD_BYTES);
  const result = mapping.call((helper, table) =>
    helper.shmim_keywords_load(table, into, count, used ? 1 : 0)
  );
  mapping.check(result, "read");
  return result === 1;
}

/** Stores records, from the first on; what finds no room is left out. */
export function storeRecords(
  mapping: Mapping,
  records: Uint8Array<ArrayBuffer>,
): void {
  const count = BigInt(records.length / RECORD_BYTES);
  mapping.check(
    mapping.call((helper, table) =>
      helper.shmim_keywords_store(table, records, count)
    ),
    "write",
  );
}
