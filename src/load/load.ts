/**
 * A FITS file into a stream, where that is called for: AOCCE's Fits2shm.
 * @module
 */

import { dirname, join } from "@std/path";
import { removeFile, renameFile, statFile } from "../../ffi/files.ts";
import {
  FitsFile,
  type FitsHduChoice,
  parseFitsName,
  toStreamKeywords,
} from "../fits/mod.ts";
import { StreamExistsError, StreamNotFoundError } from "../stream/format.ts";
import type { Keyword } from "../stream/keywords.ts";
import { streamPlace } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import type { DataType } from "../stream/types.ts";
import { fillStream, rehearse } from "./fill.ts";
import { pointFitsLink } from "./fits_link.ts";
import { hashFile, hashStream } from "./hash.ts";
import { writeText } from "./small_file.ts";
import { fileMark, LoadState, type Remembered } from "./state.ts";

/** What to load, and how. */
export interface LoadOptions {
  /** The FITS file, with CFITSIO's brackets; `undefined`: by `conf/`. */
  fits?: string;
  /** The stream, without prefix. */
  stream: string;
  /** Goes before the stream's name in memory. */
  prefix?: string;
  /** Folder of streams. */
  dir?: string;
  /** Load even where nothing changed. */
  force?: boolean;
  /** First remove the stream and all its state. */
  remove?: boolean;
  /** HDU, where the name does not say. */
  hdu?: FitsHduChoice;
  /** One 2-D slice, counted from 0. */
  slice?: number;
  /** Make all axes beyond the second one. */
  flatten?: boolean;
  /** Data type of the stream, where it is not the file's. */
  type?: DataType;
  /** Take the file's keywords along. Default true. */
  keywords?: boolean;
  /** A keyword that is cut or dropped is an error. */
  strict?: boolean;
  /** Only say what would be done. */
  dryRun?: boolean;
}

/** What was done, and why. */
export interface LoadResult {
  /** What. */
  readonly result: "LOADED" | "CREATED" | "KEPT";
  /** Why. */
  readonly reason: string;
  /** The stream in memory, prefix included. */
  readonly stream: string;
  /** Its file. */
  readonly path: string;
  /** The FITS file. */
  readonly fits: string;
  /** Data type. */
  readonly type: DataType;
  /** Axes, fastest first. */
  readonly size: readonly number[];
  /** The frame's number; `undefined` for a dry run. */
  readonly cnt0?: bigint;
  /** Keywords that were cut or dropped, and what was read around. */
  readonly notes: readonly string[];
}

/** A decision. */
interface Decision {
  readonly result: LoadResult["result"];
  readonly reason: string;
  readonly fitsSame: boolean;
  readonly streamSame: boolean;
}

const DEFAULT_KEYWORDS = 50;

/** Everything that a request is about, opened and checked. */
interface Plan {
  readonly options: LoadOptions;
  readonly state: LoadState;
  readonly destination: string;
  readonly path: string;
  readonly fitsName: string;
  readonly file: FitsFile;
  readonly type: DataType;
  readonly choice: string;
  readonly fitsMark: string;
}

function choiceOf(options: LoadOptions): string {
  const { hdu, slice, flatten, type, keywords } = options;
  return JSON.stringify({ hdu, slice, flatten, type, keywords });
}

async function openFits(name: string, options: LoadOptions): Promise<FitsFile> {
  const { hdu, slice, flatten } = options;
  try {
    return await FitsFile.open(name, {
      ...hdu === undefined ? {} : { hdu },
      ...slice === undefined ? {} : { slice },
      ...flatten === undefined ? {} : { flatten },
    });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Deno.errors.NotFound(`No FITS file "${name}"`, { cause: error });
  }
}

/** What is there now under the stream's name. */
function present(
  path: string,
  options: LoadOptions,
): Stream | "link" | undefined {
  if (statFile(path, { follow: false })?.kind === "link") {
    if (options.remove) return "link";
    throw new StreamExistsError(
      path,
      " as a link: loading would overwrite its source; -r replaces the link",
    );
  }
  try {
    return Stream.open(path, { writable: true });
  } catch (error) {
    if (error instanceof StreamNotFoundError || options.remove) {
      return undefined;
    }
    throw error;
  }
}

async function decide(
  plan: Plan,
  stream: Stream | undefined,
): Promise<Decision> {
  const { options, state, file, type } = plan;
  const last = state.remembered();
  const known = last?.destination === plan.destination ? last : undefined;
  const fitsSame = known !== undefined &&
    known.choice === plan.choice &&
    parseFitsName(known.fits).path === file.path &&
    known.fits === plan.fitsName &&
    (known.fitsMark === plan.fitsMark ||
      known.fitsHash === await hashFile(file.path));
  const streamSame = known !== undefined && stream !== undefined &&
    hashStream(stream) === known.pixelHash;
  const decision = (
    result: LoadResult["result"],
    reason: string,
  ): Decision => ({ result, reason, fitsSame, streamSame });
  if (options.remove) return decision("CREATED", "removed first (-r)");
  if (stream === undefined) return decision("CREATED", "there was no stream");
  const wanted = `${file.image.size.join("x")} ${type}`;
  const found = `${stream.size.join("x")} ${stream.type}`;
  if (wanted !== found) {
    return decision(
      "CREATED",
      `the stream was ${found}, the file is ${wanted}`,
    );
  }
  if (options.force) return decision("LOADED", "forced (-f)");
  if (known === undefined) return decision("LOADED", "not loaded before");
  if (!fitsSame) return decision("LOADED", "the FITS file changed");
  if (!streamSame) return decision("LOADED", "the stream's content changed");
  return decision("KEPT", "neither the file nor the stream changed");
}

