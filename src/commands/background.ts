/**
 * Starts the program once more, for what outlives its terminal: a device, a
 * daemon, the processes that a daemon has.
 * @module
 */

import { CommandError } from "../cli/errors.ts";
import { keepDescriptors } from "../../ffi/process.ts";
import { runLine } from "./permissions.ts";

/** Deno itself, as it may be started: a permission set can only name it. */
function denoProgram(): string {
  const path = Deno.execPath();
  const { state } = Deno.permissions.querySync({ name: "run", command: path });
  return state === "granted" || Deno.build.standalone ? path : "deno";
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return (await new Response(stream).text()).trim();
}

/** The first line, `undefined` where it ends without one. */
async function firstLine(
  stream: ReadableStream<Uint8Array>,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return undefined;
}

/**
 * Starts a command in a session of its own, with just the permissions that it
 * needs. Both its outputs have to be read.
 *
 * @param words Its command line.
 * @param within What it is started by, with the words of that.
 */
export async function startDetached(
  words: readonly string[],
  within: readonly string[] = [],
): Promise<Deno.ChildProcess> {
  const line = await runLine(words);
  keepDescriptors();
  const [program = "", ...args] = [
    ...within,
    denoProgram(),
    ...Deno.build.standalone ? words : line.slice(1),
  ];
  return new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
}

/**
 * Starts a command in a session of its own, with just the permissions that it
 * needs, and waits for the line in which it says that it stands.
 *
 * @param words Its command line.
 * @returns That line.
 * @throws {CommandError} with its own words and code where it ends without.
 */
export async function launch(words: readonly string[]): Promise<string> {
  const child = await startDetached(words);
  const said = textOf(child.stderr);
  const place = await firstLine(child.stdout);
  if (place === undefined) {
    const { code } = await child.status;
    const why = (await said).replace(/^shmim: /, "");
    throw new CommandError(why || `The ${words[0]} did not start`, code || 1);
  }
  child.unref();
  return place;
}
