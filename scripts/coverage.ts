/**
 * How much of `src/` and `ffi/` the tests run through: `coverage.ts [FOLDER]`.
 * Without a folder it runs the tests first; processes that tests start are
 * counted with them. Fails below 90 % of lines.
 * @module
 */

const AT_LEAST = 90;
const ROOT = new URL("../", import.meta.url);
const INCLUDE = `^${ROOT.href}(src|ffi)/`;

async function run(args: string[], env: Record<string, string>): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args,
    env,
    cwd: ROOT,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`deno ${args.join(" ")} ended with ${code}`);
}

/** Per cent of the lines, by Deno's report. */
async function lines(folder: string): Promise<number> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["coverage", `--include=${INCLUDE}`, folder],
    env: { NO_COLOR: "1" },
    cwd: ROOT,
    stderr: "inherit",
  }).output();
  const report = new TextDecoder().decode(stdout);
  Deno.stdout.writeSync(stdout);
  const all = /^\| All files +\|(.*)\|$/m.exec(report)?.[1]?.split("|").at(-1);
  if (all === undefined) throw new Error("Deno reported no coverage");
  return Number(all);
}

async function measured(folder: string): Promise<number> {
  // Some tests start a process as another user, which writes here, too.
  Deno.chmodSync(folder, 0o1777);
  await run(["task", "test"], { DENO_COVERAGE_DIR: folder });
  return await lines(folder);
}

async function main(): Promise<number> {
  const [given] = Deno.args;
  if (given !== undefined) return await lines(given);
  const folder = Deno.makeTempDirSync({ prefix: "shmim-coverage-" });
  try {
    return await measured(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const covered = await main();
const verdict =
  `${covered} % of the lines of src and ffi, at least ${AT_LEAST}`;
Deno.stdout.writeSync(new TextEncoder().encode(`${verdict}\n`));
if (!(covered >= AT_LEAST)) Deno.exitCode = 1;
