/**
 * `deno compile`, and what it says where it has no runtime base.
 * @module
 */

import type { Target } from "./targets.ts";

/** What `deno compile` is given. */
export interface Compilation {
  /** The file to start. */
  readonly entry: string;
  /** Files that are embedded beside the modules. */
  readonly include: readonly string[];
  /** Permissions and unstable features. */
  readonly flags: readonly string[];
  /** The machine. */
  readonly target: Target;
  /** The program. */
  readonly out: string;
}

/** There is no `denort` to build on. */
export class RuntimeBaseError extends Error {
  override name = "RuntimeBaseError";
}

/** The line for a failure, where the runtime base is its reason. */
export function runtimeBaseReason(stderr: string): string | undefined {
  if (!/denort|Setting up base binary|DENORT_BIN/.test(stderr)) {
    return undefined;
  }
  const lines = stderr.split("\n").map((line) => line.trim());
  const start = lines.findIndex((line) => /Setting up base binary/.test(line));
  const reason = lines.slice(start + 1)
    .map((line) => /^(?:\d+: )?(\S.*)$/.exec(line)?.[1])
    .find((line) => line !== undefined && !/^Caused by/.test(line));
  return reason ?? "no reason was given";
}

/**
 * Runs `deno compile`.
 *
 * @throws {RuntimeBaseError} where `denort` cannot be had.
 */
export async function compileWithDeno(what: Compilation): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--no-config",
      "--no-lock",
      "--no-check",
      "--no-prompt",
      ...what.flags,
      ...what.include.flatMap((path) => ["--include", path]),
      "--target",
      what.target.triple,
      "--output",
      what.out,
      what.entry,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  const text = new TextDecoder().decode(stderr);
  const reason = runtimeBaseReason(text);
  if (reason === undefined) {
    throw new Error(`deno compile failed:\n${text.trim()}`);
  }
  throw new RuntimeBaseError(
    `Deno's runtime base (denort ${Deno.version.deno}) cannot be had: ` +
      `${reason}; name a local copy with DENORT_BIN, or make a portable ` +
      "program with --portable",
  );
}
