/**
 * Files of a stream folder. Everything goes through the helper, because
 * Deno's own calls refuse `/dev/shm`; everything asks for permission first.
 * @module
 */

import { requireRead, requireWrite } from "./access.ts";
import { check, isSystemError } from "./errno.ts";
import { cString, helper } from "./helper.ts";

/** What the kernel knows of a file. */
export interface FileInfo {
  /** Device number. */
  readonly device: bigint;
  /** Inode number. */
  readonly inode: bigint;
  /** Bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** What it is. */
  readonly kind: "file" | "folder" | "link" | "other";
  /** Last modification, nanoseconds since 1970 UTC. */
  readonly modifiedNs: bigint;
  /** User id of the owner. */
  readonly owner: number;
}

const KINDS: Readonly<Record<number, FileInfo["kind"]>> = {
  0o100000: "file",
  0o040000: "folder",
  0o120000: "link",
};

function toInfo(words: BigInt64Array): FileInfo {
  const [device = 0n, inode = 0n, size = 0n, mode = 0n, s = 0n, ns = 0n, uid] =
    words;
  return {
    device,
    inode,
    size: Number(size),
    mode: Number(mode) & 0o7777,
    kind: KINDS[Number(mode) & 0o170000] ?? "other",
    modifiedNs: s * 1_000_000_000n + ns,
    owner: Number(uid),
  };
}

/**
 * Looks at a file.
 *
 * @param path The file.
 * @param options `follow: false` looks at a link itself.
 * @returns What it is, `undefined` where there is nothing.
 * @throws {SystemError} where it cannot be looked at.
 */
export function statFile(
  path: string,
  options: { follow?: boolean } = {},
): FileInfo | undefined {
  requireRead(path);
  const words = new BigInt64Array(8);
  const follow = options.follow ?? true ? 1 : 0;
  const result = helper().shmim_file_stat(cString(path), follow, words);
  if (result === -2) return undefined; // ENOENT
  check(result, "look at", path);
  return toInfo(words);
}

const decoder = new TextDecoder();
const PATH_BYTES = 4096;

function pathFrom(
  call: (out: Uint8Array<ArrayBuffer>) => number,
  what: string,
  path: string,
): string {
  const out = new Uint8Array(PATH_BYTES);
  const length = check(call(out), what, path);
  return decoder.decode(out.subarray(0, length));
}

/** The target of a symbolic link, as it is written there. */
export function readLink(path: string): string {
  requireRead(path);
  return pathFrom(
    (out) =>
      helper().shmim_file_readlink(cString(path), out, BigInt(PATH_BYTES)),
    "read the link",
    path,
  );
}

/**
 * A path with every link resolved. The file must exist.
 *
 * @throws {SystemError} where it does not (`ENOENT`: also a dangling link).
 */
export function realPath(path: string): string {
  requireRead(path);
  return resolved(path);
}

/** {@linkcode realPath} of what may be read. */
function resolved(path: string): string {
  return pathFrom(
    (out) =>
      helper().shmim_file_realpath(cString(path), out, BigInt(PATH_BYTES)),
    "resolve",
    path,
  );
}

/** The names in a folder, sorted. */
export function listFolder(path: string): string[] {
  return listed(path, "shmim_dir_list");
}

/** Those of a folder's names that are links, or on some file systems may be. */
export function listLinks(path: string): string[] {
  return listed(path, "shmim_dir_links");
}

function listed(
  path: string,
  call: "shmim_dir_list" | "shmim_dir_links",
): string[] {
  requireRead(path);
  let capacity = 65536;
  for (;;) {
    const out = new Uint8Array(capacity);
    const used = check(
      helper()[call](cString(path), out, BigInt(capacity)),
      "list",
      path,
    );
    if (used <= capacity) {
      return decoder.decode(out.subarray(0, used)).split("\0").slice(0, -1)
        .sort();
    }
    capacity = used * 2;
  }
}

/**
 * Gives a file another name; `replace: false` refuses an existing one. As
 * Deno does, it asks to read what is renamed, too: under its new name it may
 * be readable.
 */
export function renameFile(
  from: string,
  to: string,
  options: { replace?: boolean } = {},
): void {
  requireRead(from);
  requireWrite(from);
  requireWrite(to);
  check(
    helper().shmim_file_rename(
      cString(from),
      cString(to),
      options.replace ? 1 : 0,
    ),
    "rename to",
    to,
  );
}

/** Removes a file or a link (never what it points to). */
export function removeFile(path: string): void {
  requireWrite(path);
  check(helper().shmim_file_unlink(cString(path)), "remove", path);
}

/**
 * A descriptor that is open for as long as its owner needs it. It stays
 * inside `ffi/`.
 */
export class OpenFile {
  #fd: number;
  /** The path with every link resolved. */
  readonly path: string;

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    this.path = path;
  }

  /**
   * Opens a regular file.
   *
   * @param path The file, or a link to it: then the permission must hold for
   * the target, too.
   * @param options `writable` opens it for reading and writing.
   * @throws {SystemError} `ENOENT`, `EACCES`, `EMEDIUMTYPE` where it is no
   * regular file.
   */
  static open(path: string, options: { writable: boolean }): OpenFile {
    requireRead(path);
    if (options.writable) requireWrite(path);
    const real = resolved(path);
    if (real !== path) { // a question costs as much as a system call
      requireRead(real);
      if (options.writable) requireWrite(real);
    }
    const fd = check(
      helper().shmim_file_open(cString(real), options.writable ? 1 : 0),
      "open",
      path,
    );
    const file = new OpenFile(fd, real);
    try {
      // Whoever swaps a folder for a link between the two calls gains nothing.
      const opened = file.#pathNow();
      if (opened !== real) requireRead(opened);
      if (opened !== real && options.writable) requireWrite(opened);
    } catch (error) {
      file.close();
      throw error;
    }
    return file;
  }

  /**
   * Makes a new file of zeros; on failure nothing is left of it.
   *
   * @throws {SystemError} `EEXIST`, `ENOSPC`, `EACCES`.
   */
  static create(
    path: string,
    options: { mode: number; bytes: number },
  ): OpenFile {
    requireWrite(path);
    const fd = check(
      helper().shmim_file_create(
        cString(path),
        options.mode,
        BigInt(options.bytes),
      ),
      "create",
      path,
    );
    return new OpenFile(fd, path);
  }

  #pathNow(): string {
    try {
      return pathFrom(
        (out) => helper().shmim_fd_path(this.#fd, out, BigInt(PATH_BYTES)),
        "resolve",
        this.path,
      );
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return this.path; // no /proc here
      throw error;
    }
  }

  /** What the kernel knows of the open file. */
  stat(): FileInfo {
    const words = new BigInt64Array(8);
    check(helper().shmim_fd_stat(this.#fd, words), "look at", this.path);
    return toInfo(words);
  }

  /**
   * Locks the file against others that lock it, until it is closed.
   *
   * @returns False where somebody else has it.
   */
  lock(): boolean {
    const result = helper().shmim_fd_lock(this.#fd);
    if (result === -11) return false; // EAGAIN
    check(result, "lock", this.path);
    return true;
  }

  /** Hands the descriptor to a call of the helper, inside `ffi/` only. */
  use<T>(call: (fd: number) => T): T {
    return call(this.#fd);
  }

  /** Closes the descriptor; a second call does nothing. */
  close(): void {
    if (this.#fd < 0) return;
    helper().shmim_fd_close(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
