/** `shmim restore`: the streams of a snapshot, back. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { DIR, dirOf, JSON_OPTION } from "../cli/shared_options.ts";
import { restore } from "../record/restore.ts";

interface Options {
  readonly from: string;
  readonly open: { dir?: string };
  readonly force: boolean;
  readonly json: boolean;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["restore DIR [OPTIONS]"],
  description:
    "Brings the streams of a snapshot back, with keywords, counters and " +
    "acquisition times: in place where type and size fit, so that whoever has " +
    "them open sees one new frame; missing ones are made.",
  options: [
    { name: "force", short: "f", help: "replace streams of another shape" },
    DIR,
    JSON_OPTION,
  ],
  examples: [["restore before-tests", "as it was"]],
  samples: [["kept"]],
  parse(args): Options {
    const [from = ""] = args.exactly("DIR");
    return {
      from,
      open: dirOf(args),
      force: args.flag("force"),
      json: args.flag("json"),
    };
  },
  needs({ from, open }, scope): Needs {
    const made = [
      ...scope.folder(undefined, open.dir),
      ...scope.companions("dao"), // what is in the list is not known yet
    ];
    return { read: [...made, ...scope.file(from)], write: made };
  },
  async run({ from, open, force, json }, { out, signal }): Promise<number> {
    const restored = await restore(from, { ...open, force, signal });
    if (json) out.json(restored);
    for (const { name, result, error } of json ? [] : restored) {
      if (error === undefined) out.line(`${result} ${name}`);
      else out.say(`shmim: ${name}: ${error}`);
    }
    return restored.some(({ result }) => result === "failed")
      ? EXIT.failed
      : EXIT.done;
  },
});
