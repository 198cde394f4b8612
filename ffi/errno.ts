/**
 * Errors of system calls: one class, built in one place.
 * @module
 */

/** Linux's numbers of the errors that shmim's calls can give. */
export const ERRNO: Readonly<Record<string, number>> = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ELOOP: 40,
  EIDRM: 43,
  EBADMSG: 74,
  EBADFD: 77,
  EOVERFLOW: 75,
  ENOTCONN: 107,
  ENODATA: 61,
  ETIMEDOUT: 110,
  ECONNRESET: 104,
  EHOSTUNREACH: 113,
  EMEDIUMTYPE: 124,
  EDQUOT: 122,
};

const TEXT: Readonly<Record<string, string>> = {
  EPERM: "operation not permitted",
  ENOENT: "no such file or folder",
  ESRCH: "no such process",
  EIO: "input/output error",
  ENOMEM: "out of memory",
  EACCES: "permission denied",
  EBUSY: "busy",
  EEXIST: "exists already",
  ENOTDIR: "not a folder",
  EISDIR: "is a folder",
  EINVAL: "invalid argument",
  EMFILE: "too many open files or mappings",
  EFBIG: "file too large",
  ENOSPC: "no space left",
  EROFS: "read-only file system",
  EPIPE: "the peer closed the connection",
  ERANGE: "out of range",
  ENAMETOOLONG: "name too long",
  ELOOP: "too many links, or a link where none is allowed",
  EIDRM: "removed meanwhile",
  EBADFD: "the file shrank or lost its memory while mapped",
  ENOTCONN: "not connected",
  ENODATA: "the file ends early",
  ETIMEDOUT: "timed out",
  ECONNRESET: "the peer reset the connection",
  EHOSTUNREACH: "no route to the host",
  EMEDIUMTYPE: "not a regular file",
  EDQUOT: "over quota",
};

const CODE = new Map(
  Object.entries(ERRNO).map(([code, number]) => [number, code]),
);

/**
 * A failed system call.
 *
 * @example The code says what went wrong
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { SystemError } from "@shmim/shmim";
 *
 * const error = new SystemError(2, "open", "/tmp/none");
 * assertEquals(error.code, "ENOENT");
 * ```
 */
export class SystemError extends Error {
  /** Name of the class. */
  override name = "SystemError";
  /** The error number, positive. */
  readonly errno: number;
  /** The symbolic name, such as `ENOENT`. */
  readonly code: string;
  /** What was being done. */
  readonly syscall: string;
  /** The file concerned, where there is one. */
  readonly path: string | undefined;

  /**
   * Makes the error.
   *
   * @param errno The positive error number.
   * @param syscall What was being done.
   * @param path The file concerned.
   */
  constructor(errno: number, syscall: string, path?: string) {
    const code = CODE.get(errno) ?? `E${errno}`;
    const text = TEXT[code] ?? `error ${errno}`;
    super(
      path === undefined
        ? `Cannot ${syscall}: ${text} (${code})`
        : `Cannot ${syscall} "${path}": ${text} (${code})`,
    );
    this.errno = errno;
    this.code = code;
    this.syscall = syscall;
    this.path = path;
  }
}

/** Whether an error is a {@linkcode SystemError}, of one of these codes. */
export function isSystemError(
  error: unknown,
  ...codes: string[]
): error is SystemError {
  return error instanceof SystemError &&
    (codes.length === 0 || codes.includes(error.code));
}

/**
 * Passes a result `>= 0` on and turns `-errno` into an error.
 *
 * @param result What the helper returned.
 * @param syscall What was being done, for the message.
 * @param path The file concerned.
 * @returns The result as a number.
 * @throws {SystemError} where the result is negative.
 */
export function check(
  result: number | bigint,
  syscall: string,
  path?: string,
): number {
  const value = Number(result);
  if (value < 0) throw new SystemError(-value, syscall, path);
  return value;
}
