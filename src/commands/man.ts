/** `shmim man`: the manual pages. @module */

import { dirname, join, resolve } from "@std/path";
import { defineCommand } from "../cli/command.ts";
import { CommandError, EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { JSON_OPTION } from "../cli/shared_options.ts";
import { allPages } from "../manual/mdoc.ts";
import { COMMANDS } from "./table.ts";

interface Options {
  readonly dir: string;
  readonly json: boolean;
}

/** Writes a page whole, over an older one. */
function put(path: string, text: string): void {
  const part = `${path}.${Deno.pid}.part`;
  try {
    Deno.writeTextFileSync(part, text);
    Deno.renameSync(part, path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    try {
      Deno.removeSync(part);
    } catch {
      // it was not made
    }
    throw new CommandError(
      `Cannot write "${path}": ${(error as Error).message}`,
    );
  }
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["man DIR"],
  description: "Writes the manual pages of the tool, its commands and its " +
    "topics into DIR/man1 and DIR/man7, where man finds them if DIR is in its " +
    "path, as ~/.local/share/man usually is. `shmim help TOPIC` and `shmim " +
    "COMMAND --help` show them without man.",
  options: [JSON_OPTION],
  examples: [["man ~/.local/share/man", "then: man shmim-load"]],
  samples: [["/tmp/man"]],
  parse(args): Options {
    const [dir = ""] = args.exactly("DIR");
    return { dir, json: args.flag("json") };
  },
  needs({ dir }, scope): Needs {
    const files = scope.file(resolve(dir));
    return { read: files, write: files, helper: false, variables: [] };
  },
  async run({ dir, json }, { out }): Promise<number> {
    const pages = await allPages(COMMANDS);
    const written: string[] = [];
    for (const { path, text } of pages) {
      const file = join(resolve(dir), path);
      Deno.mkdirSync(dirname(file), { recursive: true });
      put(file, text);
      written.push(file);
    }
    if (json) out.json({ written });
    else out.say(`${resolve(dir)}: ${written.length} pages`);
    return EXIT.done;
  },
});
