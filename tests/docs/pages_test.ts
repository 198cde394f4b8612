/** The TypeScript of README.md and docs/ runs as it stands there. */

import { assertEquals } from "@std/assert";
import { ROOT } from "../_support/cli.ts";

Deno.test("the TypeScript of README.md and docs/ runs", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-q",
      "-P=test",
      "--doc",
      "--preload=./tests/_support/preload.ts",
      "README.md",
      "docs",
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  const said = text.decode(stdout) + text.decode(stderr);
  assertEquals(code, 0, said);
  assertEquals(/\| 0 failed/.test(said), true, said);
});
