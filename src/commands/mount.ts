/** `shmim mount`: a stream of another partition appears in this one. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import {
  askDaemon,
  type Daemon,
  daemonOf,
  partitionFrom,
  socketNeeds,
  UNIT_OPTIONS,
} from "../cli/partition_options.ts";
import { GENERAL, type Needs, type Scope, union } from "../cli/needs.ts";
import { PartitionError } from "../partition/errors.ts";
import { dropLink, plannedMount, putLink } from "../partition/mounts.ts";
import { runFolder } from "../partition/run_folder.ts";
import { requireUnit } from "../partition/unit.ts";
import { requireName } from "../stream/names.ts";

interface Options {
  readonly which: Daemon;
  readonly partition: number;
  readonly stream: string;
  readonly as: string;
  readonly write: boolean;
}

/** The link and the stream, where they can be found out. */
function placesOf({ which, ...what }: Options, scope: Scope): string[] {
  const folder = runFolder(which.run);
  try {
    const own = requireUnit(folder, which.unit);
    const mount = plannedMount(folder, own, what);
    return [...scope.folder(mount.path), ...scope.stream(mount.target)];
  } catch (error) {
    if (error instanceof PartitionError) return []; // refused when it is run
    throw error;
  }
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["mount PARTITION:STREAM [--as NAME] [--write]"],
  description: "Makes a stream that another partition shares appear in this " +
    "one, under its own name or NAME. Between daemons on one kernel it is a " +
    "link to the same memory. It stays until it is unmounted; while its owner " +
    "is down or does not share it, it is away, and comes back by itself. With " +
    "--write what is written here reaches the owner's stream; between hosts " +
    "such a mount goes that way only, and one partition at a time has it.",
  options: [
    { name: "as", value: "NAME", help: "its name here" },
    { name: "write", help: "for writing, which its owner must allow" },
    ...UNIT_OPTIONS,
  ],
  examples: [
    ["mount 1:wfs --as rtc_wfs", "partition 1's wfs, here rtc_wfs"],
    ["mount 1:dm00disp --write", "commands from here move 1's mirror"],
  ],
  samples: [["1:cam"]],
  parse(args): Options {
    const [what = ""] = args.exactly("PARTITION:STREAM");
    const match = /^(\d+):(.+)$/.exec(what);
    if (match === null) {
      throw new UsageError(`"${what}" is no PARTITION:STREAM, as in 1:wfs`);
    }
    const [, partition = "", stream = ""] = match;
    return {
      which: daemonOf(args),
      partition: partitionFrom("PARTITION", partition),
      stream: requireName(stream),
      as: requireName(args.text("as") ?? stream),
      write: args.flag("write"),
    };
  },
  needs(options, scope): Needs {
    const { which } = options;
    const own = socketNeeds(scope, which.run, [which.unit]);
    if (scope === GENERAL) return own;
    const files = placesOf(options, scope);
    return union([own, { read: files, write: files }]);
  },
  async run(options, { out }): Promise<number> {
    const { which, ...what } = options;
    const folder = runFolder(which.run);
    const own = requireUnit(folder, which.unit);
    if (own.peers.some(({ partition }) => partition === what.partition)) {
      const { path } = await askDaemon(which, { do: "mount", ...what }) as {
        path: string;
      };
      out.say(
        what.write
          ? `${path} goes to partition ${what.partition}, another host`
          : `${path} comes from partition ${what.partition}, another host`,
      );
      return EXIT.done;
    }
    const mount = plannedMount(folder, own, what);
    // The link is made here, with permission for just these two files: the
    // daemon has none for what other partitions have.
    const made = putLink(mount);
    try {
      await askDaemon(which, { do: "mount", ...what });
    } catch (error) {
      if (made) dropLink(mount);
      throw error;
    }
    out.say(
      `${mount.path} -> ${mount.target}${what.write ? "" : " (for reading)"}`,
    );
    return EXIT.done;
  },
});
