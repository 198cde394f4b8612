/**
 * This process and others of this host: whose they are, since when they run,
 * and how one is ended.
 * @module
 */

import { check } from "./errno.ts";
import { helper } from "./helper.ts";

/**
 * The user whose rights this process has, and whose the files are that it
 * makes.
 */
export function currentUser(): number {
  return helper().shmim_user() >>> 0;
}

/**
 * When a process began, nanoseconds since the machine did: with its pid this
 * tells it from a later one. A process in another pid namespace is nobody.
 *
 * @returns `undefined` where no process of this pid runs.
 */
export function processStartNs(pid: number): bigint | undefined {
  const result = helper().shmim_process_start(pid);
  if (result === -3n) return undefined; // ESRCH
  check(result, "look at a process");
  return BigInt(result);
}

/**
 * From now on no program that is started inherits a descriptor but the three
 * standard ones: one that outlives its caller must not hold the caller's
 * locks and pipes.
 */
export function keepDescriptors(): void {
  check(helper().shmim_keep_descriptors(), "keep the descriptors");
}

/**
 * Ends a process of ours, by SIGTERM; one that has ended, or whose pid another
 * has now, is left alone. Permissions: to run `deno`, as who may start one may
 * end it.
 *
 * @param pid The process.
 * @param startNs When it began.
 */
export function endProcess(pid: number, startNs: bigint): void {
  const may = ["deno", Deno.execPath()].some((command) =>
    Deno.permissions.querySync({ name: "run", command }).state === "granted"
  );
  if (!may) {
    throw new Deno.errors.NotCapable(
      'Requires run access to "deno", run again with the --allow-run flag',
    );
  }
  const result = helper().shmim_process_end(pid, startNs);
  if (result !== -3) check(result, "end a process"); // -ESRCH
}
