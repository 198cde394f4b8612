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
  streamArgument,
} from "../cli/shared_options.ts";
import {
  SCHEDULE,
  scheduleOf,
  WAIT,
  waitOf,
  waitWrites,
} from "../cli/wait_options.ts";
import type { RecordProgress } from "../record/record.ts";
import type { Recorded } from "../record/recorder.ts";
import {
  record,
  type RecordOptions,
  recoverRecordings,
} from "../record/session.ts";
import { parseTrigger } from "../record/trigger.ts";

interface Options {
  readonly names: readonly string[];
  readonly record: RecordOptions;
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

/** Completes what a crash left; exit code 1 where something cannot be. */
async function recoverIn(
  { record: { dir, packing }, json }: Options,
  { out }: Io,
): Promise<number> {
  const found = await recoverRecordings(dir, {
    ...packing === undefined ? {} : { packing },
    onWarning: (message) => out.say(`shmim: ${message}`),
  });
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

async function run(options: Options, io: Io): Promise<number> {
  if (options.recover) return await recoverIn(options, io);
  const { streams, complete } = await record(options.names, {
    ...options.record,
    signal: io.signal,
    onWarning: (message) => io.out.say(`shmim: ${message}`),
    onFile: (file, frames) => {
      if (!options.json) io.out.line(`${file}: ${frames} frames`);
    },
    onProgress: (progress) => io.out.live(progressLine(progress)),
  });
  if (options.json) io.out.json(streams);
  else for (const one of streams) io.out.say(summary(one));
  return complete ? EXIT.done : EXIT.failed;
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
    const { dir: streamDir } = dirOf(args);
    const wait = waitOf(args);
    return {
      names: names.map(streamArgument),
      recover: recovers,
      json: args.flag("json"),
      record: {
        dir,
        ...streamDir === undefined ? {} : { streamDir },
        ...wait === undefined ? {} : { wait },
        ...frames === undefined ? {} : { frames },
        ...cubes === undefined ? {} : { cubes },
        ...duration === undefined ? {} : { durationMs: duration * 1000 },
        ...buffer === undefined ? {} : { bufferSeconds: buffer },
        ...trigger === undefined ? {} : { trigger: parseTrigger(trigger) },
        ...gzip ? { packing: "gzip" } : rice ? { packing: "tiles" } : {},
        text: milk || args.flag("text"),
        naming: milk ? "milk" : "plain",
        schedule: scheduleFrom(args),
        strict: args.flag("strict"),
      },
    };
  },
  needs({ names, record: { dir, streamDir, wait, trigger } }, scope): Needs {
    const watched = trigger?.kind === "stream" ? [trigger.name] : [];
    const files = [...names, ...watched].flatMap((name) =>
      scope.stream(name, streamDir)
    );
    const target = scope.file(dir);
    const waits = wait === undefined || waitWrites(wait);
    return {
      read: [...files, ...target],
      write: [...target, ...waits ? files : []],
    };
  },
  run,
});
