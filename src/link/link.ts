/**
 * Stream links: one stream's name points at another stream, as AOCCE's
 * StreamLink does.
 * @module
 */

import { basename, dirname, isAbsolute, join } from "@std/path";
import { isSystemError } from "../../ffi/errno.ts";
import {
  readLink,
  realPath,
  removeFile,
  renameFile,
  statFile,
} from "../../ffi/files.ts";
import { makeLink } from "../../ffi/links.ts";
import { CONF_FOLDER, sizeLine } from "../load/state.ts";
import {
  FileChanges,
  readFirstLine,
  readIfThere,
  removeEmptyFolder,
  requireWritableFolder,
} from "../files/small_file.ts";
import { StreamExistsError, StreamNotFoundError } from "../stream/format.ts";
import {
  isStreamPath,
  namesIn,
  requireName,
  streamFolder,
  type StreamPlace,
  streamPlace,
  SUFFIX,
} from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";

/** What to link. */
export interface LinkOptions {
  /** The stream to point at; `undefined`: by `conf/`. */
  source?: string;
  /** The name that points at it, as it was typed. */
  destination: string;
  /** Goes before the destination's name. */
  prefix?: string;
  /** The loop: `aol<N>_` goes before the destination's name. */
  loop?: number;
  /** The loop where nothing else says which. */
  defaultLoop?: number;
  /** The destination's name as it is, whatever `LOOPNUMBER` says. */
  exact?: boolean;
  /** Folder of streams. */
  dir?: string;
  /** Link to a stream that is not there yet. */
  allowMissing?: boolean;
  /** Replace a real stream of the destination's name. */
  force?: boolean;
}

/** A link. */
export interface StreamLink {
  /** Its name. */
  readonly name: string;
  /** Its file. */
  readonly path: string;
  /** What is written in it. */
  readonly target: string;
  /** Whether it leads to a file. */
  readonly dangling: boolean;
}

/** A link that cannot be made. */
export class StreamLinkError extends Error {
  /** Name of the class. */
  override name = "StreamLinkError";
}

/** Where the loop's number stands. */
export const LOOP_FILE = "LOOPNUMBER";

/** The loop's number by the file in the current folder. */
export function loopNumber(): number | undefined {
  const text = readIfThere(LOOP_FILE)?.trim();
  if (text === undefined) return undefined;
  if (!/^\d{1,4}$/.test(text)) {
    throw new SyntaxError(
      `"${LOOP_FILE}" holds "${text}", not a loop's number`,
    );
  }
  return Number(text);
}

/**
 * The place that a destination has in memory: with the prefix, else with that
 * of the loop, else as it was typed. A path is exact, whatever LOOPNUMBER
 * says.
 */
export function linkPlace(options: LinkOptions): StreamPlace {
  const { destination, dir } = options;
  const named = !isStreamPath(destination) && options.exact !== true;
  const loop = options.loop ??
    (named ? loopNumber() ?? options.defaultLoop : undefined);
  const prefix = options.prefix ?? (loop === undefined ? "" : `aol${loop}_`);
  const { name, path } = streamPlace(destination, dir);
  if (prefix === "") return { name, path };
  const whole = requireName(prefix + name);
  return streamPlace(join(dirname(path), whole + SUFFIX));
}

/** What configuration is called after: the destination without prefix. */
function stemOf(options: LinkOptions): string {
  return streamPlace(options.destination, options.dir).name;
}

/**
 * The source that the configuration names.
 *
 * @throws {Deno.errors.NotFound} where there is none.
 */
export function configuredSource(options: LinkOptions): string {
  const stem = stemOf(options);
  const paths = [
    `${CONF_FOLDER}/streamlink_${stem}.name.txt`,
    `${CONF_FOLDER}/streamlink.${stem}.name.txt`,
  ];
  for (const path of paths) {
    const name = readFirstLine(path);
    if (name !== undefined) return name;
  }
  throw new Deno.errors.NotFound(
    `No source is configured for "${stem}": ${paths[0]} is missing`,
  );
}

/** A path with the links on the way to it resolved, but not its own. */
function exactPlace(path: string): string {
  try {
    return join(realPath(dirname(path)), basename(path));
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ELOOP", "ENOTDIR")) return path;
    if (error instanceof Deno.errors.NotCapable) return path; // as it is spelt
    throw error;
  }
}

