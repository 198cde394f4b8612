/**
 * How the processes of the bench talk to it: lines on stdin and stdout.
 * @module
 */

import { processMemory } from "../../ffi/clock.ts";

const encoder = new TextEncoder();

function say(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

function collectGarbage(): void {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
}

/** Answers "memory" and "counters" until stdin ends. */
async function questions(
  counters: () => Record<string, unknown> = () => ({}),
): Promise<void> {
  for await (
    const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  ) {
    if (text.startsWith("memory")) {
      collectGarbage();
      say(String(processMemory()));
    } else if (text.startsWith("counters")) {
      say(JSON.stringify(counters()));
    }
  }
}

/** Lines to and from the bench. */
export const answer: {
  say: (line: string) => void;
  questions: (counters?: () => Record<string, unknown>) => Promise<void>;
} = { say, questions };
