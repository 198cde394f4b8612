/** `shmim shares`: what is shared, mounted and offered. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import { columns } from "../cli/output.ts";
import {
  askDaemon,
  type Daemon,
  daemonOf,
  socketNeeds,
  UNIT_OPTIONS,
} from "../cli/partition_options.ts";
import { JSON_OPTION } from "../cli/shared_options.ts";

interface Options {
  readonly which: Daemon;
  readonly json: boolean;
}

interface Answer {
  readonly partition: number;
  readonly shares: readonly {
    readonly name: string;
    readonly with: readonly number[];
    readonly write: boolean;
    readonly mountedBy: readonly number[];
    readonly writer: number | null;
  }[];
  readonly mounts: readonly {
    readonly partition: number;
    readonly stream: string;
    readonly path: string;
    readonly state: string;
    readonly reason: string | null;
    readonly write: boolean;
  }[];
  readonly offered: readonly {
    readonly partition: number;
    readonly stream: string;
    readonly write: boolean;
  }[];
}

const mode = (write: boolean): string => write ? "rw" : "r";

/** The command. */
export const command = defineCommand<Options>({
  usage: ["shares [--json]"],
  description:
    "Lists what this partition shares and who has it mounted, what " +
    "it has mounted, and what others offer it.",
  options: [...UNIT_OPTIONS, JSON_OPTION],
  examples: [["shares", "who shares what with whom"]],
  samples: [[]],
  parse(args): Options {
    args.exactly();
    return { which: daemonOf(args), json: args.flag("json") };
  },
  needs: ({ which }, scope) => socketNeeds(scope, which.run, [which.unit]),
  async run({ which, json }, { out }): Promise<number> {
    const answer = await askDaemon(which, { do: "shares" }) as Answer;
    if (json) {
      out.json(answer);
      return EXIT.done;
    }
    const rows = [
      ...answer.shares.map((one) => [
        "shared",
        `${answer.partition}:${one.name}`,
        mode(one.write),
        one.with.length === 0 ? "all" : one.with.join(","),
        one.mountedBy.length === 0
          ? ""
          : `mounted by ${one.mountedBy.join(", ")}` +
            (one.writer === null ? "" : `; ${one.writer} writes`),
      ]),
      ...answer.mounts.map((one) => [
        "mounted",
        `${one.partition}:${one.stream}`,
        mode(one.write),
        one.path,
        one.reason === null ? one.state : `${one.state}: ${one.reason}`,
      ]),
      ...answer.offered.map((one) => [
        "offered",
        `${one.partition}:${one.stream}`,
        mode(one.write),
        "",
        "",
      ]),
    ];
    if (rows.length === 0) out.say("Nothing is shared, mounted or offered");
    const heading = ["", "STREAM", "MODE", "WITH / AS", "STATE"];
    if (rows.length > 0) {
      for (const line of columns([heading, ...rows])) out.line(line);
    }
    return EXIT.done;
  },
});
