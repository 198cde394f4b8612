/**
 * Bridges without a channel's name, as their processes tell of them once a
 * second: those of `transmit`, `receive` and a daemon's `carry`. One file a
 * process, `NAME.lines.json`, in the state folder of this user.
 * @module
 */

import { basename, join } from "@std/path";
import { processStartNs } from "../../ffi/process.ts";
import type { BridgeStatus } from "../bridge/session.ts";
import type { Reach } from "../bridge/transmit.ts";
import { FileChanges, readIfThere } from "../files/small_file.ts";
import { SUFFIX } from "../stream/names.ts";
import { requireStateFolder } from "./place.ts";
import {
  type ChannelReport,
  type Condition,
  conditionOf,
  parsed,
  toReport,
} from "./state.ts";

/** A stream that such a process carries, as it does now. */
export interface CarriedLine {
  /** What this end does. */
  readonly part: "transmit" | "receive";
  /** The other end, or where this one listens. */
  readonly address: string;
  /** The stream's file. */
  readonly path: string;
  /** How it does. */
  readonly condition: Condition;
  /** What was carried and what was not. */
  readonly stats: Pick<BridgeStatus, "frames" | "skipped" | "torn">;
}

/** A report of such a process, and whether the process lives. */
export interface LineState {
  /** What it told last. */
  readonly report: ChannelReport;
  /** `stuck`: it lives and says nothing; `crashed`: it ended without a word. */
  readonly condition: ReturnType<typeof conditionOf>;
}

const ENDING = ".lines.json";
const REPORT_MS = 1000;
const LONGEST_NAME = 200;

/** A transmitter's reach as the condition of its bridge. */
export function conditionOfReach(reach: Reach): Condition {
  if (reach === "connected") return "up";
  return reach === "connecting" ? "starting" : reach;
}

/** The time at which a process began tells it from a later one of its pid. */
function startOf(pid: number): string | undefined {
  return processStartNs(pid)?.toString();
}

/** Tells of a process's bridges until it is closed. */
export class LineReport implements Disposable {
  readonly #path: string;
  readonly #lines: () => readonly CarriedLine[];
  readonly #warn: (message: string) => void;
  readonly #began = Date.now();
  readonly #start = startOf(Deno.pid);
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * Begins to tell. Where that cannot be, it warns and no more: a bridge goes
   * on without.
   *
   * @param folder The state folder; made where it is missing.
   * @param name What this process does; the next that does it takes the place
   * of one that was killed.
   * @param lines What there is to tell.
   * @param warn Takes a warning.
   */
  constructor(
    folder: string,
    name: string,
    lines: () => readonly CarriedLine[],
    warn: (message: string) => void,
  ) {
    const file = name.replace(/[^\w.-]/g, "_").slice(0, LONGEST_NAME);
    this.#path = join(folder, file + ENDING);
    this.#lines = lines;
    this.#warn = warn;
    this.#try(() => {
      requireStateFolder(folder);
      this.#write();
      const again = (): void => this.#try(() => this.#write());
      this.#timer = setInterval(again, REPORT_MS);
    });
  }

  #try(action: () => void): void {
    try {
      action();
    } catch (error) {
      clearInterval(this.#timer);
      this.#warn(`top does not see this bridge: ${(error as Error).message}`);
    }
  }

  #write(): void {
    const now = Date.now();
    const lines = this.#lines().map((
      { stats: { frames, skipped, torn }, ...line },
    ): ChannelReport => ({
      channel: basename(line.path, SUFFIX),
      pid: Deno.pid,
      started: this.#began,
      updated: now,
      since: this.#began,
      reason: "",
      rates: [],
      ...line,
      stats: { frames, skipped, torn },
    }));
    const changes = new FileChanges();
    changes.put(this.#path, JSON.stringify({ start: this.#start, lines }));
    changes.commit();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#try(() => {
      const changes = new FileChanges();
      changes.drop(this.#path);
      changes.commit();
    });
  }
}

/** What stands in a report; nothing where it is none. */
function linesOf(value: unknown, now: number): LineState[] {
  if (typeof value !== "object" || value === null) return [];
  const { start, lines } = value as { start?: unknown; lines?: unknown };
  if (!Array.isArray(lines)) return [];
  return lines.flatMap((line) => {
    const report = toReport(line);
    if (report === undefined) return [];
    const running = startOf(report.pid) === start;
    return [{ report, condition: conditionOf(report, running, now) }];
  });
}

/**
 * Bridges without a channel's name of this user.
 *
 * @param folder The state folder.
 * @param names What lies in it.
 */
export function carriedLines(
  folder: string,
  names: readonly string[],
): LineState[] {
  const now = Date.now();
  return names.filter((name) => name.endsWith(ENDING)).flatMap((name) =>
    linesOf(parsed(readIfThere(join(folder, name))), now)
  );
}
