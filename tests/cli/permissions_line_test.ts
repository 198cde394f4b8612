/** The line that `shmim permissions` prints: what stands in it, and that it runs. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { quote } from "../../src/cli/refusal.ts";
import { Stream } from "../../src/stream/stream.ts";
import { flat, HANDSHAKE, Recorder } from "../_support/bridge.ts";
import { Folder, shmim } from "../_support/cli.ts";
import { runPrinted } from "./_printed.ts";

const PRINTED: string[][][] = [
  [["create", "new", "4x3", "f32"]],
  [["create", "s>tf32>it's", "4", "3"]],
  [["ls", "--watch", "0"]],
  [["ls", "c*", "--json", "--watch", "0"]],
  [["info", "cam"]],
  [["info", "alias"]],
  [["read", "cam"]],
  [["read", "alias", "--wait", "semaphore", "--timeout", "0.01"]],
  [["read", "cam", "--out", "FOLDER/out.txt"]],
  [["write", "cam", "--pattern", "sine"]],
  [["write", "alias", "FOLDER/in.raw"]],
  [["poke", "cam", "--dir", "FOLDER"]],
  [["poke", "FOLDER/cam.im.shm"]],
  [["rm", "--yes", "--force", "alias"]],
];

Deno.test.each(PRINTED)(
  "shmim permissions prints a line that runs: %s",
  async (words = []) => {
    using folder = new Folder();
    const { path } = folder;
    Stream.create("cam", { dir: path, size: [4, 3], type: "u16" }).close();
    Deno.symlinkSync("cam.im.shm", folder.stream("alias"));
    Deno.writeFileSync(folder.file("in.raw"), new Uint8Array(24));
    const { line, code, err } = await runPrinted(
      { streams: folder, path: folder.path },
      words.map((word) => word.replace("FOLDER", folder.path)),
    );
    assert(!/Requires|NotCapable/.test(err), line + err);
    assertEquals(code, words.includes("--timeout") ? 124 : 0, line + err);
    if (["info", "ls"].includes(words[0] ?? "")) {
      assert(!line.includes("--allow-write"), line);
    }
  },
);

Deno.test("shmim permissions gives a bridge its host and port only", async () => {
  using folder = new Folder();
  Stream.create("cam", { dir: folder.path, size: [4], type: "u8" }).close();
  const line = async (...words: string[]) =>
    (await shmim(["permissions", ...words], { folder })).out;
  assertStringIncludes(
    await line("transmit", "cam", "rtc", "8803"),
    " --allow-net=rtc:8803 ",
  );
  assertStringIncludes(
    await line("transmit", "cam", "::1", "8803"),
    "--allow-net=[::1]:8803",
  );
  assertStringIncludes(
    await line("receive", "8803", "--bind", "192.168.2.2"),
    " --allow-net=192.168.2.2:8803 ",
  );
  const polls = await line("transmit", "cam", "rtc", "1", "--wait", "poll");
  assertStringIncludes(polls, ` --allow-write=${folder.state} `);
});

Deno.test("shmim permissions: a transmitter runs with the line that is printed", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  cam.write(flat(1));
  await using recorder = new Recorder(0, "::1");
  const port = String(recorder.port);
  const words = ["transmit", "cam", "::1", port, "--no-reconnect"];
  const run = runPrinted({ streams: folder, path: folder.path }, words);
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE + 24);
  await recording.close();
  const { code, err } = await run;
  assertEquals(code, 1);
  assertStringIncludes(err, `The connection to [::1]:${port} was lost`);
});

Deno.test("quote() quotes for a shell only where that is needed", () => {
  assertEquals(
    quote("--allow-read=/tmp/a.im.shm"),
    "--allow-read=/tmp/a.im.shm",
  );
  assertEquals(quote("s>tf32>a b"), "'s>tf32>a b'");
  assertEquals(quote("it's"), `'it'\\''s'`);
  assertEquals(quote(""), "''");
  assertEquals(quote("$HOME"), "'$HOME'");
});
