/**
 * Small state files: read whole, written under a temporary name and renamed.
 * @module
 */

import { dirname } from "@std/path";

/** Reads a text file; `undefined` where there is none. */
export function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes a text file so that nobody ever sees half of it. */
export function writeText(path: string, text: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${Deno.pid}.tmp`;
  Deno.writeTextFileSync(temporary, text);
  Deno.renameSync(temporary, path);
}

/** Makes a file exist, empty, or not. */
export function mark(path: string, exists: boolean): void {
  if (exists) writeText(path, "");
  else remove(path);
}

/** Removes a file where it is. */
export function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
