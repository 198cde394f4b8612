/**
 * A FITS file into a stream, where that is called for: AOCCE's Fits2shm.
 * @module
 */

import { dirname, join, resolve } from "@std/path";
import { OpenFile, removeFile, renameFile, statFile } from "../../ffi/files.ts";
import {
  FitsFile,
  type FitsHduChoice,
  parseFitsName,
  toStreamKeywords,
} from "../fits/mod.ts";
import {
  StreamExistsError,
  StreamFormatError,
  StreamNotFoundError,
} from "../stream/format.ts";
import { encodeKeywords, type Keyword } from "../stream/keywords.ts";
import { type StreamPlace, streamPlace } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import type { DataType } from "../stream/types.ts";
import { backUp } from "./backup.ts";
import { requireCast } from "./cast.ts";
import { fillStream, rehearse } from "./fill.ts";
import { pointFitsLink } from "./fits_link.ts";
import {
  type FileMark,
  fileMark,
  hashFile,
  hashStream,
  isSettled,
} from "./hash.ts";
import { type LockedStream, openLocked } from "./lock.ts";
import { acquisitionTime, naturalType } from "./own_file.ts";
import { LoadState, type Remembered } from "./state.ts";

/** What to load, and how. */
export interface LoadOptions {
  /** The FITS file, with CFITSIO's brackets; `undefined`: by `conf/`. */
  fits?: string;
  /** The stream without prefix: a name, or a path. */
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
  /** CHECKSUM and DATASUM must hold, where the file has them. */
  verify?: boolean;
  /** Only say what would be done; nothing is changed or made. */
  dryRun?: boolean;
  /** Ends it, with everything as it was before. */
  signal?: AbortSignal;
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
  /** Where the decision took it, the hash of the FITS file. */
  readonly fitsHash?: string;
}

/** What was loaded. */
interface Loaded {
  readonly stream: Stream;
  readonly cnt0: bigint;
  readonly notes: readonly string[];
  /** Of the pixels that were loaded; "" where another writer came between. */
  readonly pixelHash: string;
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
  readonly mark: FileMark;
}

/** A stream's name with its prefix, and where it is. */
export function loadPlace(options: LoadOptions): StreamPlace {
  const { prefix = "", stream, dir } = options;
  const { name, path } = streamPlace(stream, dir);
  if (prefix === "") return { name, path };
  return streamPlace(join(dirname(path), `${prefix}${name}.im.shm`));
}

/** The state that belongs to a request. */
export function loadState(options: LoadOptions): LoadState {
  const { name } = streamPlace(options.stream, options.dir);
  return new LoadState(name, (options.prefix ?? "") + name);
}

/** HDU, section and options as one text. */
function choiceOf(name: string, type: DataType, options: LoadOptions): string {
  const { path: _, ...brackets } = parseFitsName(name);
  const { hdu, slice, flatten, keywords } = options;
  return JSON.stringify({ ...brackets, hdu, slice, flatten, keywords, type });
}

const OPEN_TRIES = 5;

/** Opens a file that stays the same meanwhile. */
async function openFits(
  name: string,
  options: LoadOptions,
): Promise<{ file: FitsFile; mark: FileMark }> {
  const { path } = parseFitsName(name);
  const { hdu, slice, flatten, verify } = options;
  for (let tries = 1;; tries++) {
    const mark = fileMark(path);
    if (mark.text === "") {
      throw new Deno.errors.NotFound(`No FITS file "${path}"`);
    }
    const file = await FitsFile.open(name, {
      ...hdu === undefined ? {} : { hdu },
      ...slice === undefined ? {} : { slice },
      ...flatten === undefined ? {} : { flatten },
      ...verify === undefined ? {} : { verify },
    });
    if (fileMark(path).text === mark.text) return { file, mark };
    file.close();
    if (tries === OPEN_TRIES) {
      throw new Error(`"${path}" keeps changing: it cannot be read`);
    }
  }
}

