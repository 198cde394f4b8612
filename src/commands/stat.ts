/** `shmim stat`: the times between frames, and the pixels over many. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { columns } from "../cli/output.ts";
import {
  AXIS_ORDER,
  DIR,
  JSON_OPTION,
  type NamedStream,
  namedStream,
} from "../cli/shared_options.ts";
import { WAIT, waitOf, waitWrites } from "../cli/wait_options.ts";
import { histogramLines } from "../image/plot.ts";
import {
  type FramesStatistics,
  type Observation,
  observeStream,
} from "../stream/observe.ts";
import { Stream } from "../stream/stream.ts";
import { pixelNumber } from "../stream/types.ts";
import type { WaitOptions } from "../stream/wait.ts";

interface Options extends NamedStream {
  readonly seconds: number;
  readonly wait: WaitOptions;
  readonly json: boolean;
}

function us(value: number | undefined): string {
  return value === undefined ? "-" : `${value.toFixed(1)} µs`;
}

function shown(value: number | null): string {
  return value === null ? "-" : String(Number(value.toPrecision(7)));
}

/** Of what the pixels were looked at. */
function looked(
  { frames, values }: FramesStatistics,
  size: readonly number[],
): string {
  if (values === 0) return "no frame: they are too large";
  const sliced = values < pixelNumber(size);
  return `${frames} ${sliced ? "slices: the frames are too large" : "frames"}`;
}

function lines(
  seen: Observation,
  size: readonly number[],
  width: number,
): string[] {
  const { intervals, pixels } = seen;
  const rows = [
    ["watched", `${seen.seconds.toFixed(2)} s`],
    ["frames", String(seen.frames)],
    ["lost counters", String(seen.lost)],
    ["rate", `${seen.rateHz.toFixed(2)} Hz`],
    ["interval p50", us(intervals.percentileUs(0.5))],
    ["interval p99", us(intervals.percentileUs(0.99))],
    ["longest gap", us(intervals.maxUs)],
    [
      "jitter",
      seen.jitter === null ? "-" : `${(seen.jitter * 100).toFixed(1)} %`,
    ],
    ["pixels of", looked(pixels, size)],
    ["min", shown(pixels.min)],
    ["max", shown(pixels.max)],
    ["mean", shown(pixels.mean)],
    ["std", shown(pixels.std)],
    ["std in time", shown(pixels.temporalStd)],
  ];
  const plot = histogramLines(intervals.buckets(), width);
  return [...columns(rows), ...plot.length > 0 ? ["", ...plot] : []];
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["stat NAME [OPTIONS]"],
  description: "Watches a stream for a while: the times between its frames " +
    "(taken on a thread of the helper), counters that passed unseen, and the " +
    "statistics of its pixels over ten frames a second. Jitter is the " +
    "standard deviation of the times over their mean.",
  options: [
    { name: "duration", value: "S", help: "how long (default 2)" },
    ...WAIT,
    AXIS_ORDER,
    DIR,
    JSON_OPTION,
  ],
  examples: [["stat wfs --duration 10", "is the camera steady?"]],
  samples: [["cam"], ["cam", "--wait", "semaphore"]],
  parse(args): Options {
    return {
      ...namedStream(args),
      seconds: args.number("duration", 0.05, 86400) ?? 2,
      wait: waitOf(args) ?? { mode: "poll" },
      json: args.flag("json"),
    };
  },
  needs({ name, open, wait }, scope): Needs {
    const files = scope.stream(name, open.dir);
    return { read: files, write: waitWrites(wait) ? files : [] };
  },
  async run(options, { out, signal }): Promise<number> {
    const { name, open, wait, seconds } = options;
    using stream = Stream.open(name, { ...open, writable: waitWrites(wait) });
    const seen = await observeStream(stream, {
      durationMs: seconds * 1000,
      wait,
      signal,
      onProgress: (ms, frames) =>
        out.live(
          `${stream.name}: ${(ms / 1000).toFixed(1)} of ${seconds} s, ` +
            `${frames} frames`,
        ),
    });
    if (options.json) {
      const { intervals, ...rest } = seen;
      out.json({
        name: stream.name,
        ...rest,
        intervalP50Us: intervals.percentileUs(0.5) ?? null,
        intervalP99Us: intervals.percentileUs(0.99) ?? null,
        intervalMaxUs: intervals.maxUs ?? null,
        histogram: intervals.buckets(),
      });
    } else {
      for (const line of lines(seen, stream.size, Math.min(out.columns, 100))) {
        out.line(line);
      }
    }
    return EXIT.done;
  },
});
