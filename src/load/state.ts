/**
 * What `load` remembers, in the current folder: the files of AOCCE's
 * Fits2shm by their historical names, and one of our own that decides.
 * @module
 */

import { statFile } from "../../ffi/files.ts";
import type { Stream } from "../stream/stream.ts";
import { mark, readText, remove, writeText } from "./small_file.ts";

/** Folder of the state. */
export const STATE_FOLDER = "loadedSM";
/** Folder of the configuration. */
export const CONF_FOLDER = "conf";

/** What was loaded last. */
export interface Remembered {
  /** Form of this record. */
  readonly version: 1;
  /** The stream in memory, prefix included. */
  readonly destination: string;
  /** The FITS file as it was named, with HDU and section. */
  readonly fits: string;
  /** What was chosen by options. */
  readonly choice: string;
  /** Size, time and inode of the FITS file: equal means unchanged. */
  readonly fitsMark: string;
  /** SHA-256 of the FITS file. */
  readonly fitsHash: string;
  /** SHA-256 of the pixels in the stream after the load. */
  readonly pixelHash: string;
}

/** The state of one stream. */
export class LoadState {
  /** Stem of the file names. */
  readonly stem: string;
  readonly #stream: string;

  /**
   * @param stream The stream without prefix, as it was typed.
   * @param destination The stream in memory, prefix included.
   */
  constructor(stream: string, destination: string) {
    this.#stream = stream;
    const owner = readRecord(`${STATE_FOLDER}/${stream}.state.json`);
    const clash = owner !== undefined && owner.destination !== destination;
    this.stem = clash ? destination : stream;
  }

  #path(ending: string): string {
    return `${STATE_FOLDER}/${this.stem}.${ending}`;
  }

  /** What was loaded last, if that is known. */
  remembered(): Remembered | undefined {
    return readRecord(this.#path("state.json"));
  }

  /** The FITS file's name by the configuration, in any of its three forms. */
  configuredFits(): { name: string; from: string } | undefined {
    for (const stem of new Set([this.stem, this.#stream])) {
      for (
        const from of [
          `${CONF_FOLDER}/shmim_${stem}.name.txt`,
          `${CONF_FOLDER}/shmim.${stem}.name.txt`,
          `${CONF_FOLDER}/shmim_${stem}_name.txt`,
        ]
      ) {
        const name = readText(from)?.split("\n")[0]?.trim();
        if (name !== undefined && name !== "") return { name, from };
      }
    }
    return undefined;
  }

  /** Where the configured name is written. */
  get configuredPath(): string {
    return `${CONF_FOLDER}/shmim_${this.stem}.name.txt`;
  }

  /** Link to the FITS file. */
  get fitsLink(): string {
    return `${CONF_FOLDER}/shmim_${this.stem}.fits`;
  }

  /** Only one load of a stream at a time. */
  async lock(): Promise<Disposable> {
    Deno.mkdirSync(STATE_FOLDER, { recursive: true });
    const file = await Deno.open(this.#path("lock"), {
      write: true,
      create: true,
    });
    await file.lock(true);
    return { [Symbol.dispose]: () => file.close() };
  }

  /** Forgets everything of this stream, for `-r`. */
  forget(): void {
    for (
      const ending of [
        "FITSinfo",
        "FITSinfo.old",
        "FITSsame",
        "FITSchanged",
        "SMinfo",
        "SMinfo.old",
        "SMsame",
        "SMchanged",
        "imsize",
        "new",
        "changed",
        "kept",
        "missing",
        "state.json",
      ]
    ) remove(this.#path(ending));
  }

  /** Writes everything down after a request that did not fail. */
  write(outcome: {
    record: Remembered;
    fitsPath: string;
    stream: Stream;
    kept: boolean;
    created: boolean;
    fitsSame: boolean;
    streamSame: boolean;
  }): void {
    const { stream } = outcome;
    this.#info("FITSinfo", outcome.fitsPath);
    this.#info("SMinfo", stream.path);
    mark(this.#path("FITSsame"), outcome.fitsSame);
    mark(this.#path("FITSchanged"), !outcome.fitsSame);
    mark(this.#path("SMsame"), outcome.streamSame);
    mark(this.#path("SMchanged"), !outcome.streamSame);
    const size = sizeLine(stream);
    writeText(this.#path("imsize"), size);
    writeText(`${CONF_FOLDER}/shmim_${this.stem}.imsize.txt`, size);
    // Never `.kept` together with the others, at any moment.
    if (outcome.kept) {
      mark(this.#path("new"), false);
      mark(this.#path("changed"), false);
      mark(this.#path("kept"), true);
    } else {
      mark(this.#path("kept"), false);
      mark(this.#path("new"), true);
      mark(this.#path("changed"), true);
    }
    mark(this.#path("missing"), outcome.created);
    writeText(
      this.#path("state.json"),
      `${JSON.stringify(outcome.record, null, 2)}\n`,
    );
  }

  #info(ending: string, path: string): void {
    const old = readText(this.#path(ending));
    if (old !== undefined) writeText(this.#path(`${ending}.old`), old);
    writeText(this.#path(ending), `${infoLine(path)}\n`);
  }
}

function readRecord(path: string): Remembered | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text);
    return record.version === 1 && typeof record.destination === "string"
      ? record
      : undefined;
  } catch {
    return undefined; // damaged: as if nothing had ever been loaded
  }
}

/** Each axis followed by a blank, then a newline. */
export function sizeLine(stream: Stream): string {
  return `${stream.size.map((axis) => `${axis} `).join("")}\n`;
}

/** Size, time and inode of a file as one text. */
export function fileMark(path: string): string {
  const info = statFile(path);
  return info === undefined
    ? ""
    : `${info.device}:${info.inode}:${info.size}:${info.modifiedNs}`;
}

/** What `stat -L --format "%n %s %y"` prints. */
export function infoLine(path: string): string {
  const info = statFile(path);
  if (info === undefined) return `${path} 0 -`;
  const ns = info.modifiedNs;
  const fraction = (ns % 1_000_000_000n).toString().padStart(9, "0");
  const date = new Date(Number(ns / 1_000_000n));
  const minutes = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + minutes * 60_000).toISOString();
  const sign = minutes < 0 ? "-" : "+";
  const zone = String(Math.floor(Math.abs(minutes) / 60)).padStart(2, "0") +
    String(Math.abs(minutes) % 60).padStart(2, "0");
  return `${path} ${info.size} ${local.slice(0, 10)} ${
    local.slice(11, 19)
  }.${fraction} ${sign}${zone}`;
}
