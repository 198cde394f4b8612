/** `shmim umount`: takes a mounted stream away. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import {
  askDaemon,
  type Daemon,
  daemonOf,
  socketNeeds,
  UNIT_OPTIONS,
} from "../cli/partition_options.ts";
import { streamArgument } from "../cli/shared_options.ts";

interface Options {
  readonly which: Daemon;
  readonly name: string;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["umount NAME"],
  description: "Takes a mounted stream away. The stream itself, its owner's, " +
    "stays as it is.",
  options: UNIT_OPTIONS,
  examples: [["umount rtc_wfs", "the name goes, the stream stays"]],
  samples: [["cam"]],
  parse(args): Options {
    const [name = ""] = args.exactly("NAME");
    return { which: daemonOf(args), name: streamArgument(name) };
  },
  needs: ({ which }, scope) => socketNeeds(scope, which.run, [which.unit]),
  async run({ which, name }, { out }): Promise<number> {
    await askDaemon(which, { do: "umount", name });
    out.say(`unmounted ${name}`);
    return EXIT.done;
  },
});
