/**
 * Times of streams, as people read them.
 * @module
 */

const NS = 1_000_000_000n;

/**
 * A time as ISO 8601 in UTC with nanoseconds.
 *
 * @param ns Nanoseconds since 1970 by the stream's clock.
 * @param taiOffset Seconds that this clock is ahead of UTC.
 * @returns The text; `undefined` for 0, which means "never".
 */
export function isoTime(ns: bigint, taiOffset: number): string | undefined {
  if (ns === 0n) return undefined;
  const utc = ns - BigInt(taiOffset) * NS;
  const seconds = utc / NS - (utc < 0n && utc % NS !== 0n ? 1n : 0n);
  const fraction = utc - seconds * NS;
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return undefined;
  return `${date.toISOString().slice(0, -5)}.${
    fraction.toString().padStart(9, "0")
  }Z`;
}