/** Follows links; says where a circle would close. */
function requireNoLoop(source: string, link: string): void {
  const seen = new Set<string>();
  for (let path = exactPlace(source);;) {
    if (path === exactPlace(link)) {
      throw new StreamLinkError(
        `Cannot link "${link}" to "${source}": that leads back to it`,
      );
    }
    if (seen.has(path)) {
      throw new StreamLinkError(
        `Cannot link "${link}" to "${source}": its links lead in a circle`,
      );
    }
    seen.add(path);
    if (statFile(path, { follow: false })?.kind !== "link") return;
    const target = readLink(path);
    path = exactPlace(
      isAbsolute(target) ? target : join(dirname(path), target),
    );
  }
}

/** Relative within one folder, so that links survive when it moves. */
function targetFor(source: string, link: string): string {
  return dirname(exactPlace(source)) === dirname(exactPlace(link))
    ? basename(source)
    : source;
}

/** Refuses to replace what is no link. */
function requireReplaceable(path: string, force: boolean): void {
  const there = statFile(path, { follow: false });
  if (there === undefined || there.kind === "link") return;
  if (there.kind !== "file") {
    throw new StreamExistsError(path, " and is not a file");
  }
  if (!force) {
    throw new StreamExistsError(
      path,
      " and is no link; --force replaces the stream",
    );
  }
}

/** Gives a name to a link in one step: nobody finds the name missing. */
function swapLink(target: string, path: string): void {
  const temporary = join(
    dirname(path),
    `.${Deno.pid}.${crypto.randomUUID().slice(0, 8)}.link`,
  );
  makeLink(target, temporary);
  try {
    renameFile(temporary, path, { replace: true });
  } catch (error) {
    removeFile(temporary);
    throw error;
  }
}

/**
 * Points a name at a stream. Readers of the name see the old stream or the
 * new one, never nothing. Writes `conf/streamlink_<dest>.name.txt` and, where
 * the source is there, `.imsize.txt`.
 *
 * @param options What.
 * @returns The link.
 * @throws {StreamNotFoundError} where the source is missing.
 * @throws {StreamExistsError} where a real stream bears the name.
 * @throws {StreamLinkError} where the link would run in a circle.
 */
export function linkStream(options: LinkOptions): StreamLink {
  const { dir } = options;
  const given = options.source ?? configuredSource(options);
  const source = streamPlace(given, dir);
  const { name, path } = linkPlace(options);
  requireNoLoop(source.path, path);
  const dangling = statFile(source.path) === undefined;
  if (dangling && !options.allowMissing) {
    throw new StreamNotFoundError(
      source.path,
      "; --allow-missing links to it all the same",
    );
  }
  requireReplaceable(path, options.force ?? false);
  const size = dangling ? undefined : sizeOf(source.path);
  const target = targetFor(source.path, path);
  const stem = stemOf(options);
  const changes = new FileChanges();
  changes.put(`${CONF_FOLDER}/streamlink_${stem}.name.txt`, `${given}\n`);
  const sizePath = `${CONF_FOLDER}/streamlink_${stem}.imsize.txt`;
  if (size === undefined) changes.drop(sizePath); // that of another source
  else changes.put(sizePath, size);
  const made = requireWritableFolder(CONF_FOLDER);
  try {
    changes.check();
    swapLink(target, path);
    changes.commit();
  } finally {
    if (made) removeEmptyFolder(CONF_FOLDER);
  }
  return { name, path, target, dangling };
}

function sizeOf(path: string): string {
  using stream = Stream.open(path, { writable: false });
  return sizeLine(stream);
}

/** All links of a folder of streams. */
export function listLinks(dir?: string): StreamLink[] {
  const folder = streamFolder(dir);
  return namesIn(folder)
    .map((name) => join(folder, name + SUFFIX))
    .filter((path) => statFile(path, { follow: false })?.kind === "link")
    .map((path) => ({
      name: basename(path, SUFFIX),
      path,
      target: readLink(path),
      dangling: isDangling(path),
    }));
}

function isDangling(path: string): boolean {
  try {
    return statFile(path) === undefined;
  } catch {
    return true; // a circle
  }
}

/**
 * Removes a link, and nothing but a link.
 *
 * @throws {StreamNotFoundError} where there is nothing.
 * @throws {StreamExistsError} where it is a real stream.
 */
export function removeLink(options: LinkOptions): string {
  const { path } = linkPlace(options);
  const there = statFile(path, { follow: false });
  if (there === undefined) throw new StreamNotFoundError(path);
  if (there.kind !== "link") {
    throw new StreamExistsError(
      path,
      " and is no link; `shmim rm` removes streams",
    );
  }
  removeFile(path);
  return path;
}
