/**
 * What a request to load is about.
 * @module
 */

import { dirname, join } from "@std/path";
import type { FitsFile, FitsHduChoice } from "../fits/mod.ts";
import { type StreamPlace, streamPlace } from "../stream/names.ts";
import type { DataType } from "../stream/types.ts";
import type { FileMark } from "./hash.ts";
import { LoadState } from "./state.ts";

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

/** Everything that a request is about, opened and checked. */
export interface Plan {
  /** What was asked for. */
  readonly options: LoadOptions;
  /** What is remembered. */
  readonly state: LoadState;
  /** The stream in memory, prefix included. */
  readonly destination: string;
  /** Its file. */
  readonly path: string;
  /** The FITS file as it was named. */
  readonly fitsName: string;
  /** The FITS file, open. */
  readonly file: FitsFile;
  /** The type that the stream is to have. */
  readonly type: DataType;
  /** HDU, section and options. */
  readonly choice: string;
  /** What the FITS file looked like when it was opened. */
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
