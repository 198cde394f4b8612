/**
 * What the host says of itself: the kernel's small files, file systems, the
 * clock. Deno refuses `/proc` and `/sys` to all but unlimited programs, so
 * this goes through the helper, which asks to read exactly that path.
 * @module
 */

import { requireRead } from "./access.ts";
import { check, isSystemError } from "./errno.ts";
import { cString, helper } from "./helper.ts";
import { listFolder, readLink } from "./files.ts";

const decoder = new TextDecoder();
const FIRST_BYTES = 4096;
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * The text of a small file, which may be one of the kernel's.
 *
 * @param path The file; needs permission to read it.
 * @returns Its text, `undefined` where there is none, or none for us.
 * @throws {SystemError} where it cannot be read for another reason.
 */
export function readText(path: string): string | undefined {
  requireRead(path);
  const name = cString(path);
  for (let capacity = FIRST_BYTES; capacity <= MOST_BYTES; capacity *= 8) {
    const out = new Uint8Array(new ArrayBuffer(capacity));
    try {
      const used = check(
        helper().shmim_file_text(name, out, BigInt(capacity)),
        "read",
        path,
      );
      if (used < capacity) return decoder.decode(out.subarray(0, used));
    } catch (error) {
      // ESRCH: a process that ended meanwhile; EIO, EINVAL: a knob of the
      // kernel that has nothing to say here.
      if (isSystemError(error, ...SILENT)) return undefined;
      throw error;
    }
  }
  return undefined;
}

const SILENT = [
  "ENOENT",
  "ENOTDIR",
  "ESRCH",
  "EACCES",
  "EPERM",
  "EIO",
  "EINVAL",
  "EMEDIUMTYPE",
] as const;

/** The names in a folder; `undefined` where there is none, or none for us. */
export function listNames(path: string): string[] | undefined {
  try {
    return listFolder(path);
  } catch (error) {
    if (isSystemError(error, ...SILENT)) return undefined;
    throw error;
  }
}

/** Where a link leads; `undefined` where there is none, or none for us. */
export function linkText(path: string): string | undefined {
  try {
    return readLink(path);
  } catch (error) {
    if (isSystemError(error, ...SILENT)) return undefined;
    throw error;
  }
}

/** A file system. */
export interface FileSystem {
  /** `tmpfs`, `ramfs`, or another, by its number. */
  readonly type: string;
  /** Bytes in all. */
  readonly bytes: number;
  /** Bytes that we may still fill. */
  readonly freeBytes: number;
  /** Files in all, 0 where it does not count them. */
  readonly files: number;
  /** Files that may still be made. */
  readonly freeFiles: number;
  /** Mounted read-only. */
  readonly readOnly: boolean;
}

/** Numbers of statfs(2). */
const TYPES: Readonly<Record<number, string>> = {
  0x01021994: "tmpfs",
  0x858458f6: "ramfs",
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x794c7630: "overlay",
  0x6969: "nfs",
  0x2fc12fc1: "zfs",
};

/**
 * The file system of a path.
 *
 * @param path A folder or a file; needs permission to read it.
 * @throws {SystemError} `ENOENT`.
 */
export function fileSystem(path: string): FileSystem {
  requireRead(path);
  const words = new BigInt64Array(new ArrayBuffer(48));
  check(
    helper().shmim_file_system(cString(path), words),
    "look at the file system of",
    path,
  );
  const [type = 0n, bytes = 0n, free = 0n, files = 0n, freeFiles, readOnly] =
    words;
  const number = Number(BigInt.asUintN(32, type));
  return {
    type: TYPES[number] ?? `0x${number.toString(16)}`,
    bytes: Number(bytes),
    freeBytes: Number(free),
    files: Number(files),
    freeFiles: Number(freeFiles),
    readOnly: readOnly === 1n,
  };
}

/** The kernel's account of its clock. */
export interface ClockState {
  /** Whether somebody disciplines it (NTP, PTP). */
  readonly synchronised: boolean;
  /** Largest error that it may have, µs. */
  readonly maxErrorUs: number;
  /** Error that is estimated, µs. */
  readonly errorUs: number;
  /** Seconds that TAI is ahead of UTC, 0 = nobody told the kernel. */
  readonly taiOffset: number;
}

/** The kernel's account of its clock. */
export function clockState(): ClockState {
  const words = new BigInt64Array(new ArrayBuffer(32));
  check(helper().shmim_clock_state(words), "ask about the clock");
  return {
    synchronised: words[0] === 1n,
    maxErrorUs: Number(words[1]),
    errorUs: Number(words[2]),
    taiOffset: Number(words[3]),
  };
}

/** What one may do with a path. */
export const MAY = { read: 4, write: 2, search: 1 } as const;

/**
 * Whether the user of this process may do something with a path.
 *
 * @param path The path; needs permission to read it.
 * @param what {@linkcode MAY}, added up.
 */
export function mayUse(path: string, what: number): boolean {
  requireRead(path);
  return helper().shmim_file_access(cString(path), what) === 0;
}

/** Whether a thread may have a real-time priority; nothing stays changed. */
export function mayHavePriority(priority: number): boolean {
  return helper().shmim_schedule_try(BigInt(priority), 0n) === 0;
}

/** The name of this host, as the kernel has it. */
export function hostName(): string {
  const name = new Uint8Array(256);
  check(
    helper().shmim_host_name(name, BigInt(name.length)),
    "ask for the host's name",
  );
  return decoder.decode(name.subarray(0, name.indexOf(0)));
}
