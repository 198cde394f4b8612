/** `shmim read`: frames as numbers, statistics or files. @module */

import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { jsonValue } from "../cli/output.ts";
import { LOCAL_OPTION, timesOf } from "../cli/local_time.ts";
import {
  AXIS_ORDER,
  DIR,
  JSON_OPTION,
  type NamedStream,
  namedStream,
} from "../cli/shared_options.ts";
import { WAIT, waitOf, waitWrites } from "../cli/wait_options.ts";
import { openSink, partName, type Sink } from "../cli/sink.ts";
import { npyHeader } from "../image/npy.ts";
import { pixelStatistics } from "../image/stats.ts";
import type { Frame, FramesOptions } from "../stream/frames.ts";
import { Stream } from "../stream/stream.ts";
import { isoTime } from "../stream/times.ts";
import { TYPES } from "../stream/types.ts";
import type { WaitOptions } from "../stream/wait.ts";
import { tornError, wholeFrame } from "../stream/whole.ts";

const FORMATS = ["stats", "text", "json", "raw", "npy"] as const;

interface Options extends NamedStream {
  readonly wait: WaitOptions | undefined;
  readonly count: number;
  readonly timeoutS: number | undefined;
  readonly slice: number | undefined;
  readonly format: typeof FORMATS[number];
  readonly json: boolean;
  readonly out: string | undefined;
  /** How times are shown. */
  readonly time: (iso: string) => string;
}

const encoder = new TextEncoder();

function facts(stream: Stream, frame: Frame): Record<string, unknown> {
  const offset = stream.clockOffset;
  return {
    name: stream.name,
    cnt0: frame.cnt0,
    cnt1: frame.cnt1,
    atime: isoTime(frame.atimeNs, offset) ?? null,
    writetime: isoTime(frame.writetimeNs, offset) ?? null,
    type: frame.type,
    size: frame.size,
    ...frame.slice === undefined ? {} : { slice: frame.slice },
    torn: frame.torn,
  };
}

function shown(value: number | bigint | null): string {
  if (value === null) return "-";
  return typeof value === "bigint"
    ? String(value)
    : String(Number(value.toPrecision(9)));
}

function statsText(
  stream: Stream,
  frame: Frame,
  { time }: Options,
): string {
  const s = pixelStatistics(frame.pixels);
  const iso = isoTime(frame.writetimeNs, stream.clockOffset);
  const written = iso === undefined ? "never" : time(iso);
  const nan = s.nan > 0 ? `  NaN ${s.nan}` : "";
  return `cnt0 ${frame.cnt0}  written ${written}  min ${shown(s.min)}  max ` +
    `${shown(s.max)}  mean ${shown(s.mean)}  std ${shown(s.std)}${nan}`;
}

function pixelText(frame: Frame): string {
  const { parts } = TYPES[frame.type];
  const row = (frame.size[0] ?? 1) * parts;
  const rows = frame.size[1] ?? 1;
  const lines: string[] = [];
  for (let at = 0, y = 0; at < frame.pixels.length; at += row, y++) {
    if (y > 0 && y % rows === 0) lines.push("");
    lines.push(frame.pixels.subarray(at, at + row).join(" "));
  }
  return lines.join("\n");
}

/** Bytes of one frame in the wanted format. */
function encode(stream: Stream, frame: Frame, options: Options): Uint8Array {
  const line = (value: unknown): Uint8Array =>
    encoder.encode(`${JSON.stringify(value, jsonValue)}\n`);
  switch (options.format) {
    case "raw":
    case "npy":
      return frame.bytes;
    case "text":
      return encoder.encode(`${pixelText(frame)}\n`);
    case "json":
      return line({
        ...facts(stream, frame),
        pixels: Array.from(frame.pixels as Float64Array),
      });
    case "stats":
      return options.json
        ? line({ ...facts(stream, frame), ...pixelStatistics(frame.pixels) })
        : encoder.encode(`${statsText(stream, frame, options)}\n`);
  }
}

