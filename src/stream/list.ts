/**
 * All streams of a folder, watched for a moment: rates and ages come from
 * our own look at the counters, never from a foreign clock.
 * @module
 */

import { join } from "@std/path";
import { globToRegExp } from "@std/path/glob-to-regexp";
import { pause } from "../../ffi/clock.ts";
import { listFolder } from "../../ffi/files.ts";
import { describeStream, type StreamDescription } from "./describe.ts";
import type { AxisOrder } from "./format.ts";
import { streamFolder, SUFFIX } from "./names.ts";
import { Stream } from "./stream.ts";

/** A stream of a list. */
export interface ListedStream extends StreamDescription {
  /** Frames a second while watched; `null` where none came. */
  rateHz: number | null;
  /** Age of the last frame; `null` where none came while watched. */
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

interface Watched {
  readonly stream: Stream;
  readonly first: bigint;
  counter: bigint;
  firstMove: number | undefined;
  lastMove: number | undefined;
}

const LOOK_MS = 5;

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
  const results = new Map<string, ListedStream | DamagedStream>();
  const watched = new Map<string, Watched>();
  const names = listFolder(folder)
    .filter((file) => file.endsWith(SUFFIX) && !file.startsWith("."))
    .map((file) => file.slice(0, -SUFFIX.length))
    .filter((name) => glob.test(name));
  try {
    for (const name of names) {
      const path = join(folder, name + SUFFIX);
      try {
        const stream = Stream.open(path, {
          ...options.axisOrder && { axisOrder: options.axisOrder },
          writable: false,
        });
        const first = stream.cnt0;
        watched.set(name, {
          stream,
          first,
          counter: first,
          firstMove: undefined,
          lastMove: undefined,
        });
      } catch (error) {
        results.set(name, { name, path, error: (error as Error).message });
      }
    }
    await watch([...watched.values()], options.watchMs ?? 300);
    const now = performance.now();
    for (const [name, one] of watched) {
      try {
        results.set(name, {
          ...describeStream(one.stream),
          ...rates(one, now),
        });
      } catch (error) {
        const { path } = one.stream;
        results.set(name, { name, path, error: (error as Error).message });
      }
    }
  } finally {
    for (const { stream } of watched.values()) stream.close();
  }
  return names.flatMap((name) => results.get(name) ?? []);
}

async function watch(streams: readonly Watched[], ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (streams.length > 0 && performance.now() < end) {
    await pause(LOOK_MS);
    for (const one of streams) {
      const counter = one.stream.cnt0;
      if (counter === one.counter) continue;
      one.counter = counter;
      one.lastMove = performance.now();
      one.firstMove ??= one.lastMove;
    }
  }
}

function rates(
  one: Watched,
  now: number,
): { rateHz: number | null; ageSeconds: number | null } {
  const { firstMove, lastMove } = one;
  if (firstMove === undefined || lastMove === undefined) {
    return { rateHz: null, ageSeconds: null };
  }
  const frames = Number(one.counter - one.first) - 1;
  return {
    rateHz: lastMove > firstMove && frames > 0
      ? frames * 1000 / (lastMove - firstMove)
      : null,
    ageSeconds: Math.round(now - lastMove) / 1000,
  };
}
