/** `shmim rm`: removes streams. @module */

import { confirmed } from "../cli/confirm.ts";
import { defineCommand } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import type { Output } from "../cli/output.ts";
import { DIR, JSON_OPTION, streamArgument } from "../cli/shared_options.ts";
import { removeStream } from "../stream/remove.ts";

interface Options {
  readonly names: readonly string[];
  readonly dir: string | undefined;
  readonly yes: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

function agreed(options: Options, out: Output): boolean {
  if (options.yes) return true;
  if (!Deno.stdin.isTerminal() || !out.errorIsTerminal) {
    throw new CommandError(
      "Nobody can be asked here: --yes removes without a question",
      EXIT.usage,
    );
  }
  return confirmed(`Remove ${options.names.join(", ")}?`, out);
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["rm NAME… [OPTIONS]"],
  description: "Removes streams, after a question. Refuses while the owner " +
    "(or, where nobody owns it, the last writer) or a reader lives. Of a " +
    "link, only the link is removed; a DAO stream's semaphores go with it, " +
    "unless another stream in its folder has the same ones.",
  options: [
    { name: "yes", short: "y", help: "do not ask" },
    { name: "force", short: "f", help: "even where somebody uses it" },
    DIR,
    JSON_OPTION,
  ],
  examples: [["rm --yes dm01disp11", "from a script"]],
  samples: [["cam"]],
  parse(args): Options {
    if (args.words.length === 0) throw new UsageError("NAME is missing");
    return {
      names: args.words.map(streamArgument),
      dir: args.text("dir"),
      yes: args.flag("yes"),
      force: args.flag("force"),
      json: args.flag("json"),
    };
  },
  needs({ names, dir }, scope): Needs {
    const files = names.flatMap((name) => scope.stream(name, dir));
    const shared = names.flatMap((name) => scope.folder(name, dir));
    return { read: [...files, ...shared], write: files, libc: true };
  },
  run(options, { out }): number {
    if (!agreed(options, out)) {
      out.say("Nothing removed");
      return EXIT.failed;
    }
    const removed: string[] = [];
    const failures: string[] = [];
    for (const name of options.names) {
      try {
        removed.push(removeStream(name, {
          ...options.dir === undefined ? {} : { dir: options.dir },
          force: options.force,
        }));
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
    if (options.json) out.json({ removed, failures });
    else for (const path of removed) out.say(`removed ${path}`);
    if (failures.length === 0) return EXIT.done;
    for (const failure of failures.slice(0, -1)) out.say(`shmim: ${failure}`);
    throw new CommandError(failures.at(-1) ?? "");
  },
});
