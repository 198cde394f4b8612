/** `shmim snapshot`: all streams of a folder into files. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import { GENERAL, type Needs } from "../cli/needs.ts";
import { DIR, dirOf, JSON_OPTION } from "../cli/shared_options.ts";
import { snapshot } from "../record/snapshot.ts";

interface Options {
  readonly target: string;
  readonly pattern: string | undefined;
  readonly open: { dir?: string };
  readonly json: boolean;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["snapshot DIR [PATTERN] [OPTIONS]"],
  description:
    "Saves the frame, the keywords and the counters of every stream of the " +
    "folder (or of those whose names match PATTERN, with * and ?) in DIR, as " +
    "a FITS file each and a list. `restore DIR` brings them back.",
  options: [DIR, JSON_OPTION],
  examples: [["snapshot before-tests 'dm*'", "all that begins with dm"]],
  samples: [["kept"]],
  parse(args): Options {
    const [target, pattern, extra] = args.words;
    if (target === undefined) throw new UsageError("DIR is missing");
    if (extra !== undefined) args.exactly("DIR", "PATTERN");
    return {
      target,
      pattern,
      open: dirOf(args),
      json: args.flag("json"),
    };
  },
  needs({ target, open }, scope): Needs {
    const streams = scope.folder(undefined, open.dir);
    // A set cannot know where files go: it reaches the folders of streams.
    const files = scope === GENERAL ? streams : scope.file(target);
    return {
      read: [...streams, ...files],
      write: files,
    };
  },
  async run({ target, pattern, open, json }, { out, signal }): Promise<number> {
    const { failed, ...list } = await snapshot(target, {
      ...open,
      ...pattern === undefined ? {} : { pattern },
      signal,
    });
    if (json) out.json({ ...list, failed });
    else {
      for (const { name, error } of failed) out.say(`shmim: ${name}: ${error}`);
      out.say(
        `${target}: ${list.streams.length} streams, ${list.links.length} links`,
      );
    }
    if (failed.length > 0) return EXIT.failed;
    if (list.streams.length + list.links.length > 0) return EXIT.done;
    if (!json) out.say("shmim: No stream matches");
    return EXIT.failed;
  },
});
