/**
 * What the tests leave behind: System V objects, `/dev/shm`, test folders and
 * terminals in the folder of temporary files, processes of the command.
 *
 *     deno run -P=test scripts/leaks.ts record FILE
 *     deno run -P=test scripts/leaks.ts compare FILE [SECONDS]
 *
 * `compare` waits a little (10 s) for what is ending, then names all that was
 * not there when FILE was recorded, and ends with 1 where there is something.
 * @module
 */

import { basename } from "@std/path";
import { fromFileUrl } from "../std/path/from_file_url.ts";

const CLI = fromFileUrl(new URL("../cli.ts", import.meta.url));

function names(folder: string, pattern: RegExp): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => pattern.test(name)).map((name) => `${folder}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function text(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // it has ended, or it is another user's
  }
}

/** Key and id of each object in a table of the kernel. */
function objects(kind: "shm" | "sem" | "msg"): string[] {
  return text(`/proc/sysvipc/${kind}`).split("\n").slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, id]) => id !== undefined)
    .map(([key, id]) => `System V ${kind}: key ${key}, id ${id}`);
}

/** Processes that run the command of this tree. */
function processes(): string[] {
  return names("/proc", /^\d+$/).flatMap((folder) => {
    const words = text(`${folder}/cmdline`).split("\0");
    const at = words.indexOf(CLI);
    return at < 0 ? [] : [
      `process ${basename(folder)}: ${words.slice(at + 1).join(" ").trim()}`,
    ];
  });
}

/** Sockets of tmux whose server lives: it leaves its socket's name behind. */
function terminals(): string[] {
  const open = text("/proc/net/unix");
  return names("/tmp", /^tmux-\d+$/).flatMap((one) => names(one, /^shmim/))
    .filter((socket) => open.includes(`${socket}\n`));
}

/** All that a test could have left. */
export function leftovers(): string[] {
  const temporary = Deno.env.get("TMPDIR") ?? "/tmp";
  return [
    ...objects("shm"),
    ...objects("sem"),
    ...objects("msg"),
    ...names("/dev/shm", /./),
    ...names(temporary, /^shmim|\.im\.shm|^[0-9a-f]{16}$/),
    ...terminals(),
    ...processes(),
  ];
}

/** What is there now and was not then. */
export function leaked(before: readonly string[]): string[] {
  return leftovers().filter((item) => !before.includes(item));
}

async function compare(file: string, patienceMs: number): Promise<number> {
  const before = JSON.parse(Deno.readTextFileSync(file));
  const end = performance.now() + patienceMs;
  while (leaked(before).length > 0 && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const left = leaked(before);
  for (const item of left) {
    // deno-lint-ignore no-console
    console.error(`left behind: ${item}`);
  }
  return left.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  const [action, file = "", seconds = "10"] = Deno.args;
  if (action === "record") {
    Deno.writeTextFileSync(file, JSON.stringify(leftovers()));
  } else if (action === "compare") {
    Deno.exitCode = await compare(file, Number(seconds) * 1000);
  } else {
    // deno-lint-ignore no-console
    console.error("usage: leaks.ts record FILE | compare FILE [SECONDS]");
    Deno.exitCode = 2;
  }
}
