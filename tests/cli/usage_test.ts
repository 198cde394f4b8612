/** What every command has in common: help, errors, pipes, signals. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { VERSION } from "../../src/cli/version.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  CLI,
  done,
  Folder,
  json,
  ROOT,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";

const NAMES = COMMANDS.map(({ name }) => name);

function assertNarrow(text: string): void {
  for (const line of text.split("\n")) {
    assert([...line].length <= 80, `wider than 80: ${line}`);
  }
}

Deno.test("shmim --help lists every command", async (t) => {
  const out = await done(["--help"]);
  assertNarrow(out);
  for (const name of NAMES) assertMatch(out, new RegExp(`^  ${name} `, "m"));
  assertEquals(await done(["help"]), out);
  assertEquals(await done(["-h"]), out);
  await t.assertSnapshot(out);
});

Deno.test.each(NAMES)(
  "shmim %s --help fits into 80 columns and needs nothing",
  async (name) => {
    const { code, out, err } = await shmim([name, "--help"], { flags: [] });
    assertEquals([code, err], [0, ""]);
    assertNarrow(out);
    assertStringIncludes(out, `Usage: shmim ${name}`);
    assertMatch(out, /^Examples?:$/m);
  },
);

Deno.test("shmim help COMMAND prints what COMMAND --help prints", async (t) => {
  for (const name of NAMES) {
    const out = await done(["help", name]);
    assertEquals(await done([name, "-h"]), out);
    await t.assertSnapshot(out);
  }
});

Deno.test("shmim --version is the version of deno.json", async () => {
  const config = json(Deno.readTextFileSync(`${ROOT}deno.json`));
  assertEquals(VERSION, config.version);
  assertEquals(await done(["--version"]), `shmim ${VERSION}\n`);
});

Deno.test("shmim without a command prints the overview and ends with 2", async () => {
  const { code, out, err } = await shmim([]);
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(err, "Usage: shmim COMMAND");
});

const MISTYPED = [
  [["creat", "a"], 'Unknown command "creat"; did you mean "create"?'],
  [["xyzzy"], 'Unknown command "xyzzy" (shmim --help)'],
  [["help", "trasmit"], 'did you mean "transmit"?'],
  [["info", "a", "--jsn"], 'Unknown option --jsn; did you mean "--json"?'],
  [["info", "a", "--xyzzy=1"], "Unknown option --xyzzy (shmim info --help)"],
  [["rm", "a", "-x"], "Unknown option -x"],
  [["permissions"], "COMMAND is missing"],
  [["permissions", "inf", "a"], 'did you mean "info"?'],
] as const;

Deno.test.each(MISTYPED)(
  "shmim ends with 2 and says what was perhaps meant: %s",
  async (words, reason) => {
    const { code, out, err } = await shmim(words);
    assertEquals([code, out], [2, ""]);
    assertStringIncludes(err, reason);
    assertEquals(err.trimEnd().split("\n").length, 1);
  },
);

Deno.test("shmim prints no stack trace without --debug", async () => {
  using folder = new Folder();
  const { code, err } = await shmim(["info", "none"], { folder });
  assertEquals(code, 1);
  assertMatch(err, /^shmim: [^\n]+\n$/);
  const debug = await shmim(["info", "none", "--debug"], { folder });
  assertEquals(debug.code, 1);
  assertMatch(debug.err, /\n {4}at /);
  assertStringIncludes(debug.err, "StreamNotFoundError");
});

/** Runs a line in a shell. */
async function shell(line: string): Promise<{ text: string; err: string }> {
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", line],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { text: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("shmim ends with 0 where its reader goes away", async () => {
  using folder = new Folder();
  Stream.create("a", { dir: folder.path, size: [512, 512], type: "u16" })
    .close();
  const run = `${Deno.execPath()} run -qA ${CLI}`;
  const { text, err } = await shell(
    `${run} read a --dir ${folder.path} --format text | head -1 | wc -l; ` +
      'echo "codes ${PIPESTATUS[0]}"',
  );
  assertEquals(err, "");
  assertMatch(text, /^1\n/);
  const codes = await shell(
    `${run} read a --dir ${folder.path} --format text | head -1 >/dev/null; ` +
      'echo "${PIPESTATUS[@]}"; ' +
      `${run} --help | true; echo "\${PIPESTATUS[@]}"`,
  );
  assertEquals(codes, { text: "0 0\n0 0\n", err: "" });
});

Deno.test("shmim says that its standard output is full", async () => {
  using folder = new Folder();
  Stream.create("a", { dir: folder.path, size: [4], type: "u8" }).close();
  const { text, err } = await shell(
    `${Deno.execPath()} run -qA ${CLI} info a --dir ${folder.path} ` +
      '>/dev/full; echo "code $?"',
  );
  assertEquals(text, "code 1\n");
  assertMatch(err, /^shmim: No space left on device[^\n]*\n$/);
});

Deno.test.each([["SIGINT", 130], ["SIGTERM", 143]] as const)(
  "shmim read ends with its code on %s, its semaphore given back",
  async (signal, code) => {
    using folder = new Folder();
    using stream = Stream.create("a", {
      dir: folder.path,
      size: [4],
      type: "u8",
    });
    await using reader = new Running(
      ["read", "a", "--wait", "semaphore", "--count", "9"],
      { folder },
    );
    const claims = () =>
      stream.semaphores().filter(({ readerPid }) => readerPid > 0).length;
    await until("its claim", () => claims() === 1);
    assertEquals(await reader.end(signal), code);
    assertEquals(claims(), 0);
    assertEquals(reader.err, "");
  },
);

Deno.test("shmim ends at once on a second signal", async () => {
  using folder = new Folder();
  using stream = Stream.create("a", {
    dir: folder.path,
    size: [4],
    type: "u8",
  });
  await using reader = new Running(["read", "a", "--wait", "semaphore"], {
    folder,
  });
  await until(
    "its claim",
    () => stream.semaphores().some(({ readerPid }) => readerPid > 0),
  );
  reader.kill("SIGINT");
  try {
    reader.kill("SIGINT");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  assertEquals(await reader.ended(), 130);
});

Deno.test("shmim takes words that begin with a dash behind --", async () => {
  using folder = new Folder();
  await done(["create", "--", "-odd", "4", "u8"], { folder });
  assertEquals(folder.names(), ["-odd.im.shm"]);
  await done(["info", "--", "-odd"], { folder });
});

Deno.test("shmim finds streams by --dir before MILK_SHM_DIR", async () => {
  using folder = new Folder();
  using other = new Folder();
  Stream.create("a", { dir: other.path, size: [4], type: "u8" }).close();
  await done(["info", "a", "--dir", other.path], { folder });
  assertEquals((await shmim(["info", "a"], { folder })).code, 1);
});
