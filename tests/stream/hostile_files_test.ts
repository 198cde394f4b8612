/** Files that a folder may hold, seen by whole commands. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { Child, moduleUrl, run } from "../_support/child.ts";
import { Folder, json, shmim } from "../_support/cli.ts";

function camera(folder: Folder, name = "cam"): Stream {
  return Stream.create(name, { dir: folder.path, size: [4, 3], type: "u16" });
}

Deno.test("shmim shows no escape sequences of a keyword or a name", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  stream.setKeywords([
    { name: "A\x1b[2J", type: "S", value: "\x9b31m\x07", comment: "a\nb\r" },
  ]);
  Deno.writeTextFileSync(folder.stream("b\x1b[31mad\n"), "");
  for (const words of [["info", "cam"], ["keyword", "cam"], ["ls"]]) {
    const { code, out, err } = await shmim(words, { folder });
    assertEquals(code, 0, err);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(out + err), words.join(" "));
  }
  const { out } = await shmim(["info", "cam", "--json"], { folder });
  assertEquals(json(out).keywords[0].value, "\x9b31m\x07", "JSON keeps it");
});

Deno.test("shmim ls tells what is no stream, and lists the others", async () => {
  using folder = new Folder();
  using _stream = camera(folder);
  await run("mkfifo", [folder.stream("fifo")]);
  Deno.mkdirSync(folder.stream("folder"));
  Deno.symlinkSync("nowhere", folder.stream("dangling"));
  Deno.symlinkSync("loop.im.shm", folder.stream("loop"));
  Deno.writeFileSync(folder.stream("empty"), new Uint8Array(0));
  Deno.writeFileSync(folder.stream("short"), new Uint8Array(100));
  Deno.symlinkSync("cam.im.shm", folder.stream("alias"));
  const { code, out } = await shmim(["ls", "--json"], { folder });
  assertEquals(code, 0);
  const found = Object.fromEntries(
    json(out).map((one: { name: string; error?: string }) => [
      one.name,
      one.error ?? "fine",
    ]),
  );
  const expected: Readonly<Record<string, RegExp>> = {
    alias: /^fine$/,
    cam: /^fine$/,
    dangling: /which is missing/,
    empty: /it is empty/,
    fifo: /not a regular file/,
    folder: /not a regular file/,
    loop: /circle/,
    short: /smallest stream has 416/,
  };
  assertEquals(Object.keys(found).sort(), Object.keys(expected).sort());
  for (const [name, pattern] of Object.entries(expected)) {
    assertMatch(found[name] ?? "", pattern, name);
  }
});

Deno.test("shmim names a writer that died with its flag up", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  stream.poke();
  await using child = Child.start(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    const stream = Stream.open("cam", { dir: "${folder.path}" });
    stream.poke();
    stream.mapping.beginFrame();
    console.log("up");
    setInterval(() => {}, 1000);
  `);
  assertEquals(await child.line(), "up");
  const { pid } = child;
  await child.kill();
  const late = await shmim(["read", "cam"], { folder });
  assertEquals(late.code, 1);
  assertMatch(late.err, new RegExp(`pid ${pid}\\) holds its write flag up`));
  // The next writer sets it right.
  stream.write(new Uint16Array(12).fill(3));
  const good = await shmim(["read", "cam"], { folder });
  assertEquals(good.code, 0, good.err);
});
