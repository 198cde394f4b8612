/**
 * `deno compile`, and what it says where it has no runtime base.
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { isForeign, type Target } from "./targets.ts";

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

/** Why `deno compile` failed, where the runtime base is its reason. */
export function runtimeBaseReason(stderr: string): string | undefined {
  const causes = stderr.split("\n").flatMap((line) =>
    /^\s+(?:\d+: )(.*)$/.exec(line)?.[1] ?? []
  );
  const about = causes.findIndex((cause) =>
    /^Setting up base binary|^Could not find denort|^Writing binary bytes/
      .test(cause)
  );
  if (about < 0) return undefined;
  const own = causes.slice(about)
    .filter((cause) => !/^(Setting up base binary|<unknown>)/.test(cause));
  const [first = "no reason was given"] = own;
  const last = own.at(-1) ?? first;
  // The first says it all, its own causes with it, or only what was tried.
  const what = first.replace(/^(.*?\(https?:[^)]*\)).*$/, "$1");
  return own.length === 1 ? what : `${what}: ${last}`;
}

/**
 * Runs `deno compile`.
 *
 * @throws {RuntimeBaseError} where `denort` cannot be had, or is none.
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
  if (success) return await verify(what);
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

/** A whole `deno` is no runtime base: what is built on it opens a prompt. */
async function verify({ out, target }: Compilation): Promise<void> {
  if (isForeign(target)) return;
  const { stdout } = await new Deno.Command(out, {
    args: ["--version"],
    stdin: "null",
    stderr: "null",
  }).output();
  const said = new TextDecoder().decode(stdout).trim();
  if (said === `shmim ${config.version}`) return;
  Deno.removeSync(out);
  throw new RuntimeBaseError(
    "What was built does not run as shmim: DENORT_BIN must name a denort " +
      `${Deno.version.deno}, not deno itself`,
  );
}
