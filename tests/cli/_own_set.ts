/** Commands under their own permission set only. @module */

import { assert, assertEquals } from "@std/assert";
import type { Stream } from "../../src/stream/stream.ts";
import { type Folder, type Outcome, shmim } from "../_support/cli.ts";

/** A real case of each command, by its name; `cam` lies in the folder. */
export type OwnCases = Readonly<
  Record<string, (folder: Folder, cam: Stream) => Promise<void>>
>;

/** The sets name it. */
export const TMP = "/tmp";

/** Runs a command under its own set only. */
export function own(
  words: readonly string[],
  folder: Folder,
): Promise<Outcome> {
  const flags = [`-P=${words[0]}`];
  return shmim(words, { folder, flags, cwd: folder.path });
}

/** Its output, where it was allowed all it did. */
export function good({ code, out, err }: Outcome): string {
  assertEquals(code, 0, err);
  assert(!/Requires|NotCapable/.test(err), err);
  return out;
}
