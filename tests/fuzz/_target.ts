/** What a target is: something to fuzz. */

import { assert } from "@std/assert";
import type { SparseFile } from "./_fields.ts";
import type { Random } from "./_random.ts";

/** What became of a case. */
export type Outcome = "taken" | "refused";

/** Something to fuzz. */
export interface Target {
  readonly name: string;
  /** Of 1000 cases this many are for it. */
  readonly share: number;
  /** Makes the input of a case. */
  make(random: Random): SparseFile;
  /** Runs a case in a folder of its own for streams. */
  run(input: SparseFile, folder: string): Outcome | Promise<Outcome>;
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** Whether an error is one that the documentation names, in one clean line. */
export function refusedBy(
  error: unknown,
  ...classes: ErrorClass[]
): Outcome {
  if (!classes.some((one) => error instanceof one)) throw error;
  const { message } = error as Error;
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f\x7f-\x9f]/.test(message), JSON.stringify(message));
  assert(message.length > 0 && message.length < 500, message);
  return "refused";
}

/** An input that no zeros follow. */
export function whole(bytes: Uint8Array<ArrayBuffer>): SparseFile {
  return { bytes, length: bytes.length };
}
