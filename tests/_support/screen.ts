/**
 * The command in a terminal: how it is started, what is waited for, and that
 * it leaves the terminal as it was.
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { CLI, type Folder, until } from "./cli.ts";
import { Terminal } from "./terminal.ts";

/**
 * Opens a terminal of 256 and more colours in a stream folder.
 *
 * @param size Columns and rows.
 * @param env More variables.
 */
export async function openScreen(
  folder: Folder,
  [columns, rows]: readonly [number, number],
  env: Readonly<Record<string, string>> = {},
): Promise<Terminal> {
  return await Terminal.open({
    columns,
    rows,
    cwd: folder.path,
    env: {
      MILK_SHM_DIR: folder.path,
      COLORTERM: "truecolor",
      TERM: "xterm-256color",
      DENO_DIR: Deno.env.get("DENO_DIR") ??
        `${Deno.env.get("HOME")}/.cache/deno`,
      ...env,
    },
  });
}

/** The shell's line for `shmim` with these words; it tells the exit code. */
export function shellLine(words: string): string {
  return `'${Deno.execPath()}' run -q -A '${CLI}' ${words}; echo "[$?]"`;
}

/** Waits until the screen's text fulfils something. */
export async function shows(
  terminal: Terminal,
  what: RegExp | ((text: string) => boolean),
): Promise<string> {
  let text = "";
  return await until(() => `${what} on\n${text}`, async () => {
    text = await terminal.text();
    const good = what instanceof RegExp ? what.test(text) : what(text);
    return good ? text : undefined;
  });
}

/** Waits for the exit code and for the terminal as it was. */
export async function left(terminal: Terminal, code: number): Promise<void> {
  await shows(terminal, new RegExp(`\\[${code}\\]\\n\\$`));
  assertEquals(await terminal.state("alternate_on"), "0");
  assertEquals(await terminal.state("cursor_flag"), "1");
  assertEquals(await terminal.state("wrap_flag"), "1");
  await terminal.type("stty -a");
  const settings = await shows(terminal, /-?echonl/);
  assertMatch(settings, /[^-]icanon/);
  assertMatch(settings, /[^-]echo /);
  assertMatch(settings, /[^-]isig/);
}
