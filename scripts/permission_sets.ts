/**
 * The permission sets of `deno.json`, made from what the commands say they
 * need: `deno task permissions` writes them, a test holds them against the
 * file.
 * @module
 */

import { fromFileUrl } from "../std/path/from_file_url.ts";
import { Arguments } from "../src/cli/args.ts";
import { GENERAL, permissionSet, union } from "../src/cli/needs.ts";
import { COMMANDS } from "../src/commands/table.ts";

/** The set of each command, by its name. */
export async function permissionSets(): Promise<Record<string, unknown>> {
  const sets: Record<string, unknown> = {};
  for (const { name, load } of COMMANDS) {
    const { command } = await load();
    const needs = command.samples.map((words) => {
      const args = new Arguments(words, command.options);
      return command.needs(command.parse(args), GENERAL);
    });
    sets[name] = permissionSet(union(needs));
  }
  return sets;
}

const CONFIG = fromFileUrl(new URL("../deno.json", import.meta.url));

if (import.meta.main) {
  const config = JSON.parse(Deno.readTextFileSync(CONFIG));
  Object.assign(config.permissions, await permissionSets());
  Deno.writeTextFileSync(CONFIG, JSON.stringify(config, null, 2) + "\n");
}
