/** `shmim watch`: a stream as a live picture. @module */

import { type Arguments, integerFrom, numberFrom } from "../cli/args.ts";
import { COLOR_VARIABLES, colorDepth } from "../cli/color.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import {
  AXIS_ORDER,
  DIR,
  dirOf,
  JSON_OPTION,
  type Place,
} from "../cli/shared_options.ts";
import { Canvas, COLOR_DEPTHS, type ColorDepth, Pen } from "../image/canvas.ts";
import { COLOR_MAPS } from "../image/colormap.ts";
import type { CutRule } from "../image/levels.ts";
import { RESAMPLINGS } from "../image/resample.ts";
import { darkFile, loadDark } from "../watch/dark.ts";
import { printLines } from "../watch/lines.ts";
import { showLive } from "../watch/live.ts";
import { Session } from "../watch/session.ts";
import { Source } from "../watch/source.ts";
import { View, type ViewOptions } from "../watch/view.ts";

interface Options {
  readonly name: string;
  readonly open: Place;
  readonly view: ViewOptions;
  readonly dark: string | undefined;
  readonly saturation: number | undefined;
  readonly depth: ColorDepth | undefined;
  readonly fps: number;
  readonly count: number;
  readonly once: boolean;
  readonly json: boolean;
}

const SIGINT = 2;

/** Numbers between colons, exactly so many. */
function parts(args: Arguments, name: string, form: string): string[] {
  const text = args.text(name) ?? "";
  const found = text.split(":");
  if (found.length !== form.split(":").length) {
    throw new UsageError(`--${name} takes ${form}, not "${text}"`);
  }
  return found;
}

function ruleFrom(args: Arguments): CutRule {
  if (args.text("range") === undefined) {
    const percent = args.number("percentile", 1, 100) ?? 100;
    return { kind: "percentile", percent };
  }
  if (args.text("percentile") !== undefined) {
    throw new UsageError("--range and --percentile do not go together");
  }
  const [low = "", high = ""] = parts(args, "range", "MIN:MAX");
  const rule = {
    kind: "fixed",
    low: numberFrom("--range", low),
    high: numberFrom("--range", high),
  } as const;
  if (rule.low >= rule.high) {
    throw new UsageError(
      `--range takes MIN:MAX, and ${low} is not below ${high}`,
    );
  }
  return rule;
}

function viewFrom(args: Arguments): ViewOptions {
  const whole = (name: string, form: string): number[] =>
    args.text(name) === undefined
      ? []
      : parts(args, name, form).map((text) =>
        integerFrom(`--${name}`, text, 0)
      );
  const [x, y = 0, width = 0, height = 0] = whole("roi", "X:Y:W:H");
  if (x !== undefined && (width === 0 || height === 0)) {
    throw new UsageError("--roi takes X:Y:W:H, and W and H are 1 or more");
  }
  const [column, row = 0] = whole("cursor", "X:Y");
  const slice = args.text("slice") === "newest"
    ? "newest"
    : args.integer("slice", 0);
  return {
    map: args.choice("map", COLOR_MAPS) ?? "viridis",
    rule: ruleFrom(args),
    log: args.flag("log"),
    resampling: args.choice("resample", RESAMPLINGS) ?? "mean",
    topDown: args.flag("flip"),
    zoom: args.number("zoom", 1, 256) ?? 1,
    roi: x === undefined ? undefined : { x, y, width, height },
    cursor: column === undefined ? undefined : { x: column, y: row },
    slice,
  };
}

async function run(options: Options, io: Io): Promise<number> {
  const { out } = io;
  const { name, open, view, saturation, json, once } = options;
  const lines = json || (!once && !out.isTerminal);
  const depth = options.depth ?? (out.isTerminal ? colorDepth() : "none");
  using source = Source.open(name, open);
  const dark = options.dark === undefined
    ? undefined
    : await loadDark(options.dark, open);
  const session = new Session(source, new View(view), {
    depth,
    dark,
    saturation,
  });
  if (lines) {
    await printLines(session, source, out, {
      json,
      count: once ? 1 : options.count,
      atOnce: once,
      signal: io.signal,
    });
    return EXIT.done;
  }
  if (once) {
    session.look();
    const canvas = new Canvas(out.columns, Math.max(3, out.rows - 1));
    session.draw(canvas);
    const pen = new Pen(depth, out.isTerminal || options.depth !== undefined);
    for (const line of pen.lines(canvas)) out.line(line);
    return EXIT.done;
  }
  const interrupted = await showLive(session, {
    depth,
    fps: options.fps,
    count: options.count,
    signal: io.signal,
  });
  return interrupted ? EXIT.signal + SIGINT : EXIT.done;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["watch NAME [OPTIONS]"],
  description: "Shows the image live in the terminal, two pixels in each " +
    "character, with statistics, histogram, rate and jitter; ? shows the " +
    "keys, q ends it. The stream is only read, and found again when it is " +
    "re-created with any type and size. Without a terminal it prints one " +
    "line a second.",
  options: [
    { name: "map", value: "NAME", help: "viridis, inferno, grey, diverging" },
    { name: "range", value: "MIN:MAX", help: "fixed cuts" },
    { name: "percentile", value: "P", help: "cuts with P % inside" },
    { name: "log", help: "logarithmic shades" },
    { name: "roi", value: "X:Y:W:H", help: "only this part" },
    { name: "zoom", value: "Z", help: "larger than what fits" },
    { name: "cursor", value: "X:Y", help: "a pixel whose value is shown" },
    { name: "slice", value: "K", help: "slice of a cube, or newest" },
    { name: "dark", value: "DARK", help: "subtract a stream, .fits or .npy" },
    { name: "saturation", value: "V", help: "saturated from here on" },
    { name: "resample", value: "HOW", help: "mean, nearest or peak" },
    { name: "flip", help: "the first row on top" },
    { name: "fps", value: "N", help: "pictures a second (default 10)" },
    { name: "count", value: "N", help: "end after N pictures or lines" },
    { name: "once", help: "draw one picture and end" },
    { name: "color", value: "DEPTH", help: "true, 256 or none" },
    AXIS_ORDER,
    { ...DIR, help: "folder of streams (else $MILK_SHM_DIR, /milk/shm, /tmp)" },
    { ...JSON_OPTION, help: "one object a second instead of a picture" },
  ],
  examples: [
    ["watch camwfs --percentile 99.5", "a camera, hot pixels cut off"],
    ["watch dm01disp --map diverging", "a mirror around zero"],
  ],
  samples: [["cam"], ["cam", "--dark", "dark"]],
  parse(args): Options {
    const [name = ""] = args.exactly("NAME");
    return {
      name,
      open: dirOf(args),
      view: viewFrom(args),
      dark: args.text("dark"),
      saturation: args.number("saturation"),
      depth: args.choice("color", COLOR_DEPTHS),
      fps: args.number("fps", 0.1, 60) ?? 10,
      count: args.integer("count", 1) ?? Infinity,
      once: args.flag("once"),
      json: args.flag("json"),
    };
  },
  needs({ name, open, dark }, scope): Needs {
    const file = dark === undefined ? undefined : darkFile(dark);
    const subtracted = dark === undefined
      ? []
      : file === undefined
      ? scope.stream(dark, open.dir)
      : scope.file(file);
    return {
      read: [...scope.stream(name, open.dir), ...subtracted],
      env: COLOR_VARIABLES,
    };
  },
  run,
});
