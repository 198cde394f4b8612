/**
 * One stream into another on this host: once, or for as long as wanted.
 * @module
 */

import { type Pump, type PumpCounters, startRelay } from "../../ffi/pump.ts";
import { streamPlace } from "./names.ts";
import { Stream } from "./stream.ts";
import { openOrMake } from "./target.ts";
import { kindOf } from "./types.ts";
import { Waiter, type WaitOptions } from "./wait.ts";

/** How to open what is copied to. */
export interface CopyTarget {
  /** Name or path. */
  name: string;
  /** Folder that names are looked for in. */
  dir?: string;
  /** Replace a stream of another type or size. */
  force?: boolean;
}

/**
 * Opens the stream to copy to; makes it where it is missing.
 *
 * @param source What will be copied.
 * @param target Where to.
 * @throws {StreamExistsError} where a link, or a stream of another type or
 * size, is in the way.
 * @throws {RangeError} where it is the source itself.
 */
export function openTarget(source: Stream, target: CopyTarget): Stream {
  const { path } = streamPlace(target.name, target.dir);
  if (path === source.path || path === source.realPath) {
    throw new RangeError(`"${path}" cannot be copied into itself`);
  }
  const { stream } = openOrMake({
    path,
    doing: "copying",
    comes: `the source is ${kindOf(source)}`,
    hint: "--force replaces it",
    replace: target.force,
    fits: (there) => there.sameShape(source),
    make: (existing) =>
      Stream.create(path, {
        size: source.size,
        type: source.type,
        keywords: source.layout.keywordCount,
        existing,
      }),
  });
  return stream;
}

/** Copies keywords as far as they fit; says how many did not. */
export function copyKeywords(from: Stream, to: Stream): number {
  const keywords = from.keywords();
  const room = to.layout.keywordCount;
  to.setKeywords(keywords.slice(0, room));
  return Math.max(0, keywords.length - room);
}

/** How to copy from now on. */
export interface RelayOptions extends WaitOptions {
  /** Frames newer than this counter. Default: the counter now. */
  since?: bigint;
  /** The copy's counters are the source's. */
  counters?: boolean;
}

/** A copy that goes on. */
export class Relay {
  readonly #pump: Pump;
  /** Settles when it has ended; rejects where it failed. */
  readonly done: Promise<void>;

  private constructor(pump: Pump, waiter: Waiter) {
    this.#pump = pump;
    this.done = pump.done.then((end) => {
      waiter.close();
      if (end.reason === "error") throw end.error;
    });
  }

  /**
   * Starts to copy every new frame, the newest first where the source is
   * faster than the copy. Acquisition times, the slice index and keywords go
   * along; counters and write times are the target's own, unless `counters`
   * says otherwise.
   *
   * @throws {RangeError} where the two differ in type or size.
   * @throws {StreamForReadingError} where the copy is mounted for reading.
   */
  static start(from: Stream, to: Stream, options: RelayOptions = {}): Relay {
    const bytes = (one: Stream): number => one.layout.table.dataBytes;
    if (from.type !== to.type || bytes(from) !== bytes(to)) {
      throw new RangeError(
        `"${from.name}" and "${to.name}" differ in type or size`,
      );
    }
    to.requireForWriting();
    // Before anybody can see that we wait.
    const last = options.since ?? from.cnt0;
    const waiter = new Waiter(from.mapping, options, from.name);
    const pump = startRelay(from.mapping, to.mapping, {
      wait: waiter.settings,
      last,
      inode: from.inode,
      keywords: from.layout.keywordCount > 0,
      counters: options.counters ?? false,
    });
    return new Relay(pump, waiter);
  }

  /** Counters so far. */
  counters(): PumpCounters {
    return this.#pump.counters();
  }

  /** What it does right now. */
  get state(): string {
    return this.#pump.state;
  }

  /** Ends it. */
  stop(): void {
    this.#pump.stop();
  }
}
