/** `shmim save`: frames of a stream into a FITS file. @module */

import { dirname } from "@std/path";
import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import { GENERAL, type Needs } from "../cli/needs.ts";
import {
  AXIS_ORDER,
  DIR,
  dirOf,
  JSON_OPTION,
  type Place,
} from "../cli/shared_options.ts";
import { WAIT, waitOf, waitWrites } from "../cli/wait_options.ts";
import { saveFrames, type SaveOptions } from "../load/save.ts";
import { Stream } from "../stream/stream.ts";

interface Options {
  readonly name: string;
  readonly open: Place;
  readonly file: string;
  readonly save: SaveOptions;
  readonly json: boolean;
}

/** The folder of a file, and that of what it leads to. */
function foldersOf(file: string): string[] {
  try {
    const real = dirname(Deno.realPathSync(file));
    return [...new Set([dirname(file), real])];
  } catch {
    return [dirname(file)]; // not there, or not to be looked at
  }
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["save STREAM FILE [OPTIONS]"],
  description: "Writes the frame that is in a stream to a FITS file, with " +
    "keywords, times and counters; with --count N or --wait, new frames, as a " +
    "cube with a table of their counters and times. A name that ends in .gz " +
    "is packed, one in .fz compressed tile by tile: with RICE_1, floats with " +
    "GZIP_2, always without loss. The file appears when it is complete.",
  options: [
    { name: "count", value: "N", help: "so many new frames" },
    { name: "timeout", value: "S", help: "longest wait for a frame" },
    ...WAIT,
    { name: "rice", help: "compress with RICE_1, integers of up to 32 bits" },
    { name: "gzip2", help: "compress with GZIP_2" },
    { name: "strict", help: "keywords that cannot be written are an error" },
    AXIS_ORDER,
    DIR,
    JSON_OPTION,
  ],
  examples: [["save wfs wfs.fits.gz --count 100", "a hundred frames, packed"]],
  samples: [["cam", "cam.fits"], ["cam", "cam.fits", "--wait", "semaphore"]],
  parse(args): Options {
    const [name = "", file = ""] = args.exactly("STREAM", "FILE");
    const wait = waitOf(args);
    const count = args.integer("count", 1);
    const timeout = args.number("timeout", 0);
    const rice = args.flag("rice");
    const gzip2 = args.flag("gzip2");
    if (rice && gzip2) {
      throw new UsageError("Give either --rice or --gzip2, not both");
    }
    return {
      name,
      file,
      open: dirOf(args),
      json: args.flag("json"),
      save: {
        ...count === undefined ? {} : { count },
        ...wait === undefined ? {} : { wait },
        ...timeout === undefined ? {} : { timeoutMs: timeout * 1000 },
        ...rice ? { codec: "RICE_1" } : gzip2 ? { codec: "GZIP_2" } : {},
        strict: args.flag("strict"),
      },
    };
  },
  needs({ name, open, file, save }, scope): Needs {
    const files = scope.stream(name, open.dir);
    // A file that is a link stays one: what it leads to is replaced.
    const folders = scope === GENERAL ? [] : foldersOf(file);
    const target = folders.flatMap((folder) => scope.file(folder));
    return {
      read: [...files, ...target],
      write: [...target, ...waitWrites(save.wait) ? files : []],
    };
  },
  async run({ name, open, file, save, json }, io: Io): Promise<number> {
    using stream = Stream.open(name, {
      ...open,
      writable: waitWrites(save.wait),
    });
    const report = await saveFrames(stream, file, {
      ...save,
      signal: io.signal,
      onWarning: (message) => io.out.say(`shmim: ${message}`),
      onFrame: (frames) => io.out.live(`${stream.name}: ${frames} frames`),
    });
    if (report === undefined) {
      if (io.signal.aborted) return EXIT.failed;
      throw new CommandError(
        `Too few new frames of "${stream.name}" in time; "${file}" was not ` +
          "written",
        EXIT.timedOut,
      );
    }
    for (const loss of report.losses) io.out.say(`shmim: ${loss}`);
    if (json) io.out.json({ ...report, name: stream.name });
    else {
      const frames = report.frames === 1 ? "frame" : "frames";
      io.out.say(
        `${report.path}: ${report.frames} ${frames} of ${stream.name}`,
      );
    }
    return EXIT.done;
  },
});