/** The file's keywords, as far as they fit. */
function keywordsOf(
  plan: Plan,
  room: number,
): { keywords: Keyword[]; notes: string[] } {
  const { file, options } = plan;
  const strict = options.strict ?? false;
  const mapped = toStreamKeywords(file.image.header, { strict });
  const notes = [...file.warnings, ...mapped.losses];
  const keywords = mapped.keywords.slice(0, room) as Keyword[];
  const dropped = mapped.keywords.length - keywords.length;
  if (dropped > 0) {
    const note =
      `${dropped} keywords do not fit into the ${room} of the stream`;
    if (strict) throw new RangeError(note);
    notes.push(note);
  }
  return { keywords, notes };
}

/** Fills a stream that is there. */
async function loadInPlace(
  plan: Plan,
  stream: Stream,
): Promise<{ cnt0: bigint; notes: string[] }> {
  const wanted = plan.options.keywords ?? true;
  const { keywords, notes } = wanted
    ? keywordsOf(plan, stream.layout.keywordCount)
    : { keywords: [], notes: [...plan.file.warnings] };
  await rehearse(plan.file.image, plan.type);
  const { cnt0 } = await fillStream(stream, plan.file, () => {
    if (wanted) stream.setKeywords(keywords);
  });
  return { cnt0, notes };
}

/** Makes a stream, filled, and only then gives it its name. */
async function loadAnew(
  plan: Plan,
): Promise<{ stream: Stream; cnt0: bigint; notes: string[] }> {
  const { file, path } = plan;
  const temporary = join(
    dirname(path),
    `.${Deno.pid}.${crypto.randomUUID().slice(0, 8)}.load.im.shm`,
  );
  const mapped = toStreamKeywords(file.image.header);
  const made = Stream.create(temporary, {
    size: file.image.size,
    type: plan.type,
    nameInFile: plan.destination,
    keywords: Math.max(DEFAULT_KEYWORDS, mapped.keywords.length),
  });
  try {
    const facts = await loadInPlace(plan, made);
    renameFile(temporary, path, { replace: true });
    return { stream: Stream.open(path, { writable: true }), ...facts };
  } catch (error) {
    removeFile(temporary);
    throw error;
  } finally {
    made.close();
  }
}

/** Loads as decided, and writes the state down. */
async function carryOut(
  plan: Plan,
  stream: Stream | undefined,
  decision: Decision,
): Promise<{ cnt0: bigint; notes: readonly string[] }> {
  const { state, file } = plan;
  const fitsHash = await hashFile(file.path);
  using open = new DisposableStack();
  let done: { stream: Stream; cnt0: bigint; notes: readonly string[] };
  if (decision.result === "KEPT" && stream !== undefined) {
    done = { stream, cnt0: stream.cnt0, notes: file.warnings };
  } else if (decision.result === "LOADED" && stream !== undefined) {
    done = { stream, ...await loadInPlace(plan, stream) };
  } else {
    const anew = await loadAnew(plan);
    open.use(anew.stream);
    done = anew;
  }
  const record: Remembered = {
    version: 1,
    destination: plan.destination,
    fits: plan.fitsName,
    choice: plan.choice,
    fitsMark: plan.fitsMark,
    fitsHash,
    pixelHash: hashStream(done.stream),
  };
  if (plan.options.remove) state.forget();
  if (plan.options.fits !== undefined) {
    writeText(state.configuredPath, `${plan.fitsName}\n`);
  }
  const note = pointFitsLink(state.fitsLink, file.path);
  state.write({
    record,
    fitsPath: file.path,
    stream: done.stream,
    kept: decision.result === "KEPT",
    created: decision.result === "CREATED",
    fitsSame: decision.fitsSame,
    streamSame: decision.streamSame,
  });
  return {
    cnt0: done.cnt0,
    notes: note === undefined ? done.notes : [...done.notes, note],
  };
}

function fitsNameOf(options: LoadOptions, state: LoadState): string {
  if (options.fits !== undefined) return options.fits;
  const configured = state.configuredFits();
  if (configured === undefined) {
    throw new Deno.errors.NotFound(
      `No FITS file is configured for "${options.stream}": ` +
        `${state.configuredPath} is missing`,
    );
  }
  return configured.name;
}

/**
 * Loads a FITS file into a stream, where the file or the stream changed since
 * the last time, the stream is missing, or it is asked for. State is kept in
 * `loadedSM/` and `conf/` of the current folder; it is written after a
 * success only.
 *
 * @param options What, and how.
 * @returns What was done, and why.
 * @throws {FitsError} where the file is damaged or not what was asked for.
 * @throws {StreamExistsError} where the stream's name is a link.
 */
export async function loadFits(options: LoadOptions): Promise<LoadResult> {
  const destination = (options.prefix ?? "") + options.stream;
  const { path } = streamPlace(destination, options.dir);
  const state = new LoadState(options.stream, destination);
  using _lock = options.dryRun ? undefined : await state.lock();
  const fitsName = fitsNameOf(options, state);
  using file = await openFits(fitsName, options);
  const plan: Plan = {
    options,
    state,
    destination,
    path,
    fitsName,
    file,
    type: options.type ?? file.image.type,
    choice: choiceOf(options),
    fitsMark: fileMark(file.path),
  };
  const found = present(path, options);
  using stream = found === "link" ? undefined : found;
  const decision = await decide(plan, stream);
  const done = options.dryRun
    ? { notes: file.warnings }
    : await carryOut(plan, stream, decision);
  return {
    result: decision.result,
    reason: decision.reason,
    stream: destination,
    path,
    fits: fitsName,
    type: plan.type,
    size: file.image.size,
    ...done,
  };
}
