/** Where links of a folder lead, for what a list of it needs. @module */

import { dirname, join } from "@std/path";
import { listLinks } from "../../ffi/files.ts";
import { GENERAL, readable, type Scope, withTarget } from "../cli/needs.ts";
import { SUFFIX } from "../stream/names.ts";

function targetsIn(folder: string): string[] {
  try {
    const paths = listLinks(folder)
      .filter((name) => name.endsWith(SUFFIX))
      .flatMap((name) => withTarget(join(folder, name)));
    return readable(paths.filter((path) => dirname(path) !== folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return []; // listing it will say why
  }
}

/**
 * What links in folders lead to, where that may be looked at.
 *
 * @param folders The folders.
 * @param scope For one call, or for all: these name no file.
 */
export function linkTargets(
  folders: readonly string[],
  scope: Scope,
): string[] {
  return scope === GENERAL ? [] : folders.flatMap(targetsIn);
}
