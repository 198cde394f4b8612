/** `shmim create`. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { done, Folder, json, shmim } from "../_support/cli.ts";

Deno.test("shmim create makes a stream with milk's defaults", async () => {
  using folder = new Folder();
  const { code, out, err } = await shmim(["create", "dm", "50x40", "f32"], {
    folder,
  });
  assertEquals([code, out], [0, ""]);
  assertEquals(err, `${folder.stream("dm")}: 50x40 f32\n`);
  assertEquals(folder.names(), ["dm.im.shm"]);
  using stream = Stream.open("dm", { dir: folder.path });
  assertEquals([stream.size, stream.type, stream.cnt0], [[50, 40], "f32", 0n]);
  assertEquals(stream.layout.keywordCount, 50);
  assertEquals(stream.semaphores().length, 10);
  assertEquals((Deno.statSync(folder.stream("dm")).mode ?? 0) & 0o777, 0o666);
});

Deno.test("shmim create takes every option", async () => {
  using folder = new Folder();
  const out = await done([
    "create",
    "--dir",
    folder.path,
    "cube",
    "6x5x8",
    "UI16",
    "--keywords=3",
    "--cb",
    "4",
    "--circular",
    "--semaphores",
    "7",
    "--mode",
    "0640",
    "--json",
  ]);
  const made = json(out);
  assertEquals([made.name, made.type, made.size], ["cube", "u16", [6, 5, 8]]);
  assertEquals([made.keywordCapacity, made.circularBuffer, made.rolling], [
    3,
    4,
    true,
  ]);
  assertEquals(made.semaphores.length, 7);
  assertEquals(made.other.imageType, "0x20001");
  assertEquals((Deno.statSync(folder.stream("cube")).mode ?? 0) & 0o777, 0o640);
});

Deno.test("shmim create takes imagetype bits", async () => {
  using folder = new Folder();
  const made = json(
    await done(
      ["create", "a", "4x4x2", "u8", "--imagetype", "0x1", "--json"],
      { folder },
    ),
  );
  assertEquals([made.other.imageType, made.rolling], ["0x1", true]);
});

const SPELLINGS = [
  [["s>tf32>a", "50", "40"], "f32", [50, 40]],
  [["s>tui16>a", "50x40"], "u16", [50, 40]],
  [["s>a", "5", "4", "3", "i32"], "i32", [5, 4, 3]],
  [["a", "7", "CPLX32"], "c64", [7]],
  [["a", "7x1", "double"], "f64", [7, 1]],
] as const;

Deno.test.each(SPELLINGS)(
  "shmim create understands %s",
  async (words, type, size) => {
    using folder = new Folder();
    await done(["create", ...words], { folder });
    using stream = Stream.open("a", { dir: folder.path });
    assertEquals([stream.type, stream.size], [type, [...size]]);
  },
);

Deno.test("shmim create takes a path", async () => {
  using folder = new Folder();
  await done(["create", folder.file("sub"), "4", "u8"]);
  await done(["create", folder.stream("other"), "4", "u8"]);
  assertEquals(folder.names(), ["other.im.shm", "sub.im.shm"]);
});

Deno.test("shmim create refuses to replace a stream without --force", async () => {
  using folder = new Folder();
  using _ = Stream.create("a", { dir: folder.path, size: [4], type: "u8" });
  const { ino } = Deno.statSync(folder.stream("a"));
  const { code, err } = await shmim(["create", "a", "5", "u8"], { folder });
  assertEquals(code, 1);
  assertMatch(err, /^shmim: [^\n]*; --reuse keeps it, --force replaces it\n$/);
  assertEquals(Deno.statSync(folder.stream("a")).ino, ino);
});

Deno.test("shmim create replaces a stream with --force, whole in one moment", async () => {
  using folder = new Folder();
  using old = Stream.create("a", { dir: folder.path, size: [4], type: "u8" });
  await done(["create", "a", "5", "f32", "--force"], { folder });
  using made = Stream.open("a", { dir: folder.path });
  assertEquals([made.size, made.type], [[5], "f32"]);
  old.write(new Uint8Array(4)); // its users keep the old one
  assertEquals(made.cnt0, 0n);
  assertEquals(folder.names(), ["a.im.shm"]);
});

Deno.test("shmim create keeps a stream of the same type and size with --reuse", async () => {
  using folder = new Folder();
  using old = Stream.create("a", { dir: folder.path, size: [4], type: "u8" });
  old.write(new Uint8Array([1, 2, 3, 4]));
  const made = json(
    await done(["create", "a", "4", "u8", "--reuse", "--json"], { folder }),
  );
  assertEquals(made.cnt0, 1);
  assertEquals(old.presence(), "same");
});

Deno.test("shmim create refuses another type or size with --reuse", async () => {
  using folder = new Folder();
  using old = Stream.create("a", { dir: folder.path, size: [4], type: "u8" });
  for (const words of [["5", "u8"], ["4", "i8"]]) {
    const { code, err } = await shmim(["create", "a", ...words, "--reuse"], {
      folder,
    });
    assertEquals(code, 1);
    assertStringIncludes(err, "as 4 u8");
    assertStringIncludes(err, "--force replaces it");
  }
  assertEquals(old.presence(), "same");
});

const WRONG = [
  [[], "NAME is missing"],
  [["a"], "SIZE is missing"],
  [["a", "f32"], "SIZE is missing"],
  [["a", "4x4"], "TYPE is missing"],
  [["a", "4x4", "f33"], 'Unknown data type "f33"'],
  [["a", "4x4", "f32", "f32"], "SIZE"],
  [["a", "0x4", "f32"], "SIZE takes"],
  [["a", "4y4", "f32"], "SIZE takes a whole number"],
  [["a", "4x-1", "f32"], "SIZE"],
  [["a", "4xx4", "f32"], "SIZE"],
  [["a", "1x2x3x4", "f32"], "1 to 3 axes"],
  [["a", "4294967296", "f32"], "SIZE takes 1 to 4294967295"],
  [["a", "4", "f32", "--keywords", "65536"], "--keywords takes 0 to 65535"],
  [["a", "4", "f32", "--keywords", "many"], "--keywords takes a whole number"],
  [["a", "4", "f32", "--keywords"], "--keywords needs a value"],
  [["a", "4", "f32", "--semaphores", "-1"], "--semaphores takes 0 to"],
  [["a", "4", "f32", "--mode", "0999"], "--mode takes an octal mode"],
  [["a", "4", "f32", "--force", "--reuse"], "exclude each other"],
  [["a", "4", "f32", "--colour"], "Unknown option --colour"],
  [["a", "4", "f32", "--circular"], "rolling cube has 3 axes"],
  [["s>tf32>../x", "4"], 'holds a "/"'],
  [["s>tf32>", "4"], "is empty"],
  [["a\tb", "4", "f32"], "control character"],
  [["..im.shm", "4", "f32"], "Not a stream name"],
  [["n".repeat(80), "4", "f32"], "longer than 79 bytes"],
] as const;

Deno.test.each(WRONG)(
  "shmim create ends with 2 for %s",
  async (words, reason) => {
    using folder = new Folder();
    const { code, out, err } = await shmim(["create", ...words], { folder });
    assertEquals([code, out], [2, ""], err);
    assertStringIncludes(err, reason);
    assertMatch(err, /^shmim: [^\n]+ \(shmim create --help\)\n$/);
    assertEquals(folder.names(), []);
  },
);

Deno.test("shmim create ends with 1 where there is no such folder", async () => {
  const { code, err } = await shmim(
    ["create", "a", "4", "f32", "--dir", "/nowhere"],
  );
  assertEquals(code, 1);
  assertMatch(err, /^shmim: --dir is "\/nowhere", which is not a folder\n$/);
  const variable = await shmim(["create", "a", "4", "f32"], {
    env: { MILK_SHM_DIR: "/nowhere" },
  });
  assertEquals(variable.code, 1);
  assertStringIncludes(variable.err, "MILK_SHM_DIR");
});

Deno.test("shmim create refuses what is too large, and leaves nothing", async () => {
  using folder = new Folder();
  const { code, err } = await shmim(["create", "a", "99999x99999x9", "f64"], {
    folder,
  });
  assert(code === 1 || code === 2);
  assertStringIncludes(err, "too large");
  assertEquals(folder.names(), []);
});

Deno.test("shmim create says where it may not write", async () => {
  using folder = new Folder();
  const { code, err } = await shmim(["create", "a", "4", "u8"], {
    folder,
    flags: ["--allow-ffi", "--allow-env", `--allow-read=${folder.path}`],
  });
  assertEquals(code, 1);
  assertMatch(err, /^shmim: Requires write access to [^\n]+\n$/);
  assertEquals(folder.names(), []);
});
