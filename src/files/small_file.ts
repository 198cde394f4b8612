/**
 * Small state files: read whole, written all together or not at all.
 * @module
 */

import { dirname, join } from "@std/path";
import { temporaryName } from "./whole_file.ts";

/** Reads a text file; `undefined` where there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return undefined;
    throw error;
  }
}

/** The first line of a text file; `undefined` where it says nothing. */
export function readFirstLine(path: string): string | undefined {
  return readIfThere(path)?.split("\n")[0]?.trim() || undefined;
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.lstatSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function makeFolder(folder: string): boolean {
  try {
    Deno.mkdirSync(folder);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

/**
 * Makes sure that files can be written in a folder, and makes it where it is
 * missing.
 *
 * @returns Whether it was made.
 * @throws {Error} where nothing can be written there.
 */
export function requireWritableFolder(folder: string): boolean {
  const made = makeFolder(folder);
  const probe = temporaryName(join(folder, ".probe"));
  try {
    Deno.writeTextFileSync(probe, "", { createNew: true });
    Deno.removeSync(probe);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    // Another process removed it just now, because it was empty.
    if (cause instanceof Deno.errors.NotFound && makeFolder(folder)) {
      return true;
    }
    throw new Error(
      `Cannot write in the folder "${folder}": ${(cause as Error).message}`,
      { cause },
    );
  }
  return made;
}

/** Removes a folder if there is nothing in it. */
export function removeEmptyFolder(folder: string): void {
  try {
    Deno.removeSync(folder);
  } catch {
    // Somebody else has put something there: it stays.
  }
}

/**
 * Changes of several small files: everything is prepared under temporary
 * names, then renamed and removed in the order in which it was asked for. A
 * reader never sees half a file; a full disk changes none of them.
 */
export class FileChanges {
  readonly #steps: { path: string; text?: string }[] = [];

  /** Gives a file this content. */
  put(path: string, text: string): void {
    this.#steps.push({ path, text });
  }

  /** Removes a file where it is. */
  drop(path: string): void {
    this.#steps.push({ path });
  }

  /** Makes a file exist, empty, or not. */
  mark(path: string, exists: boolean): void {
    if (exists) this.put(path, "");
    else this.drop(path);
  }

  /**
   * Fails where a folder has the name of a file.
   *
   * @throws {Error} naming it.
   */
  check(): void {
    for (const { path } of this.#steps) {
      if (isFolder(path)) throw new Error(`"${path}" is a folder`);
    }
  }

  /** Carries everything out. */
  commit(): void {
    this.check();
    const steps: { path: string; temporary?: string }[] = [];
    try {
      for (const { path, text } of this.#steps) {
        if (text === undefined) {
          steps.push({ path });
          continue;
        }
        Deno.mkdirSync(dirname(path), { recursive: true });
        const temporary = temporaryName(path);
        steps.push({ path, temporary });
        Deno.writeTextFileSync(temporary, text, { createNew: true });
      }
    } catch (error) {
      for (const { temporary } of steps) {
        if (temporary !== undefined) removeIfThere(temporary);
      }
      throw error;
    }
    for (const { path, temporary } of steps) {
      if (temporary === undefined) removeIfThere(path);
      else Deno.renameSync(temporary, path);
    }
  }
}
