/**
 * Permissions from arguments: each command says what it needs, and from that
 * come the sets in deno.json, the lines that `shmim permissions` prints, and
 * the tests.
 * @module
 */

import { dirname } from "@std/path";
import { helperPath } from "../../ffi/helper.ts";
import { realPath } from "../../ffi/files.ts";
import { LIBC_PATHS } from "../../ffi/libc.ts";
import {
  DEFAULT_FOLDERS,
  isStreamPath,
  streamFolder,
  streamPlace,
} from "../stream/names.ts";
import type { Command } from "./command.ts";
import { CommandError } from "./errors.ts";

/** What a command needs. */
export interface Needs {
  /** Files and folders to read. */
  readonly read?: readonly string[];
  /** Files and folders to write. */
  readonly write?: readonly string[];
  /** Hosts with ports; `*` is any. */
  readonly net?: readonly string[];
  /** Variables of its own, beside {@linkcode VARIABLES}. */
  readonly env?: readonly string[];
  /** Which of {@linkcode VARIABLES} are looked at: all, where left out. */
  readonly variables?: readonly string[];
  /** Whether native code is needed at all. */
  readonly helper?: boolean;
  /** Whether the C library is called directly (is a process alive?). */
  readonly libc?: boolean;
}

/** How arguments become paths and hosts: for one call, or for all. */
export interface Scope {
  /** The file of a stream, and what its links lead to. */
  stream(name: string, dir?: string): string[];
  /** The folder of a stream, where files are made or listed. */
  folder(name: string | undefined, dir?: string): string[];
  /** A file of the user's. */
  file(path: string): string[];
  /** A host to connect to, or an address to listen on. */
  host(hostname: string, port: number): string[];
}

function withTarget(path: string): string[] {
  try {
    const real = realPath(path);
    return real === path ? [path] : [path, real];
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return [path]; // not there, or a circle of links
  }
}

/** Just what one call needs. */
export const EXACT: Scope = {
  stream: (name, dir) => withTarget(streamPlace(name, dir).path),
  folder: (name, dir) => [
    name === undefined
      ? streamFolder(dir)
      : dirname(streamPlace(name, dir).path),
  ],
  file: (path) => [path],
  host: (hostname, port) => [
    `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`,
  ],
};

/** What a command needs on streams in the usual folders. */
export const GENERAL: Scope = {
  stream: () => [...DEFAULT_FOLDERS],
  folder: () => [...DEFAULT_FOLDERS],
  file: () => [],
  host: () => ["*"],
};

/** Variables that the library looks at. */
export const VARIABLES: readonly string[] = ["MILK_SHM_DIR", "SHMIM_HELPER"];

/**
 * What a command needs for these options, here and now: the one answer that
 * printed lines, refusals and narrowed runs share.
 *
 * @throws {Deno.errors.NotCapable} where the paths cannot be found out
 * without a permission: it is one of those needed.
 */
export async function exactNeeds(
  command: Command,
  options: unknown,
): Promise<Needs> {
  const variables = overridden() ? ["SHMIM_HELPER"] : [];
  const look = (name: string | undefined, dir: string | undefined): void => {
    if (dir !== undefined) return;
    if (name !== undefined && isStreamPath(name)) return;
    variables.push("MILK_SHM_DIR");
    Deno.env.get("MILK_SHM_DIR"); // another folder must not be used in silence
  };
  const scope: Scope = {
    ...EXACT,
    stream(name, dir): string[] {
      look(name, dir);
      return EXACT.stream(name, dir);
    },
    folder(name, dir): string[] {
      look(name, dir);
      return EXACT.folder(name, dir);
    },
  };
  await command.prepare?.(options);
  const needs = union([command.needs(options, scope)]);
  return { ...needs, variables: [...new Set(variables)].sort() };
}

/** Those that may be read now. */
export function readable(paths: readonly string[]): string[] {
  return paths.filter((path) =>
    Deno.permissions.querySync({ name: "read", path }).state === "granted"
  );
}

function overridden(): boolean {
  const variable = { name: "env", variable: "SHMIM_HELPER" } as const;
  return Deno.permissions.querySync(variable).state === "granted" &&
    Deno.env.get("SHMIM_HELPER") !== undefined;
}

/** Adds needs up. */
export function union(all: readonly Needs[]): Needs {
  const lists = (pick: (needs: Needs) => readonly string[] | undefined) =>
    [...new Set(all.flatMap((needs) => pick(needs) ?? []))].sort();
  return {
    read: lists((needs) => needs.read),
    write: lists((needs) => needs.write),
    net: lists((needs) => needs.net),
    env: lists((needs) => needs.env),
    helper: all.some((needs) => needs.helper ?? true),
    libc: all.some((needs) => needs.libc),
  };
}

/** The libraries that a command loads. */
export function libraries(needs: Needs, helper = helperPath()): string[] {
  return [
    ...(needs.helper ?? true) ? [helper] : [],
    ...needs.libc ? LIBC_PATHS : [],
  ];
}

/** Every variable that is looked at. */
export function allVariables({ env = [], variables }: Needs): string[] {
  return [...variables ?? VARIABLES, ...env];
}

/** One flag; its values are split at commas, and nothing protects one. */
function flag(name: string, values: readonly string[] = []): string[] {
  const bad = values.find((value) => value.includes(","));
  if (bad !== undefined) {
    throw new CommandError(
      `Deno's flags cannot name "${bad}", which holds a comma`,
    );
  }
  return values.length === 0 ? [] : [`--allow-${name}=${values.join(",")}`];
}

/** Needs as flags of `deno run`. */
export function flags(needs: Needs): string[] {
  const net = needs.net?.includes("*")
    ? ["--allow-net"]
    : flag("net", needs.net);
  return [
    ...flag("ffi", libraries(needs)),
    ...flag("read", needs.read),
    ...flag("write", needs.write),
    ...net,
    ...flag("env", allVariables(needs)),
  ];
}

/** Needs as a permission set of deno.json. */
export function permissionSet(
  needs: Needs,
): Record<string, boolean | readonly string[]> {
  const set: Record<string, boolean | readonly string[]> = {
    ffi: libraries(needs, "./native/build/libshmim.so"),
    env: allVariables(needs),
  };
  if (needs.read?.length) set.read = needs.read;
  if (needs.write?.length) set.write = needs.write;
  if (needs.net?.length) set.net = needs.net.includes("*") ? true : needs.net;
  return set;
}
