/**
 * What `load` remembers, in the current folder: the files of AOCCE's
 * Fits2shm by their historical names, and one of our own that decides.
 * @module
 */

import { statFile } from "../../ffi/files.ts";
import type { Stream } from "../stream/stream.ts";
import { lockFile } from "../files/lock_file.ts";
import {
  FileChanges,
  readFirstLine,
  readIfThere,
  removeEmptyFolder,
  requireWritableFolder,
} from "../files/small_file.ts";

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
  /** The FITS file, absolute. */
  readonly fits: string;
  /** HDU, section and options. */
  readonly choice: string;
  /** What the FITS file looked like; "": that tells nothing. */
  readonly fitsMark: string;
  /** SHA-256 of the FITS file; "": it changed while it was loaded. */
  readonly fitsHash: string;
  /** SHA-256 of the pixels; "": another writer came in between. */
  readonly pixelHash: string;
  /** Inode of the stream's file: a hint only. */
  readonly inode: string;
  /** Counter of the frame: a hint only. */
  readonly cnt0: string;
}

/** How a request ended. */
export interface Outcome {
  /** What to remember. */
  readonly record: Remembered;
  /** The FITS file, as it was named. */
  readonly fitsPath: string;
  /** The stream in memory. */
  readonly stream: Stream;
  /** Whether it was left as it was. */
  readonly kept: boolean;
  /** Whether it was created. */
  readonly created: boolean;
  /** Whether the FITS file was the one of the last time. */
  readonly fitsSame: boolean;
  /** Whether the stream was as the last load had left it. */
  readonly streamSame: boolean;
  /** Whether everything before is forgotten. */
  readonly afresh: boolean;
  /** To be configured, where a file was named. */
  readonly configure?: string;
}

const ENDINGS = [
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
] as const;

type Ending = typeof ENDINGS[number];

/** Files of one stem; each stem belongs to one stream in memory. */
function stemOf(stream: string, destination: string): string {
  // The plain name as ever; where another prefix has it, one of its own.
  const stems = [stream, destination, `${stream}.for.${destination}`];
  const free = stems.find((stem) => {
    const owner = readRecord(`${STATE_FOLDER}/${stem}.state.json`);
    return owner === undefined || owner.destination === destination;
  });
  return free ?? stream;
}

/** The state of one stream. */
export class LoadState {
  readonly #stream: string;
  readonly #destination: string;

  /**
   * @param stream The stream without prefix, as it was typed.
   * @param destination The stream in memory, prefix included.
   */
  constructor(stream: string, destination: string) {
    this.#stream = stream;
    this.#destination = destination;
  }

  /** Stem of the file names, as things are now. */
  get stem(): string {
    return stemOf(this.#stream, this.#destination);
  }

  /** What was loaded last, if that is known. */
  remembered(): Remembered | undefined {
    const record = readRecord(`${STATE_FOLDER}/${this.stem}.state.json`);
    return record?.destination === this.#destination ? record : undefined;
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
        const name = readFirstLine(from);
        if (name !== undefined) return { name, from };
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

  /**
   * Keeps other loads of this stream away, in this folder, and sees to it
   * that the state can be written. Folders that it made and that stay empty
   * go away again.
   *
   * @throws {Error} where nothing can be written.
   */
  async lock(signal?: AbortSignal): Promise<Disposable> {
    using held = new DisposableStack();
    for (const folder of [STATE_FOLDER, CONF_FOLDER]) {
      if (requireWritableFolder(folder)) {
        held.defer(() => removeEmptyFolder(folder));
      }
    }
    // All prefixes of one stream share the choice of a stem; the shorter name
    // first, always, so that no two loads wait for each other.
    for (const name of new Set([this.#stream, this.#destination])) {
      held.use(await lockFile(`${STATE_FOLDER}/${name}.lock`, signal));
    }
    const everything = new FileChanges();
    for (const ending of ENDINGS) {
      everything.drop(`${STATE_FOLDER}/${this.stem}.${ending}`);
    }
    everything.drop(this.configuredPath);
    everything.drop(`${CONF_FOLDER}/shmim_${this.stem}.imsize.txt`);
    everything.check();
    return held.move();
  }

  /** Writes everything down after a request that did not fail. */
  write(outcome: Outcome): void {
    const { stem } = this;
    const path = (ending: Ending): string =>
      `${STATE_FOLDER}/${stem}.${ending}`;
    const changes = new FileChanges();
    const { stream, kept, afresh } = outcome;
    for (
      const [ending, file] of [
        ["FITSinfo", outcome.fitsPath],
        ["SMinfo", stream.path],
      ] as const
    ) {
      const old = afresh ? undefined : readIfThere(path(ending));
      if (old === undefined) changes.drop(path(`${ending}.old`));
      else changes.put(path(`${ending}.old`), old);
      changes.put(path(ending), `${infoLine(file)}\n`);
    }
    for (
      const [kind, same] of [
        ["FITS", outcome.fitsSame],
        ["SM", outcome.streamSame],
      ] as const
    ) {
      changes.drop(path(`${kind}${same ? "changed" : "same"}`));
      changes.put(path(`${kind}${same ? "same" : "changed"}`), "");
    }
    const size = sizeLine(stream);
    changes.put(path("imsize"), size);
    changes.put(`${CONF_FOLDER}/shmim_${stem}.imsize.txt`, size);
    if (outcome.configure !== undefined) {
      changes.put(this.configuredPath, `${outcome.configure}\n`);
    }
    // Never `.kept` together with the others, at any moment.
    if (!kept) changes.drop(path("kept"));
    changes.mark(path("new"), !kept);
    changes.mark(path("changed"), !kept);
    if (kept) changes.mark(path("kept"), true);
    changes.mark(path("missing"), outcome.created);
    changes.put(
      path("state.json"),
      `${JSON.stringify(outcome.record, null, 2)}\n`,
    );
    changes.commit();
  }
}

function readRecord(path: string): Remembered | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text);
    return record?.version === 1 && typeof record.destination === "string"
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
