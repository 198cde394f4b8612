/** `shmim unshare`: takes a shared stream back. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import {
  askDaemon,
  type Daemon,
  daemonOf,
  socketNeeds,
  UNIT_OPTIONS,
} from "../cli/partition_options.ts";
import { requireName } from "../stream/names.ts";

interface Options {
  readonly which: Daemon;
  readonly name: string;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["unshare STREAM"],
  description: "Ends the sharing of a stream: where it is mounted its name " +
    "goes away; programs that have it open keep what they have.",
  options: UNIT_OPTIONS,
  examples: [["unshare wfs", "no partition finds it any more"]],
  samples: [["cam"]],
  parse(args): Options {
    const [name = ""] = args.exactly("STREAM");
    return { which: daemonOf(args), name: requireName(name) };
  },
  needs: ({ which }, scope) => socketNeeds(scope, which.run, [which.unit]),
  async run({ which, name }, { out }): Promise<number> {
    await askDaemon(which, { do: "unshare", name });
    out.say(`no longer shares ${name}`);
    return EXIT.done;
  },
});
