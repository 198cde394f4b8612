/**
 * What the dead left behind: claims of semaphores, temporary files, named
 * semaphores without a stream, System V segments. Never a stream.
 * @module
 */

import { basename, join } from "@std/path";
import { isSystemError } from "../../ffi/errno.ts";
import { removeFile, statFile } from "../../ffi/files.ts";
import { listNames, readText } from "../../ffi/host.ts";
import { currentUser } from "../../ffi/process.ts";
import {
  registered,
  runFolders,
  type WhyKept,
} from "../partition/registered.ts";
import { DEFAULT_FOLDERS, SUFFIX } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import { hexKey, type ListedSegment, listSegments } from "../sysv/info.ts";
import { Segment } from "../sysv/segment.ts";
import type { Census, PidFacts } from "./processes.ts";

/** The kinds of leavings. */
export const LEAVINGS = ["claims", "files", "semaphores", "segments"] as const;

/** One of {@linkcode LEAVINGS}. */
export type LeavingKind = typeof LEAVINGS[number];

/** Something that a dead process left. */
export interface Leaving {
  /** What it is. */
  readonly kind: LeavingKind;
  /** Its file; a segment has none. */
  readonly path: string | null;
  /** Who left it; `null` where that is not known. */
  readonly pid: number | null;
  /** Which semaphore of the stream, or which segment. */
  readonly number: number | null;
  /** In words. */
  readonly says: string;
  /** Why it stays; `null`: it can go. */
  readonly kept: string | null;
}

/** Who lives, and what they have open. */
export interface Living {
  /** Who lives. */
  readonly census: Census;
  /** All processes, for what they have mapped. */
  readonly processes: PidFacts["processes"];
}

/** Where to look. */
export interface SearchOptions {
  /** The stream folder. */
  readonly folder: string;
  /** What to look for. */
  readonly kinds: readonly LeavingKind[];
  /**
   * Looks at who lives. Called when everything else has been seen: whoever
   * made a file before and is not there then is dead, not too young.
   */
  readonly look: () => Living;
  /** Run folders of partitions, beside those that are found. */
  readonly runs?: readonly string[];
  /** Where named semaphores lie. Default `/dev/shm`. */
  readonly semaphoreFolder?: string;
}

/** Where glibc keeps named semaphores. */
export const SEMAPHORES = "/dev/shm";

/** NAME.PID.RANDOM.tmp, .PID.RANDOM.link, .PID.RANDOM.load.im.shm */
const TEMPORARY =
  /(?:^|\.)(\d{1,10})\.[0-9a-f]{8}\.(?:tmp|link|load\.im\.shm)$/;
/** sem.BASE_sem00 to sem.BASE_sem99, sem.BASE_semlog */
const NAMED = /^sem\.(.+)_sem(?:\d\d|log)$/;

/**
 * Finds what the dead left.
 *
 * @param options Where to look, and for what.
 */
export function findLeavings(options: SearchOptions): Leaving[] {
  const { kinds, folder } = options;
  const names = listNames(folder) ?? [];
  const left = [
    ...kinds.includes("claims") ? claims(folder, names) : [],
    ...kinds.includes("files") ? files(folder, names) : [],
    ...kinds.includes("segments") ? segments(options.runs) : [],
  ];
  const named = kinds.includes("semaphores") ? namedSemaphores(options) : [];
  const living = options.look();
  const { alive, hidden = null } = living.census;
  const dead = left.filter(({ pids }) => !pids.some((pid) => alive.has(pid)));
  return [
    ...dead.map(({ pids, ...rest }): Leaving => ({
      ...rest,
      pid: pids[0] ?? null,
      kept: rest.kept ?? hidden,
    })),
    ...unused(named, options, living),
  ];
}

/** Something with the processes that it may belong to. */
interface Candidate extends Omit<Leaving, "pid"> {
  readonly pids: readonly number[];
}

function claims(folder: string, names: readonly string[]): Candidate[] {
  const found: Candidate[] = [];
  for (const name of names) {
    const path = join(folder, name);
    if (!name.endsWith(SUFFIX) || name.startsWith(".")) continue;
    // A link's target is cleaned where it lies.
    if (statFile(path, { follow: false })?.kind !== "file") continue;
    let stream: Stream;
    try {
      stream = Stream.open(path, { writable: false });
    } catch {
      continue; // damaged, or not for us: no claim of it is known
    }
    using open = stream;
    open.semaphores().forEach(({ readerPid }, index) => {
      if (readerPid <= 0) return;
      found.push({
        kind: "claims",
        path,
        pids: [readerPid],
        number: index,
        says: `claim of pid ${readerPid} on semaphore ${index} of ${open.name}`,
        kept: null,
      });
    });
  }
  return found;
}

