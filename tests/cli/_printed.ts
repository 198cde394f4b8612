/** Runs the line that `shmim permissions …` prints, exactly as printed. */

import { assert } from "@std/assert";
import { dirname } from "@std/path";
import { done, type Folder, variables } from "../_support/cli.ts";

/** Where it is run. */
export interface PrintedPlace {
  /** The folder of streams. */
  readonly streams: Folder;
  /** The working directory. */
  readonly path: string;
}

/** What the line left. */
export interface PrintedOutcome {
  readonly line: string;
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Variables of a shell that runs such a line: it finds Deno. */
export function shellVariables(folder: Folder): Record<string, string> {
  const path = `${dirname(Deno.execPath())}:${Deno.env.get("PATH") ?? ""}`;
  return { ...variables(folder), PATH: path };
}

/** Asks for the line. */
export async function printedLine(
  { streams, path }: PrintedPlace,
  words: readonly string[],
): Promise<string> {
  const around = { folder: streams, cwd: path };
  return (await done(["permissions", ...words], around)).trim();
}

/** Asks for the line, and runs it in a shell. */
export async function runPrinted(
  place: PrintedPlace,
  words: readonly string[],
): Promise<PrintedOutcome> {
  const line = await printedLine(place, words);
  assert(!line.includes("--allow-all") && !/ -A /.test(line), line);
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", line],
    cwd: place.path,
    env: shellVariables(place.streams),
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { line, code, out: text(stdout), err: text(stderr) };
}

/** Where no permission set of deno.json reaches. */
export const ELSEWHERE = "/var/tmp";