/** What is there now under the stream's name, with other loads kept away. */
async function present(
  path: string,
  options: LoadOptions,
): Promise<LockedStream | undefined> {
  if (statFile(path, { follow: false })?.kind === "link") {
    if (options.remove) return undefined;
    throw new StreamExistsError(
      path,
      " as a link: loading would overwrite its source; -r replaces the link",
    );
  }
  try {
    if (!options.dryRun) return await openLocked(path, options.signal);
    const stream = Stream.open(path, { writable: false });
    return { stream, [Symbol.dispose]: () => stream.close() };
  } catch (error) {
    if (error instanceof StreamNotFoundError) return undefined;
    if (!(error instanceof StreamFormatError)) throw error;
    if (options.remove) return undefined;
    throw new Error(`${error.message}; -r replaces it`, { cause: error });
  }
}

/** Axes without trailing ones: 50x1 is 50. */
function bare(size: readonly number[]): string {
  const axes = [...size];
  while (axes.length > 1 && axes.at(-1) === 1) axes.pop();
  return axes.join("x");
}

async function decide(
  plan: Plan,
  stream: Stream | undefined,
): Promise<Decision> {
  const { options, state, file, type, mark } = plan;
  const last = state.remembered();
  let fitsHash: string | undefined;
  let fitsSame = last?.fits === resolve(file.path);
  if (fitsSame && last?.fitsMark !== mark.text) {
    fitsHash = await hashFile(file.path);
    fitsSame = last?.fitsHash === fitsHash;
  }
  const wanted = `${bare(file.image.size)} ${type}`;
  const found = stream && `${bare(stream.size)} ${stream.type}`;
  const decision = (
    result: LoadResult["result"],
    reason: string,
    streamSame: boolean,
  ): Decision => ({
    result,
    reason,
    fitsSame,
    streamSame,
    ...fitsHash === undefined ? {} : { fitsHash },
  });
  if (options.remove) return decision("CREATED", "removed first (-r)", false);
  if (stream === undefined) {
    return decision("CREATED", "there was no stream", false);
  }
  if (wanted !== found) {
    const reason = `the stream was ${found}, the file is ${wanted}`;
    return decision("CREATED", reason, false);
  }
  // Only where it is loaded in any case are the hints good enough.
  const untouched = last?.inode === inodeOf(plan.path) &&
    last.cnt0 === String(stream.cnt0);
  if (options.force) return decision("LOADED", "forced (-f)", untouched);
  if (last === undefined) {
    return decision("LOADED", "not loaded before", false);
  }
  if (last.fits !== resolve(file.path)) {
    return decision("LOADED", `"${last.fits}" was loaded before`, untouched);
  }
  if (!fitsSame) return decision("LOADED", "the FITS file changed", untouched);
  if (last.choice !== plan.choice) {
    const reason = "it was loaded in another way before";
    return decision("LOADED", reason, untouched);
  }
  if (hashStream(stream) !== last.pixelHash) {
    return decision("LOADED", "the stream's content changed", false);
  }
  return decision("KEPT", "neither the file nor the stream changed", true);
}

function inodeOf(path: string): string {
  return String(statFile(path)?.inode);
}

/** The file's keywords, as far as they fit. */
function keywordsOf(
  plan: Plan,
  stream: Stream,
): { keywords: Keyword[] | undefined; notes: string[] } {
  const { file, options } = plan;
  if (options.keywords === false) {
    return { keywords: undefined, notes: [...file.warnings] };
  }
  const strict = options.strict ?? false;
  const { keywordCount, keywordRecord } = stream.layout;
  const mapped = toStreamKeywords(file.image.header, { strict });
  const notes = [...file.warnings, ...mapped.losses];
  const keywords = mapped.keywords.slice(0, keywordCount) as Keyword[];
  const dropped = mapped.keywords.length - keywords.length;
  if (dropped > 0) {
    const note = `${dropped} keywords do not fit into the ${keywordCount} of ` +
      "the stream";
    if (strict) throw new RangeError(note);
    notes.push(note);
  }
  encodeKeywords(keywords, keywordCount, keywordRecord); // or it throws now
  return { keywords, notes };
}

/** The FITS file again, the very one that was looked at. */
function openSource(plan: Plan): OpenFile {
  const { path } = plan.file;
  const source = OpenFile.open(path, { writable: false });
  if (fileMark(path).text === plan.mark.text) return source;
  source.close();
  throw new Error(`"${path}" changed while it was being loaded`);
}