/** Writes the frames asked for; returns how many came. */
async function copy(
  stream: Stream,
  options: Options,
  { out, signal }: Io,
  sink: Sink,
): Promise<number> {
  let got = 0;
  const take = (frame: Frame): void => {
    if (frame.torn) throw tornError(stream, frame);
    if (options.format === "npy" && got === 0) {
      const { count } = options;
      const size = count > 1 ? [...frame.size, count] : frame.size;
      sink.write(npyHeader(frame.type, size));
    }
    sink.write(encode(stream, frame, options));
    got++;
  };
  if (options.wait === undefined && options.count === 1) {
    take(await wholeFrame(stream, options.slice));
    return got;
  }
  const frames: FramesOptions = {
    ...options.wait,
    signal,
    onWarning: (message) => out.say(`shmim: ${message}`),
    reuseBuffer: true,
    ...options.slice === undefined ? {} : { slice: options.slice },
    ...options.timeoutS === undefined
      ? {}
      : { timeoutMs: options.timeoutS * 1000 },
  };
  for await (const frame of stream.frames(frames)) {
    take(frame);
    if (got === options.count) break;
  }
  return got;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["read NAME [OPTIONS]"],
  description: "Prints the frame that is in a stream, or waits for new ones. " +
    "Formats: stats (one line a frame), text (numbers, a line for each row), " +
    "json (one object a line), raw (the pixels as stored, nothing else), npy. " +
    "Ends with 124 where no frame comes in time.",
  options: [
    ...WAIT,
    { name: "count", value: "N", help: "so many new frames (default 1)" },
    { name: "timeout", value: "S", help: "longest wait for a frame" },
    { name: "slice", value: "K", help: "one slice of a cube" },
    { name: "format", value: "FORMAT", help: "stats, text, json, raw or npy" },
    { name: "out", value: "FILE", help: "write there, complete or not at all" },
    AXIS_ORDER,
    LOCAL_OPTION,
    DIR,
    { ...JSON_OPTION, help: "statistics as JSON" },
  ],
  examples: [
    ["read wfs", "statistics of the frame that is there"],
    ["read wfs --wait semaphore --count 100 --format npy --out wfs.npy", ""],
  ],
  samples: [["cam"], ["cam", "--wait", "semaphore"]],
  parse(args): Options {
    const named = namedStream(args);
    const format = args.choice("format", FORMATS) ?? "stats";
    if (args.flag("json") && format !== "stats" && format !== "json") {
      throw new UsageError(`--json does not go with --format ${format}`);
    }
    if (args.flag("local") && format !== "stats") {
      throw new UsageError(`--local does not go with --format ${format}`);
    }
    return {
      ...named,
      wait: waitOf(args),
      count: args.integer("count", 1) ?? 1,
      timeoutS: args.number("timeout", 0),
      slice: args.integer("slice", 0),
      format,
      json: args.flag("json"),
      out: args.text("out"),
      time: timesOf(args),
    };
  },
  needs({ name, open, wait, out }, scope): Needs {
    const files = scope.stream(name, open.dir);
    const target = out === undefined
      ? []
      : [...scope.file(out), ...scope.file(partName(out))];
    return {
      read: [...files, ...target],
      write: [...target, ...waitWrites(wait) ? files : []],
      libc: false,
    };
  },
  async run(options, io): Promise<number> {
    using stream = Stream.open(options.name, {
      ...options.open,
      writable: waitWrites(options.wait),
    });
    using sink = openSink(options.out, io.out);
    const got = await copy(stream, options, io, sink);
    const complete = got === options.count;
    if (complete) sink.finish();
    if (complete || io.signal.aborted) return EXIT.done;
    throw new CommandError(
      `No new frame of "${stream.name}" within ${options.timeoutS} s` +
        (options.count > 1 ? ` (${got} of ${options.count} came)` : ""),
      EXIT.timedOut,
    );
  },
});
