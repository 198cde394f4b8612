/**
 * A recording from names to files: what `shmim record` does.
 * @module
 */

import { Stream } from "../stream/stream.ts";
import { waitWrites } from "../stream/wait.ts";
import { isFull } from "./complete.ts";
import { GZIP, type Packer, packFile } from "./pack.ts";
import { TILES } from "./pack_tiles.ts";
import { type RecordSettings, recordStreams } from "./record.ts";
import { countUnfinished, recover, type Recovered } from "./recover.ts";
import type { Recorded } from "./recorder.ts";
import { writeTimes } from "./times_text.ts";
import { makeTrigger, type TriggerChoice } from "./trigger.ts";

/**
 * How complete files are packed: `gzip` the whole file (`.fits.gz`), `tiles`
 * the image alone (`.fits.fz`, integers with RICE_1, floats with GZIP_2, both
 * without loss; 64-bit integers are refused).
 */
export type Packing = "gzip" | "tiles";

const PACKERS: Readonly<Record<Packing, Packer>> = { gzip: GZIP, tiles: TILES };

/** What to record, and how. */
export interface RecordOptions extends RecordSettings {
  /** Folder that the names of streams are looked for in. */
  streamDir?: string;
  /** What begins it. Default: it begins at once. */
  trigger?: TriggerChoice;
  /** Packs each file when it is complete. */
  packing?: Packing;
  /** The times as text beside each file, too. */
  text?: boolean;
}

/** What a recording came to. */
export interface RecordReport {
  /** The streams, in the order of their names. */
  readonly streams: readonly Recorded[];
  /** Whether none was missed, and all was packed that was to be. */
  readonly complete: boolean;
}

function nothing(): void {}

/** Packs a file; says what it lost on the way. */
async function packed(
  file: string,
  packing: Packing | undefined,
  onWarning: (message: string) => void,
): Promise<string> {
  if (packing === undefined) return file;
  const done = await packFile(file, PACKERS[packing]);
  for (const loss of done.losses) onWarning(`${done.file}: ${loss}`);
  return done.file;
}

function unpacked(file: string, error: unknown): string {
  const why = isFull(error) ? "no space left" : (error as Error).message;
  return `"${file}" is whole, and stays as it is: ${why}`;
}

/** Says that an earlier recording was cut short, and what to do. */
async function mentionUnfinished(
  dir: string,
  onWarning: (message: string) => void,
): Promise<void> {
  const count = await countUnfinished(dir);
  if (count === 0) return;
  onWarning(
    `"${dir}" has ${count} unfinished ${count === 1 ? "file" : "files"} of a ` +
      `recording that was cut short: "shmim record --recover ${dir}" ` +
      "completes them",
  );
}

/**
 * Records streams into FITS cubes named by stream and UTC time, until a limit
 * is reached or the signal comes. A thread of the helper catches the frames.
 * A file grows under a hidden name, and is whole up to its last frame whenever
 * the program or the machine dies: {@linkcode recoverRecordings} completes it.
 *
 * Needs the permission to read the streams (to write them, too, where it waits
 * on semaphores) and to read and write the folder of the files; ffi.
 *
 * @param names Names or paths of the streams.
 * @param options Where to, how much, and when.
 * @returns What was recorded.
 * @throws {StreamNotFoundError} where there is no such stream.
 * @throws {RangeError} where a stream's type cannot be packed so.
 * @throws {RecordingError} where the disk is full: what was recorded is safe.
 *
 * @example Two frames
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { record, Stream } from "@shmim/shmim";
 *
 * const dir = await Deno.makeTempDir();
 * {
 *   using camera = Stream.create("camera", { dir, size: [4, 3], type: "u16" });
 *   const writer = setInterval(() => camera.write(new Uint16Array(12)), 20);
 *   const { streams: [recorded] } = await record(["camera"], {
 *     streamDir: dir,
 *     dir: `${dir}/night`,
 *     frames: 2,
 *     cubes: 1,
 *   });
 *   clearInterval(writer);
 *   assertEquals([recorded?.frames, recorded?.files.length], [2, 1]);
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function record(
  names: readonly string[],
  options: RecordOptions,
): Promise<RecordReport> {
  const { streamDir, trigger, packing, text, ...settings } = options;
  const { wait, onWarning = nothing } = settings;
  const open = streamDir === undefined ? {} : { dir: streamDir };
  const streams: Stream[] = [];
  let asWanted = true;
  await using held = new AsyncDisposableStack();
  try {
    for (const name of names) {
      streams.push(Stream.open(name, {
        ...open,
        ...wait === undefined ? {} : { writable: waitWrites(wait) },
      }));
    }
    for (const { type } of packing === undefined ? [] : streams) {
      PACKERS[packing as Packing].check(type);
    }
    await mentionUnfinished(options.dir, onWarning);
    const recorded = await recordStreams(streams, {
      ...settings,
      ...trigger === undefined
        ? {}
        : { trigger: (all) => held.use(makeTrigger(trigger, all, open)) },
      finish: async (file, cube, firstIndex) => {
        try { // what is recorded is safe: the recording goes on
          if (text) await writeTimes(file, cube, firstIndex);
          return await packed(file, packing, onWarning);
        } catch (error) {
          asWanted = false;
          onWarning(unpacked(file, error));
          return file;
        }
      },
    });
    const missed = recorded.some(({ missed }) => missed > 0);
    return { streams: recorded, complete: asWanted && !missed };
  } finally {
    for (const stream of streams) stream.close();
  }
}

/**
 * Completes what a crash left of recordings in a folder and in those below it,
 * as far as nobody is at work on it. Needs the permission to read and write
 * the folder; ffi.
 *
 * @param dir The folder.
 * @param options Whether files are packed then; takes warnings.
 * @returns What became of each unfinished file.
 * @throws {Deno.errors.NotFound} where there is no such folder.
 */
export async function recoverRecordings(
  dir: string,
  options: { packing?: Packing; onWarning?: (message: string) => void } = {},
): Promise<Recovered[]> {
  const found: Recovered[] = [];
  for (const one of await recover(dir)) {
    if (one.error !== undefined) {
      found.push(one);
      continue;
    }
    try {
      const { packing, onWarning = nothing } = options;
      found.push({ ...one, file: await packed(one.file, packing, onWarning) });
    } catch (error) {
      found.push({ ...one, error: unpacked(one.file, error) });
    }
  }
  return found;
}
