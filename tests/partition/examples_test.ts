/** docs/examples: what systemd and the daemon are to read, they can read. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "../../std/toml.ts";
import { Arguments } from "../../src/cli/args.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { CONFIG_KEYS, readConfig } from "../../src/partition/config.ts";
import { run } from "../_support/child.ts";
import { Folder, ROOT } from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";

const EXAMPLES = `${ROOT}docs/examples/`;
const PROGRAM = "/usr/local/bin/shmim";
const UNITS = [...Deno.readDirSync(EXAMPLES)].map(({ name }) => name)
  .filter((name) => name.endsWith(".service")).sort();

/** The values of a key of a unit. */
function values(unit: string, key: string): string[] {
  return Deno.readTextFileSync(EXAMPLES + unit).split("\n")
    .filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1));
}

Deno.test("both units are there", () => {
  assertEquals(UNITS, ["shmim-bridge@.service", "shmim-daemon@.service"]);
});

testWhere(
  "systemd finds nothing wrong with the units",
  program("systemd-analyze", "systemd"),
  async () => {
    using folder = new Folder();
    for (const unit of UNITS) {
      const text = Deno.readTextFileSync(EXAMPLES + unit);
      assert(text.includes(PROGRAM));
      const path = folder.file(unit);
      // It looks whether the program is there.
      Deno.writeTextFileSync(path, text.replaceAll(PROGRAM, "/bin/true"));
      const { code, stdout, stderr } = await run("systemd-analyze", [
        "verify",
        path,
      ]);
      assertEquals([code, stdout, stderr], [0, "", ""], unit);
      // A word that it does not know is told: the test can fail.
      Deno.writeTextFileSync(
        path,
        text.replaceAll(PROGRAM, "/bin/true") + "[Service]\nNoSuchKey=1\n",
      );
      const bad = await run("systemd-analyze", ["verify", path]);
      assertStringIncludes(bad.stderr, "NoSuchKey");
    }
  },
);

Deno.test("what the units start is a command line of this program", async () => {
  for (const unit of UNITS) {
    const [line = "", more] = values(unit, "ExecStart");
    assertEquals(more, undefined);
    const [file, name, ...words] = line.replaceAll("%i", "0").split(" ");
    assertEquals(file, PROGRAM);
    const entry = COMMANDS.find((one) => one.name === name);
    const { command } = await entry?.load() ?? {};
    assert(command !== undefined, `${name} of ${unit}`);
    command.parse(new Arguments(words, command.options));
  }
});

Deno.test("the folders of the daemon's unit are those that it names", () => {
  const unit = "shmim-daemon@.service";
  const [line = ""] = values(unit, "ExecStart");
  const writable = values(unit, "ReadWritePaths").join(" ").split(" ");
  const variables = values(unit, "Environment");
  const [runtime] = values(unit, "RuntimeDirectory");
  const [cache] = values(unit, "CacheDirectory");
  assertStringIncludes(line, `--run /run/${runtime} `);
  const { dir = "" } = readConfig(`${EXAMPLES}unit-0.toml`);
  assert(writable.includes(dir) && variables.includes(`MILK_SHM_DIR=${dir}`));
  // A portable file unpacks itself there: all else is shut or read-only.
  assertEquals(values(unit, "ProtectSystem"), ["strict"]);
  assert(variables.includes(`XDG_CACHE_HOME=%C/${cache}`));
  // Streams in /tmp are those that others see.
  assertEquals(values(unit, "PrivateTmp"), []);
});

Deno.test("unit-0.toml has every key, and is read as it stands and in full", () => {
  const path = `${EXAMPLES}unit-0.toml`;
  const plain = readConfig(path);
  assertEquals([plain.partition, plain.mounts.length], [1, 1]);
  using folder = new Folder();
  const full = Deno.readTextFileSync(path)
    .replace(/^# (?=\w+ = |\[\[)/gm, "");
  const file = folder.file("full.toml");
  Deno.writeTextFileSync(file, full);
  const { listen, key, peers } = readConfig(file);
  assert(listen !== undefined && key !== undefined && peers.length === 1);
  const fields = parse(full);
  assertEquals(
    Object.fromEntries(
      Object.keys(CONFIG_KEYS).map((table) => {
        const [first = fields] = (fields[table] ?? []) as [typeof fields];
        return [table, Object.keys(first).sort()];
      }),
    ),
    Object.fromEntries(
      Object.entries(CONFIG_KEYS).map(([table, keys]) => [
        table,
        [...keys].sort(),
      ]),
    ),
  );
});

Deno.test("the page on bridges shows the unit as it is", () => {
  assertStringIncludes(
    Deno.readTextFileSync(`${ROOT}docs/bridging.md`),
    "```ini\n" +
      Deno.readTextFileSync(`${EXAMPLES}shmim-bridge@.service`) + "```\n",
  );
});