function files(folder: string, names: readonly string[]): Candidate[] {
  return names.flatMap((name): Candidate[] => {
    const pid = Number(TEMPORARY.exec(name)?.[1] ?? 0);
    if (pid === 0) return [];
    const path = join(folder, name);
    const kind = statFile(path, { follow: false })?.kind;
    if (kind !== "file" && kind !== "link") return [];
    return [{
      kind: "files",
      path,
      pids: [pid],
      number: null,
      says: `temporary file ${name} of pid ${pid}`,
      kept: null,
    }];
  });
}

/** What all processes have mapped; `undefined` where not all tell. */
function mapped(processes: PidFacts["processes"]): string[] | undefined {
  const paths = new Set<string>();
  for (const { pid, status } of processes) {
    const maps = readText(`/proc/${pid}/maps`);
    if (maps === undefined) {
      // Ended meanwhile, or a zombie: it has nothing mapped any more.
      if (listNames(`/proc/${pid}`) === undefined) continue;
      if (/^State:\s*[ZX]/m.test(status ?? "")) continue;
      return undefined;
    }
    for (const [, path = ""] of maps.matchAll(/ (\/\S.*)$/gm)) paths.add(path);
  }
  return [...paths].map((path) => path.replace(/ \(deleted\)$/, ""));
}

/** Semaphores of streams, by the names that DAO's library gives them. */
function namedSemaphores({ semaphoreFolder }: SearchOptions): string[] {
  return (listNames(semaphoreFolder ?? SEMAPHORES) ?? [])
    .filter((name) => NAMED.test(name));
}

/** Those that no stream of any known folder has, and no process. */
function unused(
  names: readonly string[],
  { folder, semaphoreFolder: home = SEMAPHORES }: SearchOptions,
  { census, processes }: Living,
): Leaving[] {
  if (names.length === 0) return [];
  const open = mapped(processes);
  const bases = new Set<string>();
  const add = (file: string): void => {
    if (file.endsWith(SUFFIX)) bases.add(file.split(".")[0] ?? file);
  };
  // Ours, the usual folders, and wherever somebody has a stream open.
  for (const one of new Set([folder, ...DEFAULT_FOLDERS, home])) {
    (listNames(one) ?? []).forEach(add);
  }
  for (const path of open ?? []) add(basename(path));
  const used = new Set(open);
  const silent = open === undefined
    ? "not every process tells what it has open: ask as root"
    : null;
  return names.flatMap((name): Leaving[] => {
    const path = join(home, name);
    if (bases.has(NAMED.exec(name)?.[1] ?? "") || used.has(path)) return [];
    return [{
      kind: "semaphores",
      path,
      pid: null,
      number: null,
      says: `semaphore ${name.slice(4)}, which has no stream`,
      kept: census.hidden ?? silent,
    }];
  });
}

/** A segment that nobody has attached, and why it stays all the same. */
export interface LeftSegment extends ListedSegment {
  /** `null`: it can go. */
  readonly kept: string | null;
}

/**
 * Segments of this user that nobody has attached, and whose creator and last
 * user are gone.
 *
 * @param runs Run folders of partitions, beside those that are found: what a
 * partition has stays.
 */
export function leftSegments(runs: readonly string[] = []): LeftSegment[] {
  const user = currentUser();
  const left = listSegments().filter(({ orphan, uid }) =>
    orphan && uid === user
  );
  if (left.length === 0) return [];
  const why: WhyKept = registered(runFolders(runs));
  return left.map((one) => ({ ...one, kept: why(one) }));
}

function segments(runs?: readonly string[]): Candidate[] {
  return leftSegments(runs)
    .map(({ shmid, key, size, creatorPid, lastPid, kept }) => ({
      kind: "segments",
      path: null,
      pids: [creatorPid, lastPid],
      number: shmid,
      says: `segment ${shmid} (${hexKey(key)}, ${size} bytes) of pid ` +
        creatorPid,
      kept,
    }));
}

/**
 * Removes one of them.
 *
 * @returns False where it has gone, or found a new owner, meanwhile.
 * @throws {SystemError} where it may not be removed.
 */
export function removeLeaving(leaving: Leaving): boolean {
  const { kind, path, pid, number } = leaving;
  if (kind === "segments") {
    const still = segments().find((one) => one.number === number);
    if (still !== undefined) Segment.byId(number ?? -1).remove();
    return still !== undefined;
  }
  if (path === null) return false;
  if (kind === "claims") {
    using stream = Stream.open(path, { writable: true });
    return stream.mapping.semaphores.forget(number ?? -1, pid ?? 0);
  }
  try {
    removeFile(path);
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return false;
    throw error;
  }
}
