/** `shmim record`: streams into cubes, every frame. @module */

import type { Schedule } from "../../ffi/pump.ts";
import type { Arguments } from "../cli/args.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import {
  DIR,
  dirOf,
  JSON_OPTION,
  SCHEDULE,
  scheduleOf,
  streamArgument,
  WAIT,
  waitOf,
  waitWrites,
} from "../cli/shared_options.ts";
import { isFull } from "../record/complete.ts";
import { GZIP, type Packer, packFile } from "../record/pack.ts";
import { TILES } from "../record/pack_tiles.ts";
import type { Recorded } from "../record/recorder.ts";
import {
  type RecordOptions,
  type RecordProgress,
  recordStreams,
} from "../record/record.ts";
import { countUnfinished, recover, type Recovered } from "../record/recover.ts";
import { writeTimes } from "../record/times_text.ts";
import {
  makeTrigger,
  parseTrigger,
  type TriggerChoice,
} from "../record/trigger.ts";
import { Stream } from "../stream/stream.ts";
import type { WaitOptions } from "../stream/wait.ts";

interface Options {
  readonly names: readonly string[];
  readonly open: { dir?: string };
  readonly wait: WaitOptions | undefined;
  readonly record: RecordOptions;
  readonly packer: Packer | undefined;
  readonly text: boolean;
  readonly trigger: TriggerChoice | undefined;
  readonly recover: boolean;
  readonly json: boolean;
}

/** Of the threads that catch frames, where the system allows it. */
const PRIORITY = 20;

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function progressLine({ started, seconds, streams }: RecordProgress): string {
  const time = `${seconds.toFixed(1)} s`;
  if (!started) return `waiting for the trigger, ${time}`;
  const each = streams.map(({ name, frames, bytes, missed, fill }) =>
    `${name}: ${frames} frames, ${megabytes(bytes)}, buffer ` +
    `${Math.round(fill * 100)} %, ${missed} missed`
  );
  return `${time}  ${each.join("  ")}`;
}

function summary(
  { name, frames, bytes, files, missed, overflow }: Recorded,
): string {
  const full = overflow === 0 ? "" : `, ${overflow} of them for want of room`;
  return `${name}: ${frames} frames, ${megabytes(bytes)} in ${files.length} ` +
    `${files.length === 1 ? "file" : "files"}, ${missed} missed${full}`;
}

/** Packs a file; says so where it stays as it is. */
async function packed(
  file: string,
  packer: Packer | undefined,
  onWarning: (message: string) => void,
): Promise<string> {
  if (packer === undefined) return file;
  const done = await packFile(file, packer);
  for (const loss of done.losses) onWarning(`${done.file}: ${loss}`);
  return done.file;
}

function unpacked(file: string, error: unknown): string {
  const why = isFull(error) ? "no space left" : (error as Error).message;
  return `"${file}" is whole, and stays as it is: ${why}`;
}

