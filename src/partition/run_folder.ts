/**
 * The folder in which the daemons of one host keep what they share: mode
 * 0700, so that only its owner reaches the sockets and the state in it.
 * @module
 */

import { join, resolve } from "@std/path";
import { standStill } from "../../ffi/clock.ts";
import { currentUser } from "../../ffi/process.ts";
import { PartitionError, StateFileError } from "./errors.ts";

/** The version of every state file in the folder. */
export const STATE_VERSION = 1;

/**
 * The folder: the given one, else `/tmp/shmim-run-UID`.
 *
 * @param run What `--run` says.
 */
export function runFolder(run?: string): string {
  return resolve(run ?? `/tmp/shmim-run-${currentUser()}`);
}

/**
 * Holds the folder against what it must be: a real folder, ours, closed to
 * others. Somebody else may have made it first in a folder that all may write.
 *
 * @throws {PartitionError} where it is something else.
 */
export function requireOwnFolder(path: string): void {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PartitionError(
      `No partition runs here: "${path}" is missing; "shmim ctl startup" ` +
        "starts one",
    );
  }
  if (!info.isDirectory) {
    throw new PartitionError(`"${path}" is no folder`);
  }
  if (info.uid !== currentUser()) {
    throw new PartitionError(
      `"${path}" belongs to user ${info.uid}, not to you: name another by ` +
        "--run",
    );
  }
  if (((info.mode ?? 0) & 0o077) !== 0) {
    const mode = ((info.mode ?? 0) & 0o777).toString(8).padStart(4, "0");
    throw new PartitionError(
      `"${path}" has mode ${mode}, others reach into it: chmod 700`,
    );
  }
}

/** Makes the folder where it is missing. */
export function makeRunFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  requireOwnFolder(path);
}

const PATIENCE_MS = 5000;

/**
 * Has the folder's state to itself for one short change. The lock goes with
 * the process that has it.
 *
 * @throws {PartitionError} where somebody keeps it for seconds.
 */
export function locked<T>(folder: string, change: () => T): T {
  requireOwnFolder(folder);
  const path = join(folder, "lock");
  using file = Deno.openSync(path, { write: true, create: true, mode: 0o600 });
  const end = performance.now() + PATIENCE_MS;
  while (!file.tryLockSync(true)) {
    if (performance.now() > end) {
      throw new PartitionError(
        `"${path}" was held for ${
          PATIENCE_MS / 1000
        } s: a process is stopped ` +
          "in the middle of a change",
      );
    }
    standStill(1);
  }
  return change();
}

/** Replaces a state file in one step, on the disk before it has the name. */
export function putState(path: string, state: object): void {
  const temporary = `${path}.${Deno.pid}.tmp`;
  const text = JSON.stringify({ version: STATE_VERSION, ...state }) + "\n";
  try {
    {
      using file = Deno.openSync(temporary, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) {
        at += file.writeSync(bytes.subarray(at));
      }
      file.syncDataSync();
    }
    Deno.renameSync(temporary, path);
  } catch (error) {
    try {
      Deno.removeSync(temporary);
    } catch {
      // it was not made, or has its name already
    }
    throw error;
  }
}

/**
 * Reads a state file.
 *
 * @param check Holds what was read against what it must be; throws.
 * @returns `undefined` where there is none.
 * @throws {StateFileError} where it is cut short, of another kind, or of a
 * later version.
 */
export function getState<T>(
  path: string,
  check: (state: Record<string, unknown>) => T,
): T | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  let found: unknown;
  try {
    found = JSON.parse(text);
    if (typeof found !== "object" || found === null) throw new TypeError();
  } catch {
    throw new StateFileError(
      `State file "${path}" is cut short or damaged (${text.length} bytes); ` +
        '"shmim ctl startup" sets it aside',
      false,
    );
  }
  const state = found as Record<string, unknown>;
  if (state.version !== STATE_VERSION) {
    throw new StateFileError(
      `State file "${path}" has version ${state.version}, this shmim knows ` +
        `${STATE_VERSION}: it is left alone; use the shmim that wrote it`,
      true,
    );
  }
  try {
    return check(state);
  } catch (error) {
    throw new StateFileError(
      `State file "${path}" is damaged: ${(error as Error).message}; ` +
        '"shmim ctl startup" sets it aside',
      false,
    );
  }
}
