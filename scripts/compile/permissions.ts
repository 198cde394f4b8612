/**
 * The permissions that are baked into a program: all for the whole tool, which
 * narrows itself, or those of one command.
 * @module
 */

import { dirname } from "@std/path";
import config from "../../deno.json" with { type: "json" };

const HELPER = "./native/build/libshmim.so";
const PROGRAM = "./";

/** What the maker of a program adds to a command's set. */
export interface Extra {
  /** More paths to read. */
  readonly read?: readonly string[];
  /** More paths to write. */
  readonly write?: readonly string[];
  /** The only hosts that may be reached, instead of any. */
  readonly net?: readonly string[];
}

type PermissionSet = Readonly<Record<string, boolean | readonly string[]>>;

/** Commas part the paths of a list, and Deno has no way to escape one. */
function list(values: readonly string[]): string {
  const parted = values.find((value) => value.includes(","));
  if (parted !== undefined) {
    throw new RangeError(
      `A permission cannot name "${parted}": it has a comma`,
    );
  }
  return values.join(",");
}

/**
 * The flags of `deno run` or `deno compile`.
 *
 * @param command The one command; default: the whole tool.
 * @param helper The helper's path where the program runs; `undefined` where it
 * is not known before, as in what `deno compile` makes.
 * @throws {RangeError} where there is no such command.
 */
export function permissionFlags(
  command: string | undefined,
  helper: string | undefined,
  extra: Extra = {},
): string[] {
  if (command === undefined) return ["--allow-all"];
  const sets = config.permissions as Record<string, PermissionSet>;
  const set = sets[command];
  if (set === undefined) {
    throw new RangeError(`There is no permission set for "${command}"`);
  }
  const where: Record<string, string | undefined> = {
    [HELPER]: helper ?? HELPER,
    // Modules are found in the program itself where it is compiled.
    [PROGRAM]: helper === undefined ? undefined : dirname(helper),
  };
  const flags: string[] = [];
  for (const [name, value] of Object.entries(set)) {
    if (name === "net" && extra.net !== undefined) continue;
    if (value === true || (name === "ffi" && helper === undefined)) {
      flags.push(`--allow-${name}`);
    } else if (Array.isArray(value)) {
      const own = name === "read" || name === "write" ? extra[name] ?? [] : [];
      const paths = value.map((path: string) =>
        path === HELPER || path === PROGRAM ? where[path] : path
      ).filter((path) => path !== undefined);
      const all = [...paths, ...own];
      if (all.length > 0) flags.push(`--allow-${name}=${list(all)}`);
    }
  }
  for (const name of ["read", "write"] as const) {
    if (set[name] === undefined && extra[name] !== undefined) {
      flags.push(`--allow-${name}=${list(extra[name])}`);
    }
  }
  if (extra.net !== undefined) flags.push(`--allow-net=${extra.net.join(",")}`);
  return flags;
}

/** What of Deno is unstable and used in what it compiles, as flags. */
export function unstableFlags(): string[] {
  const { unstable = [] } = config as { unstable?: readonly string[] };
  return unstable.map((name) => `--unstable-${name}`);
}
