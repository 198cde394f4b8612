/**
 * Names of streams and where their files lie.
 * @module
 */

import { variable } from "../../ffi/access.ts";
import { listFolder, statFile } from "../../ffi/files.ts";
import { resolve } from "../../std/path/resolve.ts";
import { isType } from "./types.ts";

/** Ending of every stream file. */
export const SUFFIX = ".im.shm";

/** Longest name that the file's own name field holds. */
export const MAX_NAME_BYTES = 79;
/** Longest path that the original library opens. */
export const MAX_PATH_BYTES = 199;

/** Folders that are looked at in this order, after `$MILK_SHM_DIR`. */
export const DEFAULT_FOLDERS: readonly string[] = ["/milk/shm", "/tmp"];

const encoder = new TextEncoder();

/** Whether a text has more bytes; encoding it is the slow way to know. */
function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && encoder.encode(text).length > bytes;
}

// deno-lint-ignore no-control-regex
const BAD = /[\x00-\x1f\x7f-\x9f\ufffd]/g;

/**
 * Checks a stream's bare name, wherever it comes from.
 *
 * @param name The name without folder and suffix.
 * @returns The same name.
 * @throws {SyntaxError} where it is empty, too long, leads out of the folder
 * or holds a character that does not belong into a name.
 */
export function requireName(name: string): string {
  const refuse = (reason: string): never => {
    const shown = name.toWellFormed().replaceAll(BAD, "?");
    throw new SyntaxError(`Not a stream name: "${shown}" ${reason}`);
  };
  if (name === "") refuse("is empty");
  if (!name.isWellFormed() || name.search(BAD) >= 0) {
    refuse("holds a control character or broken text");
  }
  if (name.includes("/")) refuse('holds a "/"');
  if (name === "." || name.includes("..")) refuse("leads out of the folder");
  if (isLonger(name, MAX_NAME_BYTES)) {
    refuse(`is longer than ${MAX_NAME_BYTES} bytes`);
  }
  return name;
}

/** `undefined` where looking is not permitted: the file itself may be. */
function isFolder(path: string): boolean | undefined {
  try {
    return statFile(path)?.kind === "folder";
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/**
 * The folder of streams: the given one, else `$MILK_SHM_DIR`, else
 * `/milk/shm` where that exists, else `/tmp`.
 *
 * @param dir What `--dir` says.
 * @returns Its absolute path.
 * @throws {Deno.errors.NotFound} where a folder was named that is none.
 */
export function streamFolder(dir?: string): string {
  const named = dir ?? (variable("MILK_SHM_DIR") || undefined);
  if (named !== undefined) {
    if (isFolder(named) === false) {
      throw new Deno.errors.NotFound(
        `${dir === undefined ? "MILK_SHM_DIR is" : "--dir is"} "${named}", ` +
          "which is not a folder",
      );
    }
    return resolve(named);
  }
  const [first, last] = DEFAULT_FOLDERS as [string, string];
  return isFolder(first) ? first : last;
}

/** The names of a folder's streams, sorted; hidden files are none. */
export function namesIn(folder: string): string[] {
  return listFolder(folder)
    .filter((file) => file.endsWith(SUFFIX) && !file.startsWith("."))
    .map((file) => file.slice(0, -SUFFIX.length));
}

/** Whether a stream argument is a path rather than a name. */
export function isStreamPath(argument: string): boolean {
  return argument.includes("/") || argument.endsWith(SUFFIX);
}

/** A stream's bare name and its file. */
export interface StreamPlace {
  /** Name without folder and suffix. */
  readonly name: string;
  /** The file, absolute. */
  readonly path: string;
}

/**
 * The bare name of a stream argument: a name, or a path that ends in one.
 * Looks at nothing else.
 *
 * @throws {SyntaxError} where it is no stream name.
 */
export function nameIn(argument: string): string {
  if (!isStreamPath(argument)) return requireName(argument);
  // Of what was typed: resolved, "night/" and "night/x/.." are names, too.
  const last = argument.slice(argument.lastIndexOf("/") + 1);
  const name = last.endsWith(SUFFIX) ? last.slice(0, -SUFFIX.length) : last;
  if (name !== "") return requireName(name);
  const shown = argument.toWellFormed().replaceAll(BAD, "?");
  throw new SyntaxError(`Not a stream: "${shown}" ends without a name`);
}

/**
 * Finds the file of a stream argument: a name, or a path where it holds a
 * `/` or ends in `.im.shm`.
 *
 * @param argument What was typed.
 * @param dir What `--dir` says; only names look there.
 * @throws {SyntaxError} where it is no stream name.
 */
export function streamPlace(argument: string, dir?: string): StreamPlace {
  if (!isStreamPath(argument)) {
    return placeIn(streamFolder(dir), argument);
  }
  const name = nameIn(argument);
  const path = resolve(argument);
  return place(name, path.endsWith(SUFFIX) ? path : path + SUFFIX);
}

/**
 * The file of a stream in a folder.
 *
 * @param folder Its path, absolute and without `..`.
 * @throws {SyntaxError} where it is no stream name.
 */
export function placeIn(folder: string, name: string): StreamPlace {
  const slash = folder.endsWith("/") ? "" : "/";
  return place(requireName(name), `${folder}${slash}${name}${SUFFIX}`);
}

function place(name: string, path: string): StreamPlace {
  if (isLonger(path, MAX_PATH_BYTES)) {
    throw new SyntaxError(
      `Path "${path}" is longer than the ${MAX_PATH_BYTES} bytes that other ` +
        "programs of these streams can open",
    );
  }
  return { name, path };
}

/** A name in milk's spelling, such as `s>tf32>dm01disp06`. */
export interface MilkName {
  /** The bare name: the last token. */
  readonly name: string;
  /** The data type, where a token names one. */
  readonly type: string | undefined;
}

/**
 * Takes milk's spelling of a name apart: tokens separated by `>`, `s` for
 * shared, `t…` for the type, unknown ones ignored, the last one the name.
 */
export function parseMilkName(text: string): MilkName {
  const tokens = text.split(">");
  const name = tokens.pop() ?? "";
  return {
    name,
    type: tokens.find((token) => token.startsWith("t") && isType(token)),
  };
}
