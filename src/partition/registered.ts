/**
 * Which of the kernel's segments partitions have. A program may make one, fill
 * it and end: nobody has it attached then, its creator is dead, and yet the
 * next who asks for its key is to find it.
 * @module
 */

import { dirname } from "@std/path";
import { readText } from "../../ffi/host.ts";
import { isSystemError } from "../../ffi/errno.ts";
import { statFile } from "../../ffi/files.ts";
import { currentUser } from "../../ffi/process.ts";
import { PartitionError } from "./errors.ts";
import { type Entry, readEntries } from "./registry.ts";
import { runFolder } from "./run_folder.ts";

/** Every Unix socket that is bound, with its path. */
export const SOCKET_TABLE = "/proc/net/unix";

/** The socket of a daemon, or of a process that goes on without it. */
const SOCKET = / (\/\S.*\/unit-\d{1,3}(?:-duty-\d{1,2})?\.sock)$/gm;

/** Why a segment stays, for who would remove what nobody has attached. */
export type WhyKept = (
  segment: { readonly shmid: number; readonly creatorPid: number },
) => string | null;

/**
 * The run folders of this host: the usual one, those in which a daemon or a
 * process of one listens, and those that are named. Needs read of
 * {@linkcode SOCKET_TABLE}.
 */
export function runFolders(named: readonly string[]): string[] {
  const listening = (readText(SOCKET_TABLE) ?? "").matchAll(SOCKET);
  return [
    ...new Set([
      runFolder(),
      ...named.map((folder) => runFolder(folder)),
      ...[...listening].map(([, path = ""]) => dirname(path)),
    ]),
  ];
}

/** A folder's segments: none where it is not there, or not ours. */
function entriesOf(folder: string): readonly Entry[] {
  try {
    if (statFile(folder)?.owner !== currentUser()) return [];
  } catch (error) {
    if (isSystemError(error, "EACCES", "ENOTDIR")) return [];
    throw error;
  }
  return readEntries(folder);
}

/**
 * Looks which segments partitions have.
 *
 * @param folders Run folders, see {@linkcode runFolders}.
 * @returns Says of a segment why it stays; `null`: no partition has it. Where
 * a folder's list cannot be read, every segment stays.
 */
export function registered(folders: readonly string[]): WhyKept {
  const reasons = new Map<string, string>();
  let unknown: string | undefined;
  for (const folder of folders) {
    try {
      for (const { shmid, creatorPid, partition, copy } of entriesOf(folder)) {
        reasons.set(
          `${shmid} ${creatorPid}`,
          `partition ${copy?.home ?? partition} of "${folder}" has it: who ` +
            "asks for its key finds it",
        );
      }
    } catch (error) {
      if (
        !(error instanceof PartitionError ||
          error instanceof Deno.errors.NotCapable)
      ) throw error;
      unknown = `it cannot be told what partitions have: ${error.message}`;
    }
  }
  return ({ shmid, creatorPid }) =>
    reasons.get(`${shmid} ${creatorPid}`) ?? unknown ?? null;
}
