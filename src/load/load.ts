/**
 * A FITS file into a stream, where that is called for: AOCCE's Fits2shm.
 * @module
 */

import { dirname, join, resolve } from "@std/path";
import { OpenFile, removeFile, renameFile, statFile } from "../../ffi/files.ts";
import { decodeTiles } from "../../ffi/tiles.ts";
import {
  FitsError,
  FitsFile,
  parseFitsName,
  toStreamKeywords,
} from "../fits/mod.ts";
import {
  StreamExistsError,
  StreamFormatError,
  StreamNotFoundError,
} from "../stream/format.ts";
import { encodeKeywords, type Keyword } from "../stream/keywords.ts";
import { requireNoLink } from "../stream/reading_link.ts";
import { Stream } from "../stream/stream.ts";
import type { DataType } from "../stream/types.ts";
import { backUp } from "./backup.ts";
import { requireCast } from "./cast.ts";
import { decide, type Decision, inodeOf } from "./decide.ts";
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
import {
  type LoadOptions,
  loadPlace,
  type LoadResult,
  loadState,
  type Plan,
} from "./plan.ts";
import type { LoadState, Remembered } from "./state.ts";

export { type LoadOptions, loadPlace, type LoadResult, loadState };

/** What was loaded. */
interface Loaded {
  readonly stream: Stream;
  readonly cnt0: bigint;
  readonly notes: readonly string[];
  /** Of the pixels that were loaded; "" where another writer came between. */
  readonly pixelHash: string;
}

const DEFAULT_KEYWORDS = 50;

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
      tiles: decodeTiles,
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
  try {
    requireNoLink(path, "loading", "-r replaces the link");
    if (!options.dryRun) return await openLocked(path, options.signal);
    const stream = Stream.open(path, { writable: false });
    return { stream, [Symbol.dispose]: () => stream.close() };
  } catch (error) {
    if (error instanceof StreamNotFoundError) return undefined;
    const damaged = error instanceof StreamFormatError;
    if (options.remove && (damaged || error instanceof StreamExistsError)) {
      return undefined;
    }
    if (!damaged) throw error;
    throw new Error(`${error.message}; -r replaces it`, { cause: error });
  }
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
    : await carryOut(plan, locked?.stream, decision).catch((error) => {
      throw error instanceof FitsError ? error.at({ path: file.path }) : error;
    });
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
