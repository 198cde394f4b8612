/** `shmim convert`: a stream in another format. @module */

import { defineCommand } from "../cli/command.ts";
import { CommandError, EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import type { Output } from "../cli/output.ts";
import {
  AXIS_ORDER,
  DIR,
  dirOf,
  FORMAT,
  formatOf,
  JSON_OPTION,
  type Place,
  streamArgument,
} from "../cli/shared_options.ts";
import { WAIT, waitOf, waitWrites } from "../cli/wait_options.ts";
import { StreamExistsError } from "../stream/format.ts";
import { type FormatName, otherFormat } from "../stream/formats.ts";
import { streamPlace } from "../stream/names.ts";
import { requireNoLink } from "../stream/reading_link.ts";
import { copyKeywords } from "../stream/relay.ts";
import { Stream } from "../stream/stream.ts";
import type { WaitOptions } from "../stream/wait.ts";
import { wholeFrame } from "../stream/whole.ts";
import { follow } from "./copy.ts";

interface Options {
  readonly from: string;
  readonly to: string;
  readonly open: Place;
  readonly format: FormatName | undefined;
  readonly follow: boolean;
  readonly force: boolean;
  readonly wait: WaitOptions | undefined;
  readonly json: boolean;
}

/** The stream to convert into: one that fits, or a new one. */
function target(from: Stream, options: Options, out: Output): Stream {
  const { path } = streamPlace(options.to, options.open.dir);
  requireNoLink(path, "converting");
  const make = (existing: "reuse" | "replace"): Stream =>
    Stream.create(options.to, {
      ...options.open,
      format: options.format ?? otherFormat(from.layout),
      size: from.size,
      type: from.type,
      keywords: from.layout.keywordCount,
      existing,
      onWarning: (message) => out.say(`shmim: ${message}`),
    });
  try {
    return make("reuse");
  } catch (error) {
    if (!(error instanceof StreamExistsError)) throw error;
    if (options.force) return make("replace");
    throw new CommandError(`${error.message}; --force replaces it`);
  }
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["convert SOURCE DEST [--follow] [OPTIONS]"],
  description: "Copies a stream into one of the other format (ImageStreamIO " +
    "or DAO) with its keywords, acquisition time and counters. No pixel is " +
    "moved: x stays x, and the axes are listed as the format does. DEST is " +
    "made where it is missing and used as it is where it fits. With " +
    "--follow, every new frame from now on, until it is stopped or one of " +
    "the two is re-created.",
  options: [
    { name: "follow", help: "every new frame from now on" },
    { name: "force", short: "f", help: "replace a stream of another shape" },
    { ...FORMAT, help: "format of DEST: isio or dao (default: the other)" },
    AXIS_ORDER,
    ...WAIT,
    DIR,
    JSON_OPTION,
  ],
  examples: [["convert /tmp/wfs.im.shm wfs_isio --follow", "DAO's to milk"]],
  samples: [["cam", "cam2"], ["cam", "cam2", "--follow"]],
  parse(args): Options {
    const [from = "", to = ""] = args.exactly("SOURCE", "DEST");
    return {
      from: streamArgument(from),
      to: streamArgument(to),
      open: dirOf(args),
      format: formatOf(args).format,
      follow: args.flag("follow"),
      force: args.flag("force"),
      wait: waitOf(args),
      json: args.flag("json"),
    };
  },
  needs(options, scope): Needs {
    const { open, wait } = options;
    const source = scope.stream(options.from, open.dir);
    const made = [
      ...scope.folder(options.to, open.dir),
      ...scope.companions("dao"), // the source's format is not known yet
    ];
    const waits = options.follow && (wait === undefined || waitWrites(wait));
    return {
      read: [...source, ...made],
      write: [...made, ...waits ? source : []],
      libc: true,
    };
  },
  async run(options, io): Promise<number> {
    const { open, wait, json } = options;
    const waits = options.follow && (wait === undefined || waitWrites(wait));
    using from = Stream.open(options.from, {
      ...open,
      ...waits ? {} : { writable: false },
    });
    using to = target(from, options, io.out);
    const dropped = copyKeywords(from, to);
    if (dropped > 0) {
      io.out.say(`shmim: ${dropped} keywords do not fit into "${to.name}"`);
    }
    const frame = await wholeFrame(from);
    to.copyFrom(frame, from.clockOffset);
    const more = options.follow
      ? await follow(from, to, {
        ...wait,
        since: frame.cnt0,
        counters: true,
      }, io)
      : 0;
    const frames = more + 1;
    if (json) {
      io.out.json({ from: from.name, to: to.name, frames, cnt0: to.cnt0 });
    } else {
      const { format, storedSize } = to.layout;
      io.out.say(
        `${to.path}: ${frames} frames, cnt0 is ${to.cnt0} ` +
          `(${format}, ${to.size.join("x")} stored as ${storedSize.join("x")})`,
      );
    }
    return EXIT.done;
  },
});
