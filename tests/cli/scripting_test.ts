/** What scripts rely on: pipes, colour, times, what a start loads. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { COMMANDS } from "../../src/commands/table.ts";
import { Stream } from "../../src/stream/stream.ts";
import { run } from "../_support/child.ts";
import { CLI, done, Folder, json, ROOT, shmim } from "../_support/cli.ts";

const SHMIM = `${Deno.execPath()} run -qA ${CLI}`;

/** A folder with one stream in it. */
function place(): Folder {
  const folder = new Folder();
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  stream.write(new Uint16Array(12));
  return folder;
}

Deno.test("shmim info and sysv show times in UTC, or in the host's zone with --local", async () => {
  using folder = place();
  const written = (text: string): string =>
    /^written +(\S+)$/m.exec(text)?.[1] ?? "";
  const utc = written(await done(["info", "cam"], { folder }));
  assertMatch(utc, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  const env = { TZ: "Asia/Kolkata" };
  const local = written(
    await done(["info", "cam", "--local"], { folder, env }),
  );
  assertMatch(local, /\.\d{9}\+05:30$/);
  assertEquals(
    new Date(local.replace(/\d{6}\+/, "+")).getTime(),
    new Date(utc.replace(/\d{6}Z/, "Z")).getTime(),
  );
  const data = json(await done(["info", "cam", "--json"], { folder, env }));
  assertEquals(data.writetime, utc);
  assertMatch(
    await done(["read", "cam", "--local"], { folder, env }),
    /written \d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d /,
  );
  const both = await shmim(["info", "cam", "--json", "--local"], { folder });
  assertEquals(both.code, 2);
  assertStringIncludes(both.err, "--json is always in UTC");
  const wrong = await shmim(["sysv", "limits", "--local"]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "--local belongs to ls");
});

Deno.test("shmim is quiet and colourless where nobody looks", async () => {
  using folder = place();
  const write = await shmim(
    ["write", "cam", "--pattern", "sine", "--count", "64"],
    { folder },
  );
  assertEquals([write.code, write.out], [0, ""]);
  assertEquals(write.err.split("\n").length, 2, write.err); // one line
  for (const words of [["ls"], ["info", "cam"], ["read", "cam"]]) {
    const { code, out, err } = await shmim(words, {
      folder,
      env: { NO_COLOR: "", TERM: "xterm-256color", COLORTERM: "truecolor" },
    });
    assertEquals([code, err], [0, ""]);
    assert(!out.includes("\x1b") && !out.includes("\r"), out);
  }
});

Deno.test("shmim ends with 0 where its reader has gone, whatever it prints", async () => {
  using folder = place();
  const lines = [
    "ls",
    "info cam",
    "help names",
    "completion bash",
    "write --help",
  ].map((words) =>
    `${SHMIM} ${words} | true; [ "\${PIPESTATUS[0]}" = 0 ] || echo "${words}"`
  );
  const { code, stdout, stderr } = await run(
    "bash",
    ["-c", lines.join("\n")],
    { env: { MILK_SHM_DIR: folder.path } },
  );
  assertEquals([code, stdout, stderr], [0, "", ""]);
});

/** What a module loads before it runs, by the graph that Deno sees. */
async function loaded(module: string): Promise<string[]> {
  const { stdout } = await run(Deno.execPath(), [
    "info",
    "--json",
    "--config",
    `${ROOT}deno.json`,
    module,
  ]);
  const { modules } = JSON.parse(stdout) as {
    modules: {
      specifier: string;
      dependencies?: { isDynamic?: boolean; code?: { specifier: string } }[];
    }[];
  };
  const known = new Map(modules.map((one) => [one.specifier, one]));
  const seen = new Set<string>();
  const look = (specifier: string): void => {
    if (seen.has(specifier)) return;
    seen.add(specifier);
    for (
      const { isDynamic, code } of known.get(specifier)?.dependencies ?? []
    ) {
      if (!isDynamic && code !== undefined) look(code.specifier);
    }
  };
  look(`file://${module}`);
  return [...seen].map((specifier) => specifier.replace(`file://${ROOT}`, ""));
}

Deno.test("shmim --help loads no library: none of ffi, none of std, no command", async () => {
  const modules = await loaded(CLI);
  assert(modules.includes("src/commands/table.ts"));
  const heavy = modules.filter((path) =>
    /^(ffi|std|npm:|node:|src\/(?!cli\/|commands\/table\.ts))/.test(path)
  );
  assertEquals(heavy, []);
  assert(modules.length <= 16, modules.join("\n"));
  // And what it loads asks for nothing.
  const { code, out, err } = await shmim(["--help"], { flags: ["--deny-ffi"] });
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, COMMANDS.at(-1)?.name ?? "?");
});
