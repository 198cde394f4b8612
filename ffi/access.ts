/**
 * The permission questions. The helper is no way around Deno's permissions:
 * whatever touches a path asks here first, for exactly that path.
 * @module
 */

function ask(name: "read" | "write", path: string): void {
  const { state } = Deno.permissions.querySync({ name, path });
  if (state !== "granted") {
    throw new Deno.errors.NotCapable(
      `Requires ${name} access to "${path}", run again with the ` +
        `--allow-${name} flag`,
    );
  }
}

/**
 * Refuses as Deno would where a path may not be read.
 *
 * @throws {Deno.errors.NotCapable}
 */
export function requireRead(path: string): void {
  ask("read", path);
}

/**
 * Refuses as Deno would where a path may not be written. Waiting on a
 * semaphore counts: it changes the stream's file.
 *
 * @throws {Deno.errors.NotCapable}
 */
export function requireWrite(path: string): void {
  ask("write", path);
}

/** Whether a folder may be read with everything that is in it. */
export function mayReadAll(folder: string): boolean {
  const { state, partial } = Deno.permissions.querySync({
    name: "read",
    path: folder,
  });
  return state === "granted" && !partial;
}

/** Whether a path may be written, without an error. */
export function mayWrite(path: string): boolean {
  return Deno.permissions.querySync({ name: "write", path }).state ===
    "granted";
}

/**
 * Refuses as Deno would where a variable may not be read.
 *
 * @throws {Deno.errors.NotCapable}
 */
export function requireVariable(name: string): void {
  const descriptor = { name: "env", variable: name } as const;
  if (Deno.permissions.querySync(descriptor).state !== "granted") {
    throw new Deno.errors.NotCapable(
      `Requires env access to "${name}", run again with the --allow-env flag`,
    );
  }
}

/** Variables that were looked at, permitted or not. */
export const lookedAt: Set<string> = new Set();

/** Variables that must be permitted where they are looked at. */
const insisted: Set<string> = new Set();

/** From now on {@linkcode variable} refuses where this one is not permitted. */
export function insistOn(name: string): void {
  insisted.add(name);
}

/**
 * Reads a variable that may not be permitted: then it counts as not set, and
 * nobody is asked.
 *
 * @throws {Deno.errors.NotCapable} where somebody insists on it.
 */
export function variable(name: string): string | undefined {
  lookedAt.add(name);
  if (insisted.has(name)) requireVariable(name);
  const descriptor = { name: "env", variable: name } as const;
  return Deno.permissions.querySync(descriptor).state === "granted"
    ? Deno.env.get(name)
    : undefined;
}
