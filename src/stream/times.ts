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

const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z$/;

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/**
 * A time of {@linkcode isoTime} in the zone of this host, with its offset from
 * UTC. What is no such time stays as it is.
 *
 * @param iso ISO 8601, UTC.
 */
export function localTime(iso: string): string {
  const found = ISO.exec(iso);
  if (found === null) return iso;
  const [, whole = "", fraction = ""] = found;
  const date = new Date(`${whole}Z`);
  const offset = -date.getTimezoneOffset();
  const minutes = Math.abs(offset);
  const shifted = new Date(date.getTime() + offset * 60_000);
  return shifted.toISOString().slice(0, 19) + fraction +
    `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:` +
    two(minutes % 60);
}
