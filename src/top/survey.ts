/**
 * All streams of a folder under watch: opened once to be read only, their
 * counters looked at often, the folder now and then.
 * @module
 */

import { join } from "@std/path";
import { listFolder } from "../../ffi/files.ts";
import { processExists } from "../../ffi/libc.ts";
import { ProcessNames } from "../host/processes.ts";
import { linkTarget } from "../stream/describe.ts";
import { namesIn, streamFolder, SUFFIX } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import { RateMeter } from "../watch/meter.ts";
import { type BridgeLine, bridgeLines } from "./bridges.ts";
import type { ProcessRow, TopRow } from "./row.ts";

type Users = Pick<
  TopRow,
  "owner" | "writer" | "readers" | "semaphores" | "trace" | "inode"
>;
type Motion = Omit<TopRow, keyof Users | "name" | "path" | "link" | "bridges">;

/** Who uses a stream. */
function usersOf(stream: Stream, process: Around["process"]): Users {
  const semaphores = stream.semaphores();
  const trace = stream.trace();
  const { ownerPid, inode } = stream.fields();
  const writer = trace[0]?.pid ?? semaphores[0]?.writerPid ?? 0;
  const readers = new Set(
    semaphores.map(({ readerPid }) => readerPid).filter((pid) => pid > 0),
  );
  return {
    owner: ownerPid > 1 ? process(ownerPid) : null,
    writer: writer > 0 ? process(writer) : null,
    readers: [...readers].map(process),
    semaphores: semaphores.map(({ value, readerPid, writerPid }) => ({
      value,
      reader: readerPid > 0 ? readerPid : null,
      writer: writerPid > 0 ? writerPid : null,
    })),
    trace: trace.map((entry) => ({
      process: process(entry.pid),
      triggerInode: entry.triggerInode,
      semaphore: entry.semaphore,
      cnt0: entry.cnt0,
    })),
    inode,
  };
}

/** One file of the folder. */
export class Tracked implements Disposable {
  /** Name without suffix. */
  readonly name: string;
  /** The file. */
  readonly path: string;
  /** Standard deviation of the intervals, ms, as last measured. */
  jitterMs: number | undefined;
  #stream: Stream | undefined;
  #error: string | undefined;
  #link: string | undefined;
  #rate = new RateMeter();
  #counter = 0n;
  #movedAt: number | undefined;
  #users: Users | undefined;
  #usersAt = 0;

  /** Opens it; a file that cannot be opened is one with an error. */
  constructor(name: string, path: string) {
    this.name = name;
    this.path = path;
    this.#open();
  }

