/** The build of the helper, from a fresh clone's point of view. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { helperSources, words } from "../../scripts/build.ts";
import { Folder, ROOT } from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";

/** Runs the build of a copy, so that nobody's library is touched. */
async function build(
  folder: Folder,
  env: Record<string, string>,
  change: (native: string) => void = () => {},
): Promise<{ code: number; err: string }> {
  const native = folder.file("native");
  Deno.mkdirSync(native);
  Deno.mkdirSync(folder.file("scripts/compile"), { recursive: true });
  for (const entry of Deno.readDirSync(`${ROOT}native`)) {
    if (!entry.isFile) continue;
    Deno.copyFileSync(`${ROOT}native/${entry.name}`, `${native}/${entry.name}`);
  }
  for (const script of ["scripts/build.ts", "scripts/compile/targets.ts"]) {
    Deno.copyFileSync(ROOT + script, folder.file(script));
  }
  change(native);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-qA", "--no-config", folder.file("scripts/build.ts")],
    env: { CFLAGS: "", CC: "", NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "null",
  }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

testWhere(
  "build makes the helper and nothing else",
  program("cc", "gcc"),
  async () => {
    using folder = new Folder();
    const { code, err } = await build(folder, { CC: "cc", CFLAGS: "-O0" });
    assertEquals([code, err], [0, ""]);
    const made = [...Deno.readDirSync(folder.file("native/build"))];
    assertEquals(made.map(({ name }) => name), ["libshmim.so"]);
  },
);

Deno.test("build without a C compiler names the missing package in one line", async () => {
  using folder = new Folder();
  const { code, err } = await build(folder, { CC: "no-such-compiler" });
  assertEquals(code, 1);
  assertMatch(
    err,
    /^shmim: No C compiler: "no-such-compiler"[^\n]* apt-get install gcc[^\n]*\n$/,
  );
});

testWhere("build respects CFLAGS", program("cc", "gcc"), async () => {
  using folder = new Folder();
  const { code, err } = await build(folder, { CFLAGS: "-DSHMIM_ABI=9" });
  assertEquals(code, 1);
  assertMatch(err, /SHMIM_ABI/);
});

testWhere(
  "build that fails leaves no library behind",
  program("cc", "gcc"),
  async () => {
    using folder = new Folder();
    const { code, err } = await build(folder, {}, (native) => {
      Deno.writeTextFileSync(`${native}/zzz.c`, "int broken(");
    });
    assertEquals(code, 1);
    assertMatch(err, /zzz\.c/);
    assertEquals([...Deno.readDirSync(folder.file("native/build"))], []);
  },
);

Deno.test("helperSources() are the C files of native/", () => {
  const sources = helperSources();
  assert(sources.length > 0);
  assert(sources.every((path) => path.endsWith(".c")));
});

Deno.test("words() splits a variable at blanks", () => {
  assertEquals(words("  -O2\t-g "), ["-O2", "-g"]);
  assertEquals(words(undefined), []);
});