/** Puts the file's frame into a stream that is there. */
async function fill(
  plan: Plan,
  stream: Stream,
  fresh: boolean,
): Promise<Loaded> {
  const { keywords, notes } = keywordsOf(plan, stream);
  // What nobody sees yet may fail halfway.
  const { signal } = plan.options;
  if (!fresh) {
    const { image } = plan.file;
    await rehearse(image, plan.type, signal === undefined ? {} : { signal });
  }
  using source = openSource(plan);
  const restore = fresh ? undefined : backUp(stream);
  const atimeNs = acquisitionTime(plan.file.image.header, stream.clockOffset);
  // Where nothing can be put back, it is better to finish.
  const stop = fresh || restore !== undefined ? signal : undefined;
  const { cnt0 } = await fillStream(stream, plan.file, {
    source,
    ...stop === undefined ? {} : { signal: stop },
    ...atimeNs === undefined ? {} : { atimeNs },
    beforePublish: () => {
      if (keywords !== undefined) stream.setKeywords(keywords);
    },
    ...restore === undefined ? {} : { onFailure: restore },
  });
  const hash = hashStream(stream);
  return {
    stream,
    cnt0,
    notes,
    pixelHash: stream.cnt0 === cnt0 ? hash : "",
  };
}

/** Makes a stream, fills it, and only then gives it its name. */
async function loadAnew(plan: Plan): Promise<Loaded> {
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
    const loaded = await fill(plan, made, true);
    renameFile(temporary, path, { replace: true });
    return { ...loaded, stream: Stream.open(path, { writable: true }) };
  } catch (error) {
    if (statFile(temporary) !== undefined) removeFile(temporary);
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
  const { state, file, mark, options } = plan;
  const { result } = decision;
  using open = new DisposableStack();
  let loaded: Loaded;
  if (stream === undefined || result === "CREATED") {
    loaded = await loadAnew(plan);
    open.use(loaded.stream);
  } else if (result === "LOADED") {
    loaded = await fill(plan, stream, false);
  } else {
    const pixelHash = state.remembered()?.pixelHash ?? "";
    loaded = { stream, cnt0: stream.cnt0, notes: file.warnings, pixelHash };
  }
  const fitsHash = decision.fitsHash ??
    (decision.fitsSame ? state.remembered()?.fitsHash : undefined) ??
    await hashFile(file.path);
  const still = fileMark(file.path).text === mark.text;
  const record: Remembered = {
    version: 1,
    destination: plan.destination,
    fits: resolve(file.path),
    choice: plan.choice,
    fitsMark: still && isSettled(mark) ? mark.text : "",
    fitsHash: still ? fitsHash : "",
    pixelHash: loaded.pixelHash,
    inode: inodeOf(plan.path),
    cnt0: String(loaded.cnt0),
  };
  const afresh = options.remove ?? false;
  const note = pointFitsLink(state.fitsLink, file.path);
  state.write({
    record,
    fitsPath: file.path,
    stream: loaded.stream,
    kept: result === "KEPT",
    created: result === "CREATED",
    fitsSame: decision.fitsSame && !afresh,
    streamSame: decision.streamSame && !afresh,
    afresh,
    ...options.fits === undefined ? {} : { configure: plan.fitsName },
  });
  return {
    cnt0: loaded.cnt0,
    notes: note === undefined ? loaded.notes : [...loaded.notes, note],
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
 * success only. A load that fails leaves state and pixels as they were.
 *
 * @param options What, and how.
 * @returns What was done, and why.
 * @throws {FitsError} where the file is damaged or not what was asked for.
 * @throws {StreamExistsError} where the stream's name is a link.
 */
export async function loadFits(options: LoadOptions): Promise<LoadResult> {
  const { name: destination, path } = loadPlace(options);
  const state = loadState(options);
  using _lock = options.dryRun ? undefined : await state.lock(options.signal);
  const fitsName = fitsNameOf(options, state);
  const { file, mark } = await openFits(fitsName, options);
  using _file = file;
  const type = options.type ?? naturalType(file.image);
  requireCast(file.image.type, type);
  const plan: Plan = {
    options,
    state,
    destination,
    path,
    fitsName,
    file,
    type,
    choice: choiceOf(fitsName, type, options),
    mark,
  };
  using locked = await present(path, options);
  const decision = await decide(plan, locked?.stream);
  const done = options.dryRun
    ? { notes: file.warnings }
    : await carryOut(plan, locked?.stream, decision);
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
