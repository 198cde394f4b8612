/** `shmim transmit --wire shmim` and `shmim receive` as processes. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { flat } from "../_support/bridge.ts";
import { Folder, json, Running, shmim, until } from "../_support/cli.ts";

Deno.test("a stream crosses with a key, and the statistics tell of the clocks", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = Stream.create("cam", {
    dir: here.path,
    size: [4, 3],
    type: "u16",
  });
  source.write(flat(1));
  const key = here.file("key");
  Deno.writeTextFileSync(key, "a key of sixteen bytes\n");
  Deno.chmodSync(key, 0o600);
  await using receiver = new Running(
    [
      "receive",
      "0",
      "--key",
      key,
      "--direct",
      "--stats-json",
      there.file("rx"),
    ],
    { folder: there },
  );
  const [, port] = await receiver.says(/listening on \S+:(\d+)/);
  await using transmitter = new Running(
    ["transmit", "cam", "127.0.0.1", `${port}`]
      .concat(["--wire", "shmim", "--key", key, "--policy", "every"]),
    { folder: here },
  );
  await transmitter.says(/connected to 127\.0\.0\.1:\d+, which has our key/);
  await receiver.says(/sends "cam" 4x3 u16/);
  // deno-lint-ignore no-explicit-any
  const stats = (): any => {
    const lines = Deno.readTextFileSync(there.file("rx")).trimEnd().split("\n");
    return lines.at(-1) ? json(lines.at(-1) ?? "") : undefined;
  };
  await until("statistics", () => stats()?.wire?.clocks?.errorNs > 0);
  assertEquals([stats().frames, stats().wire.damaged], [1, 0]);
  assertEquals(await transmitter.end("SIGINT"), 130);
  assertEquals(await receiver.end("SIGTERM"), 143);
});

Deno.test("options of our own wire, and keys, are used right or refused in a line", async () => {
  using folder = new Folder();
  using _source = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  const open = folder.file("open");
  Deno.writeTextFileSync(open, "a key of sixteen bytes");
  Deno.chmodSync(open, 0o644);
  const cases: readonly (readonly [string[], number, string])[] = [
    [["--key", open], 2, "--key asks for our own wire: add --wire shmim"],
    [["--policy", "every"], 2, "--policy asks for our own wire"],
    [["--zstd"], 2, "--zstd asks for our own wire"],
    [["--wire", "udp"], 2, "udp"],
    [
      ["--wire", "shmim", "--zstd", "--policy", "every"],
      2,
      "--zstd sends the newest frames",
    ],
    [["--wire", "shmim", "--key", open], 1, "mode 0644"],
  ];
  for (const [options, code, message] of cases) {
    const args = ["transmit", "cam", "127.0.0.1", "1", ...options];
    const result = await shmim(args, { folder });
    assertEquals(result.code, code, result.err);
    assertStringIncludes(result.err, message);
    assert(result.err.trimEnd().split("\n").length === 1, result.err);
  }
  const both = await shmim(["receive", "0", "--wire", "milk", "--key", open], {
    folder,
  });
  assertEquals(both.code, 2);
  const refused = await shmim(["receive", "0", "--key", open], { folder });
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.err, "chmod 600");
});
