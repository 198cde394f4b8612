/** Starts the processes that carry streams between hosts. @module */

import { CommandError } from "../cli/errors.ts";
import { keepDescriptors } from "../../ffi/segment.ts";
import type { StartedPump } from "../partition/pumps.ts";
import { denoProgram } from "./device_background.ts";
import { runLine } from "./permissions.ts";

/** What a receiver and a transmitter say when they stand. */
const STANDS = /listening on .*:(\d+)$/;

/**
 * Starts `shmim WORDS` in a session of its own, with the permissions of its
 * duty only. It goes on when this process ends.
 *
 * @param words A `receive` or a `transmit`.
 * @param onLine Told what it says.
 */
export async function startPump(
  words: readonly string[],
  onLine: (line: string) => void,
): Promise<StartedPump> {
  const line = await runLine(words);
  keepDescriptors();
  const child = new Deno.Command(denoProgram(), {
    args: Deno.build.standalone ? [...words] : line.slice(1),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    detached: true,
  }).spawn();
  child.unref();
  const stands = Promise.withResolvers<number>();
  if (words[0] !== "receive") stands.resolve(0);
  const read = async (): Promise<void> => {
    let rest = "";
    const text = child.stderr.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const one of lines) {
        const match = STANDS.exec(one);
        if (match !== null) stands.resolve(Number(match[1]));
        onLine(one);
      }
    }
    stands.reject(
      new CommandError(`"shmim ${words.join(" ")}" ended: ${rest}`),
    );
  };
  read().catch(stands.reject);
  return { pid: child.pid, port: await stands.promise };
}
