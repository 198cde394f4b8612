/** A question that is answered at the terminal. @module */

import type { Output } from "./output.ts";

const LINE_BYTES = 4096; // no terminal gives more at once

/**
 * Asks a question; only `y` and `yes` mean yes. A Worker has no `confirm()`
 * of its own.
 */
export function confirmed(question: string, out: Output): boolean {
  out.ask(`${question} [y/N] `);
  const bytes = new Uint8Array(LINE_BYTES);
  const count = Deno.stdin.readSync(bytes) ?? 0;
  const answer = new TextDecoder().decode(bytes.subarray(0, count)).trim();
  return /^y(es)?$/i.test(answer);
}
