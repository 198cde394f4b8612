/** The ways to have shmim that need a Deno: each as docs/install.md has it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { CLI, Folder, ROOT } from "../_support/cli.ts";

const decoder = new TextDecoder();

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: options.cwd ?? "/",
    env: { NO_COLOR: "1", ...options.env },
    stdin: "null",
  }).output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** A program that is in good order makes a stream and tells of it. */
async function assertWorks(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  using folder = new Folder();
  using elsewhere = new Folder();
  const options = {
    cwd: elsewhere.path,
    env: { MILK_SHM_DIR: folder.path, ...env },
  };
  const made = await run(
    program,
    [...args, "create", "cam", "4", "u8"],
    options,
  );
  assertEquals(made.code, 0, made.err);
  const told = await run(program, [...args, "info", "cam"], options);
  assertEquals(told.code, 0, told.err);
  assertMatch(told.out, /u8/);
  assertEquals(folder.names(), ["cam.im.shm"]);
  assertEquals(elsewhere.names(), []);
}

Deno.test("deno run works from a checkout in any working directory", async () => {
  await assertWorks(Deno.execPath(), ["run", "-q", "-A", CLI]);
});

/** The words of a line of docs/install.md. */
function documented(pattern: RegExp): string[] {
  const text = Deno.readTextFileSync(`${ROOT}docs/install.md`);
  const [line] = pattern.exec(text) ?? [];
  assert(line !== undefined, `docs/install.md has no ${pattern}`);
  return line.split(" ");
}

Deno.test("deno install -g works from a checkout, as docs/install.md has it", async () => {
  using folder = new Folder();
  const [, ...words] = documented(/^deno install -g .*$/m);
  const root = folder.file("deno");
  const done = await run(Deno.execPath(), [...words, "--root", root], {
    cwd: ROOT,
  });
  assertEquals(done.code, 0, done.err);
  const here = Deno.execPath().replace(/\/[^/]*$/, "");
  await assertWorks(`${root}/bin/shmim`, [], {
    PATH: `${here}:${Deno.env.get("PATH") ?? ""}`,
  });
});

Deno.test("deno publish --dry-run has nothing against the library", async () => {
  const done = await run(
    Deno.execPath(),
    // The other steps of the gate look at types and at the state of git.
    ["publish", "--dry-run", "--no-check", "--allow-dirty"],
    { cwd: ROOT },
  );
  assertEquals(done.code, 0, done.err);
  assertMatch(done.err, /Dry run complete/);
  for (const file of ["mod.ts", "cli.ts", "native/shmim.h", "std/path.ts"]) {
    assert(done.err.includes(`${ROOT}${file} (`), `${file} is missing`);
  }
  assert(!/\/(tests|native\/build|dist|scripts\/bench)\//.test(done.err));
});
