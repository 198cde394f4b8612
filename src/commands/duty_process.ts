/** Starts the processes that a daemon has for what goes on without it. @module */

import { CommandError } from "../cli/errors.ts";
import { startDetached } from "./background.ts";

/** What such a process says when it stands. */
const STANDS = /(?:^|: )stands$/;

/**
 * Starts `shmim WORDS` in a session of its own, with the permissions of its
 * duty only. It goes on when this process ends.
 *
 * @param words Such as a `carry`.
 * @returns Its pid, when it stands.
 * @throws {CommandError} with its last words, where it ends before.
 */
export async function startDuty(words: readonly string[]): Promise<number> {
  const child = await startDetached(words);
  child.unref();
  let last = "";
  const stood = Promise.withResolvers<void>();
  const read = async (from: ReadableStream<Uint8Array>): Promise<void> => {
    let rest = "";
    for await (const chunk of from.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const one of lines) {
        if (STANDS.test(one)) stood.resolve();
        last = one;
      }
    }
    last = rest || last;
  };
  Promise.all([read(child.stdout), read(child.stderr)]).then(() => {
    throw new CommandError(
      `"shmim ${words.slice(0, 3).join(" ")}" ended: ${last}`,
    );
  }).catch(stood.reject);
  await stood.promise;
  return child.pid;
}
