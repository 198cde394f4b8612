/**
 * Permissions from arguments: each command says what it needs, and from that
 * come the sets in deno.json, the lines that `shmim permissions` prints, and
 * the tests.
 * @module
 */

import { dirname, join, resolve } from "@std/path";
import { insistOn, lookedAt, variable } from "../../ffi/access.ts";
import { helperPath } from "../../ffi/helper.ts";
import { listLinks, realPath } from "../../ffi/files.ts";
import { LIBC_PATHS } from "../../ffi/libc.ts";
import { SEMAPHORE_FOLDER } from "../../ffi/named_semaphores.ts";
import { showEndpoint } from "../bridge/endpoint.ts";
import { type FormatName, formatNamed } from "../stream/formats.ts";
import { semaphoreFiles } from "../stream/semaphore_files.ts";
import {
  DEFAULT_FOLDERS,
  streamFolder,
  streamPlace,
  SUFFIX,
} from "../stream/names.ts";
import type { Command } from "./command.ts";
import { CommandError } from "./errors.ts";
import { PROGRAM } from "./program.ts";

/** What a command needs. */
export interface Needs {
  /** Files and folders to read. */
  readonly read?: readonly string[];
  /** Files and folders to write. */
  readonly write?: readonly string[];
  /** Files of `write` that it does without, with a word about it. */
  readonly spare?: readonly string[];
  /** Files that Deno opens for a program with all permissions only. */
  readonly whole?: readonly string[];
  /** Hosts with ports; `*` is any. */
  readonly net?: readonly string[];
  /** Programs to start. */
  readonly run?: readonly string[];
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
  /** Where a new stream of a format has files beside its own. */
  companions(format: FormatName | undefined): string[];
  /** The folder of a stream, where files are made or listed. */
  folder(name: string | undefined, dir?: string): string[];
  /** What the links of streams in a folder lead to, where that may be read. */
  links(folder: string): string[];
  /** A file of the user's. */
  file(path: string): string[];
  /** A host to connect to, or an address to listen on. */
  host(hostname: string, port: number): string[];
  /** This program itself, to start it once more. */
  self(): string[];
}

/** A path, and what it leads to where that is elsewhere. */
export function withTarget(path: string): string[] {
  try {
    const real = realPath(path);
    return real === path ? [path] : [path, real];
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return [path]; // not there, or a circle of links
  }
}

/** What links of a folder lead to elsewhere. */
function linkTargets(folder: string): string[] {
  try {
    const paths = listLinks(folder)
      .filter((name) => name.endsWith(SUFFIX))
      .flatMap((name) => withTarget(join(folder, name)));
    return readable(paths.filter((path) => dirname(path) !== folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return []; // listing it will say why
  }
}

/** Just what one call needs. */
export const EXACT: Scope = {
  stream: (name, dir) => {
    const { path } = streamPlace(name, dir);
    return [...withTarget(path), ...semaphoreFiles(path)];
  },
  companions: (format) =>
    format !== undefined && formatNamed(format).namedSemaphores
      ? [SEMAPHORE_FOLDER]
      : [],
  folder: (name, dir) => [
    name === undefined
      ? streamFolder(dir)
      : dirname(streamPlace(name, dir).path),
  ],
  links: linkTargets,
  file: (path) => [path],
  host: (hostname, port) => [showEndpoint(hostname, port)],
  self: () => [Deno.execPath()],
};

/** What a command needs on streams in the usual folders. */
export const GENERAL: Scope = {
  stream: () => [...DEFAULT_FOLDERS, SEMAPHORE_FOLDER],
  companions: () => [SEMAPHORE_FOLDER],
  folder: () => [...DEFAULT_FOLDERS],
  links: () => [],
  file: () => [],
  host: () => ["*"],
  self: () => ["deno"],
};

/**
 * Loads a command's modules when it is called: a sixth less to start. Deno asks
 * for the right to read them then, so it is for lines that grant it.
 */
export const LAZY = "--unstable-lazy-dynamic-imports";

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
  const whole: string[] = [];
  const scope: Scope = {
    ...EXACT,
    file(path): string[] {
      if (/^\/(dev|proc|sys)(\/|$)/.test(resolve(path))) whole.push(path);
      return EXACT.file(path);
    },
  };
  // Another folder than the one that was meant must not be used in silence,
  // nor be named in a refusal.
  insistOn("MILK_SHM_DIR");
  await command.prepare?.(options);
  const needs = union([command.needs(options, scope)]);
  // The helper's place is the usual one, unless somebody says otherwise.
  const variables = VARIABLES.filter((name) =>
    name === "SHMIM_HELPER" ? variable(name) !== undefined : lookedAt.has(name)
  );
  return {
    ...needs,
    read: outermost(needs.read),
    write: outermost(needs.write),
    variables,
    whole,
  };
}

/** Without what lies in a folder that is there, too. */
function outermost(paths: readonly string[] = []): string[] {
  return paths.filter((path) =>
    !paths.some((other) => resolve(path).startsWith(`${resolve(other)}/`))
  );
}

/** Those that may be read now. */
export function readable(paths: readonly string[]): string[] {
  return paths.filter((path) =>
    Deno.permissions.querySync({ name: "read", path }).state === "granted"
  );
}

/** Adds needs up. */
export function union(all: readonly Needs[]): Needs {
  const lists = (pick: (needs: Needs) => readonly string[] | undefined) =>
    [...new Set(all.flatMap((needs) => pick(needs) ?? []))].sort();
  return {
    read: lists((needs) => needs.read),
    write: lists((needs) => needs.write),
    spare: lists((needs) => needs.spare),
    net: lists((needs) => needs.net),
    run: lists((needs) => needs.run),
    env: lists((needs) => needs.env),
    ...all.every(({ variables }) => variables !== undefined)
      ? { variables: lists((needs) => needs.variables) }
      : {},
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

/**
 * Needs as flags of `deno run`.
 *
 * @throws {CommandError} where no flag can name what is needed.
 */
export function flags(needs: Needs): string[] {
  const [bad] = needs.whole ?? [];
  if (bad !== undefined) {
    throw new CommandError(
      `Deno opens "${bad}" with all permissions only: no flag grants just ` +
        "that; name a file elsewhere",
    );
  }
  const net = needs.net?.includes("*")
    ? ["--allow-net"]
    : flag("net", needs.net);
  return [
    ...flag("ffi", libraries(needs)),
    ...flag("read", outermost([...PROGRAM, ...needs.read ?? []])),
    ...flag("write", needs.write),
    ...net,
    ...flag("run", needs.run),
    ...flag("env", allVariables(needs)),
  ];
}

/** Needs as a permission set of deno.json. */
export function permissionSet(
  needs: Needs,
): Record<string, boolean | readonly string[]> {
  const set: Record<string, boolean | readonly string[]> = {};
  const ffi = libraries(needs, "./native/build/libshmim.so");
  if (ffi.length > 0) set.ffi = ffi;
  const env = allVariables(needs);
  if (env.length > 0) set.env = env;
  // Where the host is not known beforehand, the call is narrowed to its own: a
  // Worker for that loads the program once more.
  const anyHost = needs.net?.includes("*") ?? false;
  const read = [...needs.read ?? [], ...anyHost ? ["./"] : []];
  if (read.length > 0) set.read = read;
  if (needs.write?.length) set.write = needs.write;
  if (needs.net?.length) set.net = anyHost ? true : needs.net;
  if (needs.run?.length) set.run = needs.run;
  return set;
}
