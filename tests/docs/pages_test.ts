/** The code on the pages for DAO's users runs as it stands there. */

import { assertEquals } from "@std/assert";
import { ROOT } from "../_support/cli.ts";

Deno.test("the code of quick-start.md and dao.md runs", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-q",
      "-P=test",
      "--doc",
      "--preload=./tests/_support/preload.ts",
      "docs/quick-start.md",
      "docs/dao.md",
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