/** Completes what a crash left; exit code 1 where something cannot be. */
async function recoverIn(
  { record: { dir }, packer, json }: Options,
  { out }: Io,
): Promise<number> {
  const warn = (message: string): void => out.say(`shmim: ${message}`);
  const found: Recovered[] = [];
  for (const one of await recover(dir)) {
    try {
      const file = one.error === undefined
        ? await packed(one.file, packer, warn)
        : one.file;
      found.push({ ...one, file });
    } catch (error) {
      found.push({ ...one, error: unpacked(one.file, error) });
    }
  }
  if (json) out.json(found);
  for (const { file, frames, error } of json ? [] : found) {
    if (error === undefined) out.line(`${file}: ${frames} frames`);
    else out.say(`shmim: ${error}`);
  }
  if (!json && found.length === 0) out.say(`Nothing is unfinished in "${dir}"`);
  return found.some(({ error }) => error !== undefined)
    ? EXIT.failed
    : EXIT.done;
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

async function run(options: Options, io: Io): Promise<number> {
  if (options.recover) return await recoverIn(options, io);
  const { names, open, wait, packer, text, trigger } = options;
  const onWarning = (message: string): void => io.out.say(`shmim: ${message}`);
  const streams: Stream[] = [];
  let asWanted = true;
  using held = new DisposableStack();
  try {
    for (const name of names) {
      streams.push(Stream.open(name, {
        ...open,
        ...wait === undefined ? {} : { writable: waitWrites(wait) },
      }));
    }
    for (const { type } of streams) packer?.check(type);
    await mentionUnfinished(options.record.dir, onWarning);
    const recorded = await recordStreams(streams, {
      ...options.record,
      ...wait === undefined ? {} : { wait },
      ...trigger === undefined
        ? {}
        : { trigger: (all) => held.use(makeTrigger(trigger, all, open)) },
      signal: io.signal,
      finish: async (file, cube, firstIndex) => {
        try { // what is recorded is safe: the recording goes on
          if (text) await writeTimes(file, cube, firstIndex);
          return await packed(file, packer, onWarning);
        } catch (error) {
          asWanted = false;
          onWarning(unpacked(file, error));
          return file;
        }
      },
      onWarning,
      onFile: (file, frames) => {
        if (!options.json) io.out.line(`${file}: ${frames} frames`);
      },
      onProgress: (progress) => io.out.live(progressLine(progress)),
    });
    if (options.json) io.out.json(recorded);
    else for (const one of recorded) io.out.say(summary(one));
    const missed = recorded.some(({ missed }) => missed > 0);
    return missed || !asWanted ? EXIT.failed : EXIT.done;
  } finally {
    for (const stream of streams) stream.close();
  }
}

/** A thread that only sleeps and copies may have the priority it needs. */
function scheduleFrom(args: Arguments): Schedule {
  const { priority, cpus } = scheduleOf(args);
  const spins = waitOf(args)?.mode === "spin";
  return { priority: priority || (spins ? 0 : PRIORITY), cpus };
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["record STREAM... DIR [OPTIONS]", "record --recover DIR"],
  description:
    "Writes every frame of streams to FITS cubes in DIR, named by stream and " +
    "UTC time, each with a table of the frames' counters and times. A thread " +
    "of the helper catches the frames in a buffer, so that neither a slow " +
    "disk nor anything else loses one; how many were missed is said at the " +
    "end, and any is exit code 1. Several streams begin and end together. " +
    "Unfinished files are hidden, and can be read up to the last frame.",
  options: [
    { name: "frames", value: "N", help: "frames of a file (default 10000)" },
    { name: "cubes", value: "M", help: "end with M files of the first stream" },
    { name: "duration", value: "S", help: "end after S seconds" },
    { name: "buffer", value: "S", help: "seconds in memory (default 4)" },
    {
      name: "trigger",
      value: "WHAT",
      help: "begin with counter:N, KEYWORD=VALUE of the first stream, or the " +
        "next frame of another stream",
    },
    { name: "gzip", help: "pack each file when it is complete" },
    {
      name: "rice",
      help: "compress each file when it is complete, without loss: .fits.fz, " +
        "integers with RICE_1, floats with GZIP_2",
    },
    { name: "text", help: "the times as text beside each file, too" },
    { name: "milk", help: "folders and names as milk-logshim; with --text" },
    { name: "recover", help: "complete what a crash left in DIR" },
    { name: "strict", help: "keywords that cannot be written are an error" },
    ...WAIT,
    ...SCHEDULE,
    DIR,
    JSON_OPTION,
  ],
  examples: [[
    "record wfs dm00disp /data/tonight --frames 5000",
    "until Ctrl-C, 5000 frames a file",
  ]],
  samples: [["cam", "log"], ["cam", "log", "--wait", "semaphore"]],
  parse(args): Options {
    const recovers = args.flag("recover");
    const names = args.words.slice(0, -1);
    const dir = args.words.at(-1);
    if (recovers && names.length > 0) args.exactly("DIR");
    if (dir === undefined || (names.length === 0 && !recovers)) {
      throw new UsageError(
        `${dir === undefined ? "STREAM" : "DIR"} is missing`,
      );
    }
    if (new Set(names).size < names.length) {
      throw new UsageError("A stream is named twice");
    }
    const number = (name: string, min: number): number | undefined =>
      args.number(name, min);
    const frames = args.integer("frames", 1);
    const cubes = args.integer("cubes", 1);
    const duration = number("duration", 0.001);
    const buffer = number("buffer", 0.01);
    const trigger = args.text("trigger");
    const milk = args.flag("milk");
    const gzip = args.flag("gzip");
    const rice = args.flag("rice");
    if (gzip && rice) {
      throw new UsageError("Give either --gzip or --rice, not both");
    }
    return {
      names: names.map(streamArgument),
      open: dirOf(args),
      wait: waitOf(args),
      packer: gzip ? GZIP : rice ? TILES : undefined,
      recover: recovers,
      trigger: trigger === undefined ? undefined : parseTrigger(trigger),
      text: milk || args.flag("text"),
      json: args.flag("json"),
      record: {
        dir,
        ...frames === undefined ? {} : { frames },
        ...cubes === undefined ? {} : { cubes },
        ...duration === undefined ? {} : { durationMs: duration * 1000 },
        ...buffer === undefined ? {} : { bufferSeconds: buffer },
        naming: milk ? "milk" : "plain",
        schedule: scheduleFrom(args),
        strict: args.flag("strict"),
      },
    };
  },
  needs({ names, open, wait, record, trigger }, scope): Needs {
    const watched = trigger?.kind === "stream" ? [trigger.name] : [];
    const files = [...names, ...watched].flatMap((name) =>
      scope.stream(name, open.dir)
    );
    const target = scope.file(record.dir);
    const waits = wait === undefined || waitWrites(wait);
    return {
      read: [...files, ...target],
      write: [...target, ...waits ? files : []],
    };
  },
  run,
});
