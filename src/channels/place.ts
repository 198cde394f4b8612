/**
 * Where the channel table and the state of bridges lie.
 * @module
 */

import { join, resolve } from "@std/path";
import { variable as permittedVariable } from "../../ffi/access.ts";
import { currentUser } from "../../ffi/process.ts";
import { readIfThere } from "../files/small_file.ts";

/** The variable that names the folder for state. */
export const STATE_VARIABLE = "SHMIM_STATE_DIR";

/** Variables that say where. */
export const PLACE_VARIABLES: readonly string[] = [
  "MAGAOX_ROLE",
  "SHMIM_CONFIG",
  STATE_VARIABLE,
  "XDG_CONFIG_HOME",
  "HOME",
];

/** What a variable says; empty counts as not set. */
export function variable(name: string): string | undefined {
  return permittedVariable(name) || undefined;
}

const FILE = "shmim/bridges.toml";

/** Where the table of the whole host lies. */
export const HOST_TABLE: string = join("/etc", FILE);

/** Where a table is looked for, in this order, when none is named. */
export function tablePlaces(): string[] {
  const home = variable("HOME");
  const config = variable("XDG_CONFIG_HOME") ??
    (home === undefined ? undefined : join(home, ".config"));
  return [
    ...config === undefined ? [] : [join(config, FILE)],
    HOST_TABLE,
  ];
}

/** The absolute path that a variable names: also a process elsewhere has it. */
function placeIn(name: string): string | undefined {
  const path = variable(name);
  return path === undefined ? undefined : resolve(path);
}

/** The table that was named, by an option or by `$SHMIM_CONFIG`. */
export function namedTable(option: string | undefined): string | undefined {
  return option ?? placeIn("SHMIM_CONFIG");
}

/** A table's file. */
export interface TableFile {
  /** Where it lies. */
  readonly path: string;
  /** What stands in it. */
  readonly text: string;
}

/**
 * Finds the channel table.
 *
 * @param option What `--config` says.
 * @returns The file, `undefined` where none was named and none is there.
 * @throws {Deno.errors.NotFound} where the one that was named is not there.
 */
export function findTable(option: string | undefined): TableFile | undefined {
  const named = namedTable(option);
  if (named !== undefined) {
    const text = readIfThere(named);
    if (text !== undefined) return { path: named, text };
    throw new Deno.errors.NotFound(
      `There is no channel table "${named}" ` +
        `(${option === undefined ? "$SHMIM_CONFIG" : "--config"})`,
    );
  }
  for (const path of tablePlaces()) {
    // Trying it on a terminal would make Deno ask.
    const { state } = Deno.permissions.querySync({ name: "read", path });
    if (state !== "granted") continue;
    const text = readIfThere(path);
    if (text !== undefined) return { path, text };
  }
  return undefined;
}

/**
 * The folder for state and logs of this user's bridges on this host:
 * `$SHMIM_STATE_DIR`, else `/tmp/shmim-UID`. Not in the home folder, which
 * several hosts may share.
 */
export function stateFolder(): string {
  return placeIn(STATE_VARIABLE) ?? `/tmp/shmim-${currentUser()}`;
}

/**
 * Makes the state folder where it is missing, and refuses one that others
 * could have put there: their links would lead our files elsewhere.
 *
 * @throws {Error} where it is not this user's own, or not private.
 */
export function requireStateFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const found = Deno.lstatSync(path);
  const refuse = (reason: string): never => {
    throw new Error(
      `The state folder "${path}" ${reason}; set SHMIM_STATE_DIR to another`,
    );
  };
  if (!found.isDirectory) refuse("is no folder");
  if (found.uid !== currentUser()) refuse("belongs to somebody else");
  if (((found.mode ?? 0) & 0o077) !== 0) {
    refuse("is open to others (chmod 700)");
  }
}
