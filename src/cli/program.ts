/**
 * What the program is: the name by which it was called, and whether it runs in
 * its own Worker. Imports nothing: it is looked at by every start.
 *
 * @module
 */

/** The tool's own name. */
export const OWN_NAME = "shmim";

/** What a wrapper puts before the words, with its name behind it. */
export const CALLED_AS = "--called-as";

/** The Worker that holds no more than a command needs. */
export const NARROWED = "shmim-narrowed";

/** Where the program's own modules lie; what is compiled has them in itself. */
export const PROGRAM: readonly string[] = Deno.build.standalone ? [] : [
  decodeURIComponent(new URL("../../", import.meta.url).pathname)
    .slice(0, -1),
];

/** Whether this is the Worker of `runNarrowed`. */
export function isNarrowed(): boolean {
  const scope = globalThis as { WorkerGlobalScope?: unknown; name?: unknown };
  return scope.WorkerGlobalScope !== undefined && scope.name === NARROWED;
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The runtime's own name says nothing of what was called. */
const RUNTIME = /^deno$|^$/;

/** The kernel's copy of the command line: its first word is the name. */
const COMMAND_LINE = "/proc/self/cmdline";

/** With all of these nobody is asked for leave to read it. */
const ALL = ["read", "write", "net", "env", "sys", "run", "ffi"] as const;

/**
 * The first word of the command line. Node's `argv0` is the same, and costs
 * 40 ms. A program that may not look (a single command, a Worker) is told
 * nothing: its name does not matter.
 */
function calledAs(): string {
  const may = ALL.every((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
  if (!may) return "";
  try {
    return Deno.readTextFileSync(COMMAND_LINE).split("\0")[0] ?? "";
  } catch {
    return ""; // no /proc here, or something of it denied
  }
}

/**
 * The name by which the program was called: of the one file that holds it, or
 * of a symbolic link to that. Run from its sources it is `shmim`.
 *
 * @param called The first word of the command line.
 */
export function programName(called: string = calledAs()): string {
  const name = basename(called);
  return RUNTIME.test(name) ? OWN_NAME : name;
}

/**
 * Who was called, and with which words: a wrapper hands its name on in front
 * of them, which asks nobody for leave.
 *
 * @param args The arguments of the program.
 */
export function calledFor(
  args: readonly string[],
): { readonly name: string; readonly words: readonly string[] } {
  const [flag, name, ...words] = args;
  return flag === CALLED_AS && name !== undefined
    ? { name: basename(name), words }
    : { name: programName(), words: args };
}
