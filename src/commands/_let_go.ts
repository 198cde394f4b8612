/** What `umount` and `unshare` are: the daemon lets go of one name. @module */

import type { Arguments } from "../cli/args.ts";
import { type Command, defineCommand } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import {
  askDaemon,
  type Daemon,
  daemonOf,
  socketNeeds,
  UNIT_OPTIONS,
} from "../cli/partition_options.ts";

interface Options {
  readonly which: Daemon;
  readonly name: string;
}

/** How the two differ. */
export interface LetGo extends Pick<Command, "description" | "examples"> {
  /** What the daemon is asked to do, and the command's own name. */
  readonly act: "umount" | "unshare";
  /** What its argument is called in the usage. */
  readonly operand: string;
  /** Checks the argument. */
  readonly nameOf: (argument: string) => string;
  /** What is said of it before the name. */
  readonly done: string;
}

/** Makes the command. */
export function letGo(
  { act, operand, nameOf, done, description, examples }: LetGo,
): Command {
  return defineCommand<Options>({
    usage: [`${act} ${operand}`],
    description,
    options: UNIT_OPTIONS,
    examples,
    samples: [["cam"]],
    parse(args: Arguments): Options {
      const [name = ""] = args.exactly(operand);
      return { which: daemonOf(args), name: nameOf(name) };
    },
    needs: ({ which }, scope) => socketNeeds(scope, which.run, [which.unit]),
    async run({ which, name }, { out }): Promise<number> {
      await askDaemon(which, { do: act, name });
      out.say(`${done} ${name}`);
      return EXIT.done;
    },
  });
}
