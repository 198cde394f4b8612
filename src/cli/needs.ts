/**
 * Permissions from arguments: each command says what it needs, and from that
 * come the sets in deno.json, the lines that `shmim permissions` prints, and
 * the tests.
 * @module
 */

import { dirname } from "@std/path";
import { HELPER_PATH } from "../../ffi/helper.ts";
import { realPath } from "../../ffi/files.ts";
import { LIBC_PATHS } from "../../ffi/libc.ts";
import { DEFAULT_FOLDERS, streamFolder, streamPlace } from "../stream/names.ts";

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
  /** Programs to start. */
  readonly run?: readonly string[];
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
  /** This program itself, to start it once more. */
  self(): string[];
}

function withTarget(path: string): string[] {
  try {
    const real = realPath(path);
    return real === path ? [path] : [path, real];
  } catch {
    return [path]; // not there, or not to be looked at
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
  self: () => [Deno.execPath()],
};

/** What a command needs on streams in the usual folders. */
export const GENERAL: Scope = {
  stream: () => [...DEFAULT_FOLDERS],
  folder: () => [...DEFAULT_FOLDERS],
  file: () => [],
  host: () => ["*"],
  self: () => ["deno"],
};

/** Variables that the library looks at. */
export const VARIABLES: readonly string[] = ["MILK_SHM_DIR", "SHMIM_HELPER"];

/** Adds needs up. */
export function union(all: readonly Needs[]): Needs {
  const lists = (pick: (needs: Needs) => readonly string[] | undefined) =>
    [...new Set(all.flatMap((needs) => pick(needs) ?? []))].sort();
  return {
    read: lists((needs) => needs.read),
    write: lists((needs) => needs.write),
    net: lists((needs) => needs.net),
    env: lists((needs) => needs.env),
    run: lists((needs) => needs.run),
    helper: all.some((needs) => needs.helper ?? true),
    libc: all.some((needs) => needs.libc),
  };
}

/** The libraries that a command loads. */
export function libraries(needs: Needs, helper = HELPER_PATH): string[] {
  return [
    ...(needs.helper ?? true) ? [helper] : [],
    ...needs.libc ? LIBC_PATHS : [],
  ];
}

function variables({ env = [] }: Needs): string[] {
  return [...VARIABLES, ...env];
}

/** Needs as flags of `deno run`. */
export function flags(needs: Needs): string[] {
  const list = (name: string, values: readonly string[] = []): string[] =>
    values.length === 0 ? [] : [`--allow-${name}=${values.join(",")}`];
  const net = needs.net?.includes("*")
    ? ["--allow-net"]
    : list("net", needs.net);
  return [
    ...list("ffi", libraries(needs)),
    ...list("read", needs.read),
    ...list("write", needs.write),
    ...net,
    ...list("env", variables(needs)),
    ...list("run", needs.run),
  ];
}

/** Needs as a permission set of deno.json. */
export function permissionSet(
  needs: Needs,
): Record<string, boolean | readonly string[]> {
  const set: Record<string, boolean | readonly string[]> = {
    ffi: libraries(needs, "./native/build/libshmim.so"),
    env: variables(needs),
  };
  if (needs.read?.length) set.read = needs.read;
  if (needs.write?.length) set.write = needs.write;
  if (needs.net?.length) set.net = needs.net.includes("*") ? true : needs.net;
  if (needs.run?.length) set.run = needs.run;
  return set;
}
