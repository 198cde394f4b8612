/**
 * A channel's log: one line for each event, within a bound.
 * @module
 */

import type { BridgeEvent } from "../bridge/session.ts";

/** Half of what a channel's logs may take, bytes. */
const MOST_BYTES = 128 * 1024;
/** So often an event is written in this time, and then only counted. */
const SAME_MS = 60_000;
const SAME_TIMES = 5;

/**
 * Writes events to a file. A full file becomes `FILE.1`, and the one before
 * goes. An event that comes again and again is written five times a minute at
 * most, with how often it came beside.
 */
export class EventLog {
  readonly #path: string;
  readonly #same = new Map<
    string,
    { at: number; times: number; more: number }
  >();
  #bytes: number;

  /** @param path The file; it is appended to. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#bytes = Deno.statSync(path).size;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      this.#bytes = 0;
    }
  }

  /**
   * Takes an event.
   *
   * @returns The line, `undefined` where it was only counted.
   */
  take({ level, message }: BridgeEvent): string | undefined {
    const key = message.replace(/:\d+/g, "");
    const now = Date.now();
    const before = this.#same.get(key);
    const recent = before !== undefined && now - before.at < SAME_MS;
    if (recent && ++before.times > SAME_TIMES) {
      before.more++;
      return undefined;
    }
    const again = before === undefined || before.more === 0
      ? ""
      : ` (and ${before.more} times more before)`;
    if (this.#same.size > 100) this.#same.clear();
    if (!recent) this.#same.set(key, { at: now, times: 1, more: 0 });
    const mark = level === "warning" ? "warning: " : "";
    const line = `${new Date(now).toISOString()} ${mark}${message}${again}`;
    this.#append(`${line}\n`);
    return line;
  }

  #append(line: string): void {
    const bytes = new TextEncoder().encode(line);
    try {
      if (this.#bytes + bytes.length > MOST_BYTES) {
        Deno.renameSync(this.#path, `${this.#path}.1`);
        this.#bytes = 0;
      }
      Deno.writeFileSync(this.#path, bytes, { append: true, mode: 0o600 });
      this.#bytes += bytes.length;
    } catch (error) {
      // A full disk ends no bridge; what was said stands in the report.
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }
}
