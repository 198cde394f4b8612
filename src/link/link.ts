/**
 * Stream links: one stream's name points at another stream, as AOCCE's
 * StreamLink does.
 * @module
 */

import { basename, dirname, isAbsolute, join, normalize } from "@std/path";
import {
  listFolder,
  makeLink,
  readLink,
  removeFile,
  renameFile,
  statFile,
} from "../../ffi/files.ts";
import { CONF_FOLDER, sizeLine } from "../load/state.ts";
import { readText, writeText } from "../load/small_file.ts";
import { StreamExistsError, StreamNotFoundError } from "../stream/format.ts";
import { streamFolder, streamPlace, SUFFIX } from "../stream/names.ts";
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
const LOOP_FILE = "LOOPNUMBER";

/** The loop's number by the file in the current folder. */
export function loopNumber(): number | undefined {
  const text = readText(LOOP_FILE)?.trim();
  if (text === undefined) return undefined;
  if (!/^\d{1,4}$/.test(text)) {
    throw new SyntaxError(
      `"${LOOP_FILE}" holds "${text}", not a loop's number`,
    );
  }
  return Number(text);
}

/**
 * The name that a destination has in memory: with the prefix, else with that
 * of the loop, else as it was typed.
 */
export function linkName(options: LinkOptions): string {
  if (options.prefix !== undefined) return options.prefix + options.destination;
  const loop = options.loop ?? loopNumber();
  return loop === undefined
    ? options.destination
    : `aol${loop}_${options.destination}`;
}

function configuredSource(destination: string): string {
  const paths = [
    `${CONF_FOLDER}/streamlink_${destination}.name.txt`,
    `${CONF_FOLDER}/streamlink.${destination}.name.txt`,
  ];
  for (const path of paths) {
    const name = readText(path)?.split("\n")[0]?.trim();
    if (name !== undefined && name !== "") return name;
  }
  throw new Deno.errors.NotFound(
    `No source is configured for "${destination}": ${paths[0]} is missing`,
  );
}

/** Follows links; says where a circle would close. */
function requireNoLoop(source: string, link: string): void {
  const seen = new Set<string>();
  for (let path = normalize(source);;) {
    if (path === normalize(link) || seen.has(path)) {
      throw new StreamLinkError(
        `Cannot link "${link}" to "${source}": that leads back to it`,
      );
    }
    seen.add(path);
    if (statFile(path, { follow: false })?.kind !== "link") return;
    const target = readLink(path);
    path = normalize(isAbsolute(target) ? target : join(dirname(path), target));
  }
}

/** Relative within one folder, so that links survive when it moves. */
function targetFor(source: string, link: string): string {
  return dirname(source) === dirname(link) ? basename(source) : source;
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
  const { destination, dir } = options;
  const given = options.source ?? configuredSource(destination);
  const source = streamPlace(given, dir);
  const { name, path } = streamPlace(linkName(options), dir);
  requireNoLoop(source.path, path);
  const dangling = statFile(source.path) === undefined;
  if (dangling && !options.allowMissing) {
    throw new StreamNotFoundError(
      source.path,
      "; --allow-missing links to it all the same",
    );
  }
  const there = statFile(path, { follow: false });
  if (there !== undefined && there.kind !== "link" && !options.force) {
    throw new StreamExistsError(
      path,
      " and is no link; --force replaces the stream",
    );
  }
  if (there?.kind === "folder") {
    throw new StreamExistsError(path, " as a folder");
  }
  const size = dangling ? undefined : sizeOf(source.path);
  const target = targetFor(source.path, path);
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
  writeText(`${CONF_FOLDER}/streamlink_${destination}.name.txt`, `${given}\n`);
  if (size !== undefined) {
    writeText(`${CONF_FOLDER}/streamlink_${destination}.imsize.txt`, size);
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
  return listFolder(folder)
    .filter((file) => file.endsWith(SUFFIX) && !file.startsWith("."))
    .map((file) => join(folder, file))
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
  const { path } = streamPlace(linkName(options), options.dir);
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
