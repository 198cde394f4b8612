/** Manual pages and topics. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { COMMANDS } from "../../src/commands/table.ts";
import { findTopic, TOPICS } from "../../src/manual/topics.ts";
import { run } from "../_support/child.ts";
import { done, Folder, json, ROOT, shmim } from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";

const PAGES = [
  "man1/shmim.1",
  ...COMMANDS.map(({ name }) => `man1/shmim-${name}.1`),
  ...TOPICS.map(({ name }) => `man7/shmim-${name}.7`),
];

/** Other pages need not be installed where one is looked at. */
const MISSING = /referenced manual not found: Xr shmim/;

testWhere(
  "shmim man writes pages that mandoc finds nothing wrong with",
  program("mandoc", "mandoc"),
  async () => {
    using folder = new Folder();
    const words = ["man", folder.file("man"), "--json"];
    const { written } = json(await done(words));
    assertEquals(written, PAGES.map((path) => folder.file(`man/${path}`)));
    assertEquals(json(await done(words)).written, written); // over the old
    assertEquals(
      ["man1", "man7"].flatMap((name) =>
        [...Deno.readDirSync(folder.file(`man/${name}`))].length
      ).reduce((sum, count) => sum + count),
      PAGES.length,
    );
    const { stdout, stderr } = await run("mandoc", ["-Tlint", ...written]);
    const wrong = `${stdout}${stderr}`.split("\n")
      .filter((line) => line !== "" && !MISSING.test(line));
    assertEquals(wrong, []);
    for (const path of written) {
      for (
        const [, name, section] of Deno.readTextFileSync(path)
          .matchAll(/^\.Xr (\S+) (\d)/gm)
      ) {
        const page = `man${section}/${name}.${section}`;
        assert(PAGES.includes(page), `${path} speaks of ${page}`);
      }
    }
    const page = await run("mandoc", [
      "-Tutf8",
      folder.file("man/man1/shmim-load.1"),
    ]);
    const text = page.stdout.split("\b").reduce((before, after) =>
      before.slice(0, -1) + after
    ).replace(/\s+/g, " ");
    assertStringIncludes(text, "shmim load -c [-p PREFIX] STREAM [OPTIONS]");
    assertStringIncludes(text, "-f, --force load in any case");
    assertStringIncludes(text, "file.fits[SCI,2][*,*,3:3]");
  },
);

Deno.test("shmim man says which page it could not write", async () => {
  using folder = new Folder();
  Deno.mkdirSync(folder.file("man1/shmim.1"), { recursive: true });
  const { code, err } = await shmim(["man", folder.path]);
  assertEquals(code, 1);
  assertMatch(err, /^shmim: Cannot write "[^\n]*\/man1\/shmim\.1": [^\n]+\n$/);
  assertEquals([...Deno.readDirSync(folder.file("man1"))].length, 1);
});

Deno.test("shmim help TOPIC prints each topic in 80 columns", async () => {
  const list = await done(["help", "topics"]);
  for (const { name, summary } of TOPICS) {
    assertStringIncludes(list, summary);
    const { code, out, err } = await shmim(["help", name], { flags: [] });
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, `shmim ${name} - ${summary}\n`);
    for (const line of out.split("\n")) {
      assert([...line].length <= 80, `${name}: ${line}`);
    }
  }
  assertEquals(await done(["help", "commands"]), await done(["--help"]));
  assertEquals(
    await done(["help", "exit", "codes"]),
    await done(["help", "exit-codes"]),
  );
  assertEquals(findTopic(["exit", "code"]), undefined);
});

Deno.test("shmim help environment has every variable that a command may look at", () => {
  const { permissions } = json(Deno.readTextFileSync(`${ROOT}deno.json`));
  const names = new Set(
    COMMANDS.flatMap(({ name }) => permissions[name].env ?? []),
  );
  assert(names.size > 8);
  const terms = findTopic(["environment"])?.blocks.flatMap((block) =>
    typeof block === "object" && "terms" in block
      ? block.terms.flatMap(([term]) => term.split(", "))
      : []
  );
  for (const name of names) assert(terms?.includes(String(name)), `${name}`);
});

Deno.test("shmim help of what is not there is wrong usage", async () => {
  const { code, err } = await shmim(["help", "wires"]);
  assertEquals(code, 2);
  assertStringIncludes(err, 'no topic "wires"; did you mean "wire"?');
});
