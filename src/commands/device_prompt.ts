/** The conversation with a device, here or elsewhere. @module */

import { EXIT } from "../cli/errors.ts";
import { inputLines } from "../cli/lines.ts";
import { type Output, printable } from "../cli/output.ts";
import type { Reply } from "../sysv/prompt.ts";

const PROMPT = "device> ";

/**
 * Reads lines and has them done until the device or the input ends.
 *
 * @param out Replies go to its standard output.
 * @param send Does what a line says.
 * @returns The exit code: 1 where a line from a pipe could not be done.
 */
export async function converse(
  out: Output,
  send: (line: string) => Promise<Reply>,
): Promise<number> {
  const interactive = Deno.stdin.isTerminal() && out.errorIsTerminal;
  const lines = inputLines();
  let code: number = EXIT.done;
  const ask = async (question: string): Promise<string | undefined> => {
    if (interactive) out.live(question);
    const { value } = await lines.next();
    if (interactive) out.live("");
    return value ?? undefined;
  };
  for (;;) {
    const typed = (await ask(PROMPT))?.trim();
    if (typed === undefined) break;
    if (typed === "" || typed.startsWith("#")) continue;
    const line = typed === "config" ? await completed(ask) : typed;
    if (line === undefined) break;
    const { ok, ended, text } = await send(line);
    for (const row of text.split("\n")) {
      if (ok) out.line(printable(row));
      else out.say(`shmim device: ${printable(row)}`);
    }
    if (!ok && !interactive) code = EXIT.failed;
    if (ended) break;
  }
  return code;
}

/** Asks for what `config` needs; an empty answer keeps what is. */
async function completed(
  ask: (question: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const wave = await ask("wave (SIN, QUA, TRI; empty keeps it): ");
  const period = await ask("period in s (empty keeps it): ");
  if (wave === undefined || period === undefined) return undefined;
  return `config ${wave.trim() || "-"} ${period.trim() || "-"}`;
}
