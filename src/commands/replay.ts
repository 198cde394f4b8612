/** `shmim replay`: recorded cubes into a stream. @module */

import type { Schedule } from "../../ffi/pump.ts";
import type { Arguments } from "../cli/args.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import {
  DIR,
  dirOf,
  JSON_OPTION,
  streamArgument,
} from "../cli/shared_options.ts";
import { SCHEDULE, scheduleOf } from "../cli/wait_options.ts";
import {
  FRAME_CLOCKS,
  type FrameClock,
  Recording,
} from "../record/recording.ts";
import { replay, type ReplayOptions } from "../record/replay.ts";
import { parseMoment, scoreOf } from "../record/score.ts";
import { openReplayTarget } from "../record/target.ts";
import { kindOf } from "../stream/types.ts";

const KEEP = ["counters", "times"] as const;
const CLOCK_NAMES: Readonly<Record<string, FrameClock>> = {
  atime: "acquired",
  wtime: "written",
  arrival: "arrived",
};

/** Of the thread that plays, where the system allows it. */
const PRIORITY = 20;

interface Options {
  readonly file: string;
  /** What follows it. */
  readonly more: readonly string[];
  readonly target: { name: string; dir?: string; force: boolean };
  readonly replay: ReplayOptions;
  readonly json: boolean;
}

/** The thread spins for a fifth of the time at most. */
function scheduleFrom(args: Arguments): Schedule {
  const { priority, cpus } = scheduleOf(args);
  return { priority: priority || PRIORITY, cpus };
}

async function run(
  { file, more, target, replay: options, json }: Options,
  { out, signal }: Io,
): Promise<number> {
  using open = new DisposableStack();
  const first = open.use(await Recording.open(file));
  const recordings = [first];
  for (const next of more) {
    recordings.push(open.use(await Recording.open(next)));
  }
  for (const { path, size, type } of recordings) {
    if (first.fits({ size, type })) continue;
    throw new CommandError(
      `"${path}" holds frames of ${kindOf({ size, type })}, ` +
        `"${first.path}" of ${kindOf(first)}`,
    );
  }
  scoreOf(recordings, options); // no stream is made that nothing plays into
  const stream = open.use(openReplayTarget(first, target));
  const { frames, underruns, lateness } = await replay(stream, recordings, {
    ...options,
    signal,
    onProgress: (played, all) =>
      out.live(`${stream.name}: ${played} frames played, ${all} in the files`),
  });
  const p99 = lateness.percentileUs(0.99);
  if (json) {
    out.json({
      name: stream.name,
      frames,
      underruns,
      latenessP50Us: lateness.percentileUs(0.5) ?? null,
      latenessP99Us: p99 ?? null,
      latenessMaxUs: lateness.maxUs ?? null,
    });
  } else {
    const late = p99 === undefined
      ? ""
      : `, 99 % of them less than ${p99.toFixed(1)} µs late`;
    const waits = underruns === 0
      ? ""
      : `, ${underruns} times the files could not be read fast enough`;
    out.say(`${stream.name}: ${frames} frames${late}${waits}`);
  }
  return underruns > 0 ? EXIT.failed : EXIT.done;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["replay FILE... STREAM [OPTIONS]"],
  description:
    "Publishes the frames of recorded cubes in a stream, with the spacing of " +
    "the recording, which a thread of the helper keeps to microseconds. A " +
    "stream that is missing is made. Counters go on from the stream's own and " +
    "acquisition times are those of the replay, unless they are kept. T is a " +
    "time in UTC as 2026-01-31T22:15:00.5, or seconds after the first frame.",
  options: [
    { name: "speed", value: "X", help: "so many times as fast" },
    { name: "rate", value: "HZ", help: "frames a second, at even spacing" },
    { name: "loop", help: "again and again, until it is stopped" },
    { name: "from", value: "T", help: "only frames from this time on" },
    { name: "to", value: "T", help: "only frames up to this time" },
    {
      name: "keep",
      value: "WHAT",
      many: true,
      help: "counters, times (of acquisition), or both, as recorded",
    },
    {
      name: "clock",
      value: "COLUMN",
      help: "atime, wtime or arrival tells the spacing (default: the first " +
        "that is complete)",
    },
    { name: "force", short: "f", help: "replace a stream of another shape" },
    ...SCHEDULE,
    DIR,
    JSON_OPTION,
  ],
  examples: [[
    "replay night/wfs_*.fits wfs --loop --speed 2",
    "last night into the loop, twice as fast",
  ]],
  samples: [["cam.fits", "cam"]],
  parse(args): Options {
    const [file, ...more] = args.words.slice(0, -1);
    const name = args.words.at(-1);
    if (name === undefined || file === undefined) {
      throw new UsageError(
        `${name === undefined ? "FILE" : "STREAM"} is missing`,
      );
    }
    const keep = args.list("keep");
    for (const word of keep) {
      if (!(KEEP as readonly string[]).includes(word)) {
        throw new UsageError(`--keep takes counters or times, not "${word}"`);
      }
    }
    const speed = args.number("speed", 1e-6, 1e6);
    const rate = args.number("rate", 1e-6, 1e6);
    const clock = args.choice("clock", Object.keys(CLOCK_NAMES));
    const from = args.text("from");
    const to = args.text("to");
    return {
      file,
      more,
      target: {
        name: streamArgument(name),
        ...dirOf(args),
        force: args.flag("force"),
      },
      json: args.flag("json"),
      replay: {
        ...speed === undefined ? {} : { speed },
        ...rate === undefined ? {} : { rateHz: rate },
        loop: args.flag("loop"),
        ...from === undefined ? {} : { from: parseMoment(from) },
        ...to === undefined ? {} : { to: parseMoment(to) },
        ...clock === undefined
          ? {}
          : { clock: CLOCK_NAMES[clock] ?? FRAME_CLOCKS[0] as FrameClock },
        keepCounters: keep.includes("counters"),
        keepTimes: keep.includes("times"),
        schedule: scheduleFrom(args),
      },
    };
  },
  needs({ file, more, target }, scope): Needs {
    const stream = [
      ...scope.stream(target.name, target.dir),
      ...scope.folder(target.name, target.dir),
    ];
    return {
      read: [...stream, ...[file, ...more].flatMap((one) => scope.file(one))],
      write: stream,
    };
  },
  run,
});
