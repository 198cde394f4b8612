/** The commands of docs/recording.md do what the page says. */

import { assertEquals, assertMatch } from "@std/assert";
import { CLI, Folder, ROOT } from "../_support/cli.ts";

Deno.test("docs/recording.md: the night's log runs as it is printed", async () => {
  using folder = new Folder();
  const page = Deno.readTextFileSync(`${ROOT}docs/recording.md`);
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
    .map(([, text]) => text);
  assertEquals(blocks.length, 7);
  const bin = folder.file("bin");
  Deno.mkdirSync(bin);
  Deno.writeTextFileSync(
    `${bin}/shmim`,
    `#!/bin/sh\nexec "${Deno.execPath()}" run -q -A "${CLI}" "$@"\n`,
    { mode: 0o755 },
  );
  const work = folder.file("work");
  Deno.mkdirSync(work);
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-e", "-c", blocks.join("\n")],
    cwd: work,
    env: { PATH: `${bin}:${Deno.env.get("PATH")}`, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const out = new TextDecoder().decode(stdout);
  const err = new TextDecoder().decode(stderr);
  assertEquals(code, 0, `${out}\n${err}`);
  assertMatch(err, /wfs: 300 frames, 3\.0 MB in 3 files, \d+ missed/);
  assertMatch(err, /cut: \d+ frames, 99 % of them/);
  assertMatch(out, /night\/wfs_.*\.fits: 100 frames/);
  assertMatch(out, /piece\/cut_.*\.fits: \d+ frames/);
  assertMatch(out, /filled wfs\n/);
  assertMatch(out, /GAIN\s+D\s+2\.5\s+e\/adu\s*$/);
});
