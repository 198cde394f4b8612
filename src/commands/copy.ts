/** `shmim copy`: one stream into another, once or from now on. @module */

import { every } from "../bridge/session.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import {
  DIR,
  dirOf,
  JSON_OPTION,
  streamArgument,
} from "../cli/shared_options.ts";
import { WAIT, waitOf, waitWrites } from "../cli/wait_options.ts";
import {
  copyKeywords,
  openTarget,
  Relay,
  type RelayOptions,
} from "../stream/relay.ts";
import { Stream } from "../stream/stream.ts";
import type { WaitOptions } from "../stream/wait.ts";
import { wholeFrame } from "../stream/whole.ts";

interface Options {
  readonly from: string;
  readonly to: string;
  readonly open: { dir?: string };
  readonly follow: boolean;
  readonly force: boolean;
  readonly wait: WaitOptions | undefined;
  readonly json: boolean;
}

const LIVE_MS = 250;

async function once(from: Stream, to: Stream, out: Io["out"]): Promise<number> {
  const dropped = copyKeywords(from, to);
  if (dropped > 0) {
    out.say(`shmim: ${dropped} keywords do not fit into "${to.name}"`);
  }
  const frame = await wholeFrame(from);
  to.write(frame.bytes, { atimeNs: frame.atimeNs });
  return 1;
}

/** Copies every new frame until it is stopped; returns how many. */
export async function follow(
  from: Stream,
  to: Stream,
  wait: RelayOptions | undefined,
  { out, signal }: Io,
): Promise<number> {
  const relay = Relay.start(from, to, {
    ...wait,
    onWarning: (message) => out.say(`shmim: ${message}`),
  });
  const stop = (): void => relay.stop();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  const look = (): void => {
    if (from.presence() === "replaced" || to.presence() !== "same") stop();
  };
  const unwatch = every(LIVE_MS, look, (reason) =>
    out.say(
      `shmim: cannot look whether "${from.name}" or "${to.name}" was ` +
        `re-created: ${reason}; going on`,
    ));
  const timer = setInterval(() => {
    const { frames, skipped, torn } = relay.counters();
    out.live(
      `${from.name} -> ${to.name}: ${frames} frames, ${skipped} skipped, ` +
        `${torn} torn (${relay.state})`,
    );
  }, LIVE_MS);
  try {
    await relay.done;
  } finally {
    unwatch();
    clearInterval(timer);
    signal.removeEventListener("abort", stop);
  }
  return relay.counters().frames;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["copy FROM TO [OPTIONS]"],
  description: "Copies the frame that is in a stream, with its keywords and " +
    "acquisition time, into another one of the same type and size, which is " +
    "made where it is missing. With --follow, every new frame from now on, " +
    "until it is stopped or one of the two is re-created.",
  options: [
    { name: "follow", help: "every new frame from now on" },
    { name: "force", short: "f", help: "replace a stream of another shape" },
    ...WAIT,
    DIR,
    JSON_OPTION,
  ],
  examples: [["copy wfs wfs_kept", "keep the frame that is there"]],
  samples: [["cam", "cam2"], ["cam", "cam2", "--follow"]],
  parse(args): Options {
    const [from = "", to = ""] = args.exactly("FROM", "TO");
    return {
      from: streamArgument(from),
      to: streamArgument(to),
      open: dirOf(args),
      follow: args.flag("follow"),
      force: args.flag("force"),
      wait: waitOf(args),
      json: args.flag("json"),
    };
  },
  needs({ from, to, open, follow, wait }, scope): Needs {
    const source = scope.stream(from, open.dir);
    const target = [
      ...scope.folder(to, open.dir),
      ...scope.stream(to, open.dir),
    ];
    const waits = follow && (wait === undefined || waitWrites(wait));
    return {
      read: [...source, ...target],
      write: [...target, ...waits ? source : []],
      libc: true,
    };
  },
  async run(options, io): Promise<number> {
    const { open, wait, json } = options;
    using from = Stream.open(options.from, {
      ...open,
      ...options.follow && (wait === undefined || waitWrites(wait))
        ? {}
        : { writable: false },
    });
    using to = openTarget(from, {
      ...open,
      name: options.to,
      force: options.force,
    });
    const frames = options.follow
      ? await follow(from, to, wait, io)
      : await once(from, to, io.out);
    if (json) {
      io.out.json({ from: from.name, to: to.name, frames, cnt0: to.cnt0 });
    } else io.out.say(`${to.path}: ${frames} frames, cnt0 is ${to.cnt0}`);
    return EXIT.done;
  },
});
