/**
 * All streams of a folder, watched for a moment: rates and ages come from
 * our own look at the counters, never from a foreign clock.
 * @module
 */

import { join } from "@std/path";
import { globToRegExp } from "../../std/path/glob_to_regexp.ts";
import { describeStream, type StreamDescription } from "./describe.ts";
import type { AxisOrder } from "./format.ts";
import { namesIn, streamFolder, SUFFIX } from "./names.ts";
import { watchCounters } from "./rates.ts";
import { Stream } from "./stream.ts";

/** A stream of a list. */
export interface ListedStream extends StreamDescription {
  /** Frames a second while watched; `null` where none came. */
  rateHz: number | null;
  /** Age of the last frame, s; `null` where none came while watched. */
  ageSeconds: number | null;
}

/** A file that cannot be opened as a stream. */
export interface DamagedStream {
  /** Name. */
  name: string;
  /** File. */
  path: string;
  /** Why. */
  error: string;
}

/** What to list. */
export interface ListOptions {
  /** Folder. */
  dir?: string;
  /** How a DAO stream's axes are stored. Default `python`. */
  axisOrder?: AxisOrder;
  /** Names with `*` and `?`. Default: all. */
  pattern?: string;
  /** How long to watch the counters, ms. Default 300. */
  watchMs?: number;
}

/**
 * Lists the streams of a folder.
 *
 * @param options Which, and how long to watch them.
 * @returns One entry for each file that ends in `.im.shm`, sorted by name.
 */
export async function listStreams(
  options: ListOptions = {},
): Promise<(ListedStream | DamagedStream)[]> {
  const folder = streamFolder(options.dir);
  const glob = globToRegExp(options.pattern ?? "*");
  const names = namesIn(folder).filter((name) => glob.test(name));
  return await listNamed(folder, names, options);
}

/** {@linkcode listStreams} of streams whose names are known. */
export async function listNamed(
  folder: string,
  names: readonly string[],
  options: Pick<ListOptions, "axisOrder" | "watchMs">,
): Promise<(ListedStream | DamagedStream)[]> {
  const results = new Map<string, ListedStream | DamagedStream>();
  const streams = new Map<string, Stream>();
  try {
    for (const name of names) {
      const path = join(folder, name + SUFFIX);
      try {
        streams.set(
          name,
          Stream.open(path, {
            ...options.axisOrder && { axisOrder: options.axisOrder },
            writable: false,
          }),
        );
      } catch (error) {
        results.set(name, { name, path, error: (error as Error).message });
      }
    }
    const open = [...streams];
    const rates = await watchCounters(
      () => open.map(([, stream]) => stream.cnt0),
      options.watchMs ?? 300,
    );
    open.forEach(([name, stream], index) => {
      const { rateHz = null, ageSeconds = null } = rates[index] ?? {};
      try {
        results.set(name, { ...describeStream(stream), rateHz, ageSeconds });
      } catch (error) {
        const { path } = stream;
        results.set(name, { name, path, error: (error as Error).message });
      }
    });
  } finally {
    for (const stream of streams.values()) stream.close();
  }
  return names.flatMap((name) => results.get(name) ?? []);
}
