/** `shmim share`: lets other partitions mount a stream. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import {
  askDaemon,
  type Daemon,
  daemonOf,
  partitionFrom,
  socketNeeds,
  UNIT_OPTIONS,
} from "../cli/partition_options.ts";
import { streamArgument } from "../cli/shared_options.ts";

interface Options {
  readonly which: Daemon;
  readonly stream: string;
  readonly with: readonly number[];
  readonly write: boolean;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["share STREAM [--with PARTITION…] [--write]"],
  description:
    "Lets other partitions mount a stream of this one by its name: " +
    "all of them, or those that --with names. --write says that they may " +
    "write, too. Sharing again replaces what was said before.",
  options: [
    {
      name: "with",
      value: "PARTITION",
      many: true,
      help: "only with these partitions",
    },
    { name: "write", help: "others may write" },
    ...UNIT_OPTIONS,
  ],
  examples: [["share wfs --with 2", "partition 2 may mount 1:wfs"]],
  samples: [["cam"]],
  parse(args): Options {
    const [stream = ""] = args.exactly("STREAM");
    return {
      which: daemonOf(args),
      stream: streamArgument(stream),
      with: args.list("with").map((text) => partitionFrom("--with", text)),
      write: args.flag("write"),
    };
  },
  needs: ({ which }, scope) => socketNeeds(scope, which.run, [which.unit]),
  async run({ which, ...share }, { out }): Promise<number> {
    const { name } = await askDaemon(which, { do: "share", ...share }) as {
      name: string;
    };
    out.say(
      `shares ${name} with ${
        share.with.length === 0
          ? "every partition"
          : `partitions ${share.with.join(", ")}`
      }${share.write ? ", for writing" : ""}`,
    );
    return EXIT.done;
  },
});
