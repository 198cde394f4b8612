/**
 * Bridges of this host, as their processes tell of them: one report a channel,
 * `CHANNEL.bridge.json`, in the state folder of this user. What stands in them
 * is checked; what is none is left out.
 * @module
 */

import { join } from "@std/path";
import { listNames, readText } from "../../ffi/host.ts";
import { stateFolder } from "../channels/place.ts";

/** A bridge, as a row of a stream tells it. */
export interface BridgeLine {
  /** The channel. */
  readonly channel: string;
  /** The stream's file at this end. */
  readonly path: string;
  /** What this end does. */
  readonly part: "transmit" | "receive";
  /** The other end, or where this one listens. */
  readonly address: string;
  /** Its process. */
  readonly pid: number;
  /** `up`, `waiting`, …; `crashed` where its process is gone. */
  readonly condition: string;
  /** Frames that were carried. */
  readonly frames: number;
  /** Frames that were not: skipped or torn. */
  readonly lost: number;
}

const REPORT = ".bridge.json";
/** A report is written once a second; longer silence means that it hangs. */
const SILENT_MS = 5000;

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
    ? value as Record<string, unknown>
    : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  const number = Number(value);
  return Number.isFinite(number) && number > 0 ? number : 0;
}

/**
 * Reads a report.
 *
 * @param json The file.
 * @param facts Whether its process lives, and the time now, ms since 1970.
 * @returns `undefined` where it is none.
 */
export function bridgeLine(
  json: string,
  facts: { readonly alive: (pid: number) => boolean; readonly now: number },
): BridgeLine | undefined {
  let parsed: Readonly<Record<string, unknown>>;
  try {
    parsed = record(JSON.parse(json));
  } catch {
    return undefined;
  }
  const { channel, part, path, address, condition, updated } = parsed;
  const pid = count(parsed.pid);
  if (text(channel) === "" || text(path) === "" || pid === 0) return undefined;
  if (part !== "transmit" && part !== "receive") return undefined;
  const stats = record(parsed.stats);
  const said = text(condition) || "starting";
  return {
    channel: text(channel),
    path: text(path),
    part,
    address: text(address),
    pid,
    condition: facts.alive(pid)
      ? facts.now - count(updated) > SILENT_MS ? "stuck" : said
      : said === "failed"
      ? said
      : "crashed",
    frames: count(stats.frames),
    lost: count(stats.skipped) + count(stats.torn),
  };
}

/** All bridges of this user, by the folder's names. */
export function bridgeLines(
  alive: (pid: number) => boolean,
  folder: string = stateFolder(),
): BridgeLine[] {
  return (listNames(folder) ?? []).flatMap((name) => {
    if (!name.endsWith(REPORT)) return [];
    const json = readText(join(folder, name));
    return (json === undefined ? undefined : bridgeLine(json, {
      alive,
      now: Date.now(),
    })) ?? [];
  });
}
