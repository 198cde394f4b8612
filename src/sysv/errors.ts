/**
 * Failures of System V calls, in words that name the segment.
 * @module
 */

import { isSystemError, SystemError } from "../../ffi/errno.ts";

/** A call on a System V segment failed; `code` is its errno's name. */
export class SegmentError extends SystemError {
  /** Name of the class. */
  override name = "SegmentError";

  /**
   * Makes the error.
   *
   * @param errno The positive error number.
   * @param syscall The call: `shmget`, `shmat`, `shmctl`, `ftok`.
   * @param message One line; the errno's name is added.
   */
  constructor(errno: number, syscall: string, message: string) {
    super(errno, syscall);
    this.message = `${message} (${this.code})`;
  }
}

/** What an errno means, where the call gives it a meaning of its own. */
export type Reasons = Readonly<Record<string, string | (() => string)>>;

const REASONS: Reasons = {
  ENOENT: "there is none",
  EINVAL: "no segment has this id",
  EIDRM: "it was removed",
  EACCES: "its permissions do not let you",
  EPERM: "it belongs to another user",
  ENOMEM: "out of memory",
  ENOSPC: "there are as many segments, or pages of them, as the kernel " +
    'allows; "shmim sysv limits" shows both',
};

/**
 * Runs a call; a failure is told in one line.
 *
 * @param syscall The call.
 * @param what What could not be done, such as `open segment 7`.
 * @param reasons What an errno means here.
 * @throws {SegmentError}
 */
export function explained<T>(
  syscall: string,
  what: string,
  call: () => T,
  reasons: Reasons = {},
): T {
  try {
    return call();
  } catch (error) {
    if (!isSystemError(error) || error instanceof SegmentError) throw error;
    const reason = reasons[error.code] ?? REASONS[error.code] ??
      error.message.replace(/^.*: (.*) \(\w+\)$/, "$1");
    const text = typeof reason === "string" ? reason : reason();
    throw new SegmentError(error.errno, syscall, `Cannot ${what}: ${text}`);
  }
}