  #open(): void {
    try {
      this.#link = linkTarget(this.path);
      this.#stream = Stream.open(this.path, { writable: false });
      this.#error = undefined;
      this.#counter = this.#stream.cnt0;
      this.#movedAt = undefined;
      this.#rate = new RateMeter();
      this.jitterMs = undefined;
    } catch (error) {
      this.#error = (error as Error).message;
    }
  }

  /** The stream; `undefined` where it cannot be opened. */
  get stream(): Stream | undefined {
    return this.#stream;
  }

  /** When the counter moved last, by `performance.now()`. */
  get movedAt(): number | undefined {
    return this.#movedAt;
  }

  /** Frames a second; `undefined` before it has been watched for a while. */
  get rateHz(): number | undefined {
    return this.#stream === undefined ? undefined : this.#rate.hz;
  }

  /** Looks at the counter. */
  look(now: number): void {
    if (this.#stream === undefined) return;
    const counter = this.#stream.cnt0;
    if (counter !== this.#counter) {
      this.#counter = counter;
      this.#movedAt = now;
    }
    this.#rate.look(counter, now);
  }

  /** Looks whether its name still leads to the same file. */
  check(): "same" | "replaced" {
    const stream = this.#stream;
    if (stream === undefined) {
      this.#open(); // it may have become whole
      return this.#stream === undefined ? "same" : "replaced";
    }
    try {
      if (stream.presence() === "same") {
        stream.mapping.requireWhole();
        return "same";
      }
    } catch {
      // cut short: to be opened anew, which says what is wrong
    }
    this.#close();
    this.#open();
    return "replaced";
  }

  /** What the table tells of it. */
  row(now: number, around: Around): TopRow {
    const base = { name: this.name, path: this.path, link: this.#link ?? null };
    const stream = this.#stream;
    if (stream === undefined) {
      return { ...NOTHING, ...base, error: this.#error ?? "gone" };
    }
    try {
      const patience = around.shown(this.name) ? 0 : OTHERS_MS;
      if (this.#users === undefined || now - this.#usersAt > patience) {
        this.#users = usersOf(stream, around.process);
        this.#usersAt = now;
      }
      return {
        ...base,
        ...this.#users,
        ...this.#motion(stream, now),
        bridges: around.bridges.get(this.path) ?? [],
      };
    } catch (error) {
      return { ...NOTHING, ...base, error: (error as Error).message };
    }
  }

  #motion(stream: Stream, now: number): Motion {
    const { layout } = stream;
    const { table } = layout;
    const rateHz = this.#rate.hz ?? null;
    const bytes = layout.rolling ? table.sliceBytes : table.dataBytes;
    return {
      error: null,
      format: layout.format,
      type: stream.type,
      size: stream.size,
      cnt0: this.#counter,
      rateHz,
      jitterMs: rateHz ? this.jitterMs ?? null : null,
      ageSeconds: this.#movedAt === undefined
        ? null
        : Math.max(0, now - this.#movedAt) / 1000,
      bytesPerSecond: rateHz === null ? null : rateHz * bytes,
    };
  }

  #close(): void {
    this.#users = undefined;
    this.#stream?.close();
    this.#stream = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

const NOTHING = {
  format: null,
  type: null,
  size: [],
  cnt0: 0n,
  rateHz: null,
  jitterMs: null,
  ageSeconds: null,
  bytesPerSecond: null,
  owner: null,
  writer: null,
  readers: [],
  semaphores: [],
  trace: [],
  inode: 0n,
  bridges: [],
} as const;

/** What is around all streams. */
interface Around {
  readonly shown: (name: string) => boolean;
  readonly process: (pid: number) => ProcessRow;
  readonly bridges: ReadonlyMap<string, readonly BridgeLine[]>;
}

/** Who uses streams that are not on the screen is asked less often, ms. */
const OTHERS_MS = 2000;
/** Names of processes are asked for again after this time, ms. */
const NAMES_MS = 5000;

/** The streams of a folder. */
export class Survey implements Disposable {
  /** The folder. */
  readonly folder: string;
  readonly #streams = new Map<string, Tracked>();
  readonly #names = new ProcessNames();
  #namesAt = 0;
  #bridges = new Map<string, readonly BridgeLine[]>();
  #trouble: string | undefined;

  /** Opens all streams of a folder. */
  constructor(dir?: string) {
    this.folder = streamFolder(dir);
    listFolder(this.folder); // refuses at once what may not be listed
    this.scan();
    this.look();
  }

  /** The streams, by their names. */
  get streams(): readonly Tracked[] {
    return [...this.#streams.values()];
  }

  /** Why the folder cannot be listed, where that is so. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** One of them. */
  stream(name: string): Tracked | undefined {
    return this.#streams.get(name);
  }

  /** Looks at every counter: a few microseconds for each stream. */
  look(now: number = performance.now()): void {
    for (const one of this.#streams.values()) one.look(now);
  }

  /** Looks at the folder: what came, what went, what was re-created. */
  scan(): void {
    let names: string[];
    try {
      names = namesIn(this.folder);
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = (error as Error).message;
      return;
    }
    const there = new Set(names);
    for (const [name, one] of this.#streams) {
      if (there.has(name)) one.check();
      else {
        one[Symbol.dispose]();
        this.#streams.delete(name);
      }
    }
    for (const name of names) {
      if (this.#streams.has(name)) continue;
      const path = join(this.folder, name + SUFFIX);
      this.#streams.set(name, new Tracked(name, path));
    }
    this.#bridges = Map.groupBy(
      bridgeLines(),
      ({ path }) => path,
    );
  }

  /** The name of a process, and whether it lives. */
  readonly process = (pid: number): ProcessRow => ({
    pid,
    name: this.#names.name(pid) ?? null,
    alive: processExists(pid),
  });

  /**
   * What the table tells of all streams.
   *
   * @param now By `performance.now()`.
   * @param shown Of which streams it must be new; default: all.
   */
  rows(
    now: number = performance.now(),
    shown: (name: string) => boolean = () => true,
  ): TopRow[] {
    if (now - this.#namesAt > NAMES_MS) {
      this.#names.forget();
      this.#namesAt = now;
    }
    const around = {
      shown,
      process: this.process,
      bridges: this.#bridges,
    };
    return this.streams.map((one) => one.row(now, around));
  }

  [Symbol.dispose](): void {
    for (const one of this.#streams.values()) one[Symbol.dispose]();
    this.#streams.clear();
  }
}
