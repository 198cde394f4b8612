/** Runs the line that `shmim permissions …` prints, exactly as printed. */

import { assertEquals } from "@std/assert";
import { dirname } from "@std/path";
import type { Workplace } from "../load/_workplace.ts";

/** What the line left. */
export interface PrintedOutcome {
  readonly line: string;
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Asks for the line, and runs it in a shell. */
export async function runPrinted(
  place: Workplace,
  words: readonly string[],
): Promise<PrintedOutcome> {
  const line = (await place.done("permissions", ...words)).trim();
  assertEquals(line.includes("--allow-all"), false);
  const path = `${dirname(Deno.execPath())}:${Deno.env.get("PATH") ?? ""}`;
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", line],
    cwd: place.path,
    env: { PATH: path, MILK_SHM_DIR: place.streams.path, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { line, code, out: text(stdout), err: text(stderr) };
}

/** Where no permission set of deno.json reaches. */
export const ELSEWHERE = "/var/tmp";
