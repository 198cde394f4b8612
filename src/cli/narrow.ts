/**
 * Least privilege for a program that was started with more: what a command
 * needs is held against what is granted, and what is beyond it is left
 * behind, in a Worker that gets the needs and no more.
 * @module
 */

import { basename, resolve } from "@std/path";
import { LIBC_PATHS, processExists } from "../../ffi/libc.ts";
import { helperPath } from "../../ffi/helper.ts";
import { NARROWED, PROGRAM } from "./program.ts";
import { granted, unscoped } from "./surplus.ts";
import type { NarrowCall } from "./serve.ts";
import { allVariables, libraries, type Needs } from "./needs.ts";

type Descriptor = Deno.PermissionDescriptor;

function pathsOf(
  name: "read" | "write",
  paths: readonly string[] = [],
): Descriptor[] {
  return paths.map((path) => ({ name, path }));
}

function described({ name, ...scope }: Descriptor): string {
  const [value = ""] = Object.values(scope);
  return `Requires ${name} access to "${value}", run again with the ` +
    `--allow-${name} flag`;
}

/** A program as it was granted: by its path, or by its name. */
function asGranted(command: string): string {
  const name = basename(command);
  return !granted({ name: "run", command }) &&
      granted({ name: "run", command: name })
    ? name
    : command;
}

/**
 * Refuses before anything has been changed where a permission is missing.
 *
 * @throws {Deno.errors.NotCapable} for the first one.
 */
export function requireNeeds(needs: Needs): void {
  const [whole] = needs.whole ?? [];
  if (whole !== undefined && unscoped() !== "all") {
    throw new Deno.errors.NotCapable(
      `Requires all access to "${whole}", run again with the --allow-all flag`,
    );
  }
  const required = needs.write?.filter((path) => !needs.spare?.includes(path));
  const all: Descriptor[] = [
    ...needs.helper ?? true
      ? [{ name: "ffi", path: helperPath() } as const]
      : [],
    ...allVariables(needs).map((variable) =>
      ({ name: "env", variable }) as const
    ),
    ...pathsOf("read", needs.read),
    ...pathsOf("write", required),
    ...(needs.net ?? []).map((host) => ({ name: "net", host }) as const),
    ...(needs.run ?? []).map(asGranted).map((command) =>
      ({ name: "run", command }) as const
    ),
  ];
  const missing = all.find((descriptor) => !granted(descriptor));
  if (missing !== undefined) {
    throw new Deno.errors.NotCapable(described(missing));
  }
  // Any of the C library's usual places will do. Loading it takes longer than
  // looking; a refusal says it in the words of those who load it.
  if (
    needs.libc && !LIBC_PATHS.some((path) => granted({ name: "ffi", path }))
  ) {
    processExists(Deno.pid);
  }
}

/**
 * Whether a Worker can have the needs and no more: some files Deno opens for
 * a program with all permissions only, and a Worker is loaded by a program
 * that may read its own files only.
 */
export function canNarrow({ whole = [] }: Needs, entry: string): boolean {
  return whole.length === 0 && (Deno.build.standalone ||
    granted({ name: "read", path: new URL(".", entry) }));
}

/** Needs as the permissions of a Worker. */
export function workerPermissions(needs: Needs): Deno.PermissionOptionsObject {
  const some = (values: readonly string[]): string[] | false =>
    values.length === 0 ? false : [...values];
  // What is needed is granted, what is spare perhaps not: asking for it
  // would be refused as a whole.
  const paths = (
    name: "read" | "write" | "ffi",
    values: readonly string[] = [],
  ): string[] | false =>
    some(
      values.map((path) => resolve(path))
        .filter((path) => granted({ name, path })),
    );
  const native = libraries(needs);
  return {
    read: paths("read", [...PROGRAM, ...needs.read ?? []]),
    write: paths("write", needs.write),
    net: some(needs.net ?? []),
    env: some(allVariables(needs)),
    ffi: Deno.build.standalone ? native.length > 0 : paths("ffi", native),
    run: some((needs.run ?? []).map(asGranted)),
    sys: false,
    import: false,
  };
}

/**
 * Runs a command line in a Worker with its needs and no more. Terminal,
 * standard streams, signals and pid are those of the process.
 *
 * @param entry The module that serves it with {@linkcode serveNarrowed}.
 * @param words The command line.
 * @param needs What it needs; the program itself must have that.
 * @returns The exit code.
 */
export function runNarrowed(
  entry: string,
  words: readonly string[],
  needs: Needs,
): Promise<number> {
  const worker = new Worker(entry, {
    type: "module",
    name: NARROWED,
    deno: { permissions: workerPermissions(needs) },
  });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
    worker.onerror = (event: ErrorEvent) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.postMessage({ words } satisfies NarrowCall);
  });
}
