/** `shmim write` and `shmim poke`. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { npyHeader } from "../../src/image/npy.ts";
import { patternFrame } from "../../src/image/pattern.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { DataType } from "../../src/stream/types.ts";
import { join } from "../_support/bridge.ts";
import {
  CLI,
  done,
  Folder,
  json,
  PATIENCE_MS,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";

function cam(
  folder: Folder,
  size: number[] = [4, 3],
  type: DataType = "u16",
): Stream {
  return Stream.create("cam", { dir: folder.path, size, type });
}

function numbers(count: number, first = 0): Uint16Array<ArrayBuffer> {
  return Uint16Array.from({ length: count }, (_, i) => first + i);
}

function bytesOf(pixels: ArrayBufferView<ArrayBuffer>): Uint8Array {
  return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
}

Deno.test("shmim write publishes an npy file", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const file = folder.file("a.npy");
  Deno.writeFileSync(
    file,
    join(npyHeader("u16", [4, 3]), bytesOf(numbers(12))),
  );
  const { code, out, err } = await shmim(["write", "cam", file], { folder });
  assertEquals([code, out], [0, ""], err);
  assertEquals(
    err,
    `${folder.stream("cam")}: 1 frames written, cnt0 is 1\n`,
  );
  assertEquals(stream.read().pixels, numbers(12));
});

Deno.test("shmim write publishes every frame of an npy file", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const file = folder.file("a.npy");
  Deno.writeFileSync(
    file,
    join(npyHeader("u16", [4, 3, 5]), bytesOf(numbers(60))),
  );
  const out = await done(["write", "cam", file, "--json"], { folder });
  assertEquals(json(out), { name: "cam", written: 5, cnt0: 5 });
  assertEquals(stream.read().pixels, numbers(12, 48));
});

Deno.test("shmim write publishes raw pixels, several frames of them", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const file = folder.file("a.raw");
  Deno.writeFileSync(file, bytesOf(numbers(24)));
  await done(["write", "cam", file], { folder });
  assertEquals([stream.cnt0, stream.read().pixels], [2n, numbers(12, 12)]);
});

Deno.test("shmim write takes standard input, raw and npy", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  await done(["write", "cam", "-"], { folder, stdin: bytesOf(numbers(12, 7)) });
  assertEquals(stream.read().pixels, numbers(12, 7));
  await done(["write", "cam", "-"], {
    folder,
    stdin: join(npyHeader("u16", [4, 3]), bytesOf(numbers(12, 9))),
  });
  assertEquals([stream.cnt0, stream.read().pixels], [2n, numbers(12, 9)]);
});

Deno.test("shmim write takes what shmim read gives", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  stream.write(numbers(12, 3));
  for (const format of ["raw", "npy"]) {
    const { bytes } = await shmim(["read", "cam", "--format", format], {
      folder,
    });
    using other = Stream.create("other", {
      dir: folder.path,
      size: [4, 3],
      type: "u16",
      existing: "replace",
    });
    await done(["write", "other", "-"], { folder, stdin: bytes });
    assertEquals(other.read().pixels, numbers(12, 3));
  }
});

Deno.test("shmim write --slice fills one slice of a cube", async () => {
  using folder = new Folder();
  using stream = cam(folder, [2, 2, 3]);
  await done(["write", "cam", "-", "--slice", "1"], {
    folder,
    stdin: bytesOf(numbers(4, 1)),
  });
  assertEquals(
    stream.read().pixels,
    new Uint16Array([0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0]),
  );
  assertEquals(stream.fields().cnt1, 1n);
});

Deno.test("shmim write refuses a slice that is not there", async () => {
  using folder = new Folder();
  using _ = cam(folder, [2, 2, 3]);
  const { code, err } = await shmim(
    ["write", "cam", "--pattern", "zero", "--slice", "3"],
    { folder },
  );
  assertEquals(code, 2);
  assertStringIncludes(err, "has 3 slices, there is no slice 3");
});

Deno.test.each(
  [
    ["another type", "f32", [4, 3]],
    ["another size", "u16", [3, 4]],
    ["too many axes", "u16", [4, 3, 1, 1]],
    ["too few axes", "u16", [12]],
  ] as const,
)(
  "shmim write refuses an npy file of %s",
  async (_, type, size) => {
    using folder = new Folder();
    using stream = cam(folder);
    const file = folder.file("a.npy");
    const bytes = new Uint8Array(12 * (type === "f32" ? 4 : 2));
    Deno.writeFileSync(file, join(npyHeader(type, size), bytes));
    const { code, err } = await shmim(["write", "cam", file], { folder });
    assertEquals([code, stream.cnt0], [1, 0n]);
    assertEquals(
      err,
      `shmim: "${file}" holds ${size.join("x")} ${type}, "cam" takes 4x3 ` +
        "u16\n",
    );
  },
);

Deno.test("shmim write refuses a broken npy file", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const whole = join(npyHeader("u16", [4, 3]), bytesOf(numbers(12)));
  for (const length of [9, 60, whole.length - 1]) {
    const { code, err } = await shmim(["write", "cam", "-"], {
      folder,
      stdin: whole.slice(0, length),
    });
    assertEquals([code, stream.cnt0], [1, 0n], err);
    assertMatch(err, /^shmim: Not a usable \.npy file: [^\n]+\n$/);
  }
});

Deno.test("shmim write says that raw pixels end inside a frame", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const { code, err } = await shmim(["write", "cam", "-"], {
    folder,
    stdin: new Uint8Array(30),
  });
  assertEquals(code, 1);
  assertEquals(err, 'shmim: "-" ends inside a frame: 6 of 24 bytes\n');
  assertEquals(stream.cnt0, 1n, "whole frames before it are published");
});

Deno.test("shmim write says that standard input is empty", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  const { code, err } = await shmim(["write", "cam", "-"], {
    folder,
    stdin: "",
  });
  assertEquals(code, 1);
  assertStringIncludes(err, "0 of 24 bytes");
});

Deno.test.each(["gradient", "noise", "sine", "counter", "zero"] as const)(
  "shmim write --pattern %s writes it once",
  async (pattern) => {
    using folder = new Folder();
    using stream = cam(folder);
    await done(["write", "cam", "--pattern", pattern], { folder });
    assertEquals(stream.cnt0, 1n);
    assertEquals(stream.read().pixels, patternFrame(pattern, "u16", [4, 3], 1));
  },
);

Deno.test("shmim write --count writes so many frames", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  await done(["write", "cam", "--pattern", "counter", "--count", "100"], {
    folder,
  });
  assertEquals(stream.cnt0, 100n);
  assertEquals(stream.read().pixels, new Uint16Array(12).fill(100));
});

Deno.test("shmim write --count is done at its last frame, though more may come", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const frames = bytesOf(numbers(24));
  // The pipe stays open, and holds part of a frame more.
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", CLI, "write", "--no-narrow", "cam", "-"].concat(
      ["--count", "2", "--json"],
    ),
    env: { MILK_SHM_DIR: folder.path },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  try {
    await input.write(join(frames, new Uint8Array(5)) as Uint8Array);
    const { code, stdout } = await child.output();
    assertEquals(code, 0);
    assertEquals(json(new TextDecoder().decode(stdout)).written, 2);
    assertEquals(stream.read().pixels, numbers(12, 12));
  } finally {
    clearTimeout(timer);
    await input.close().catch(() => {}); // nobody reads it any more
  }
});

Deno.test("shmim write --rate keeps in step and can be stopped", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  await using writer = new Running(
    ["write", "cam", "--pattern", "counter", "--rate", "100"],
    { folder },
  );
  await until("frames", () => stream.cnt0 >= 5n);
  assertEquals(await writer.end("SIGINT"), 130);
  assertMatch(writer.err, /\d+ frames written, cnt0 is \d+/);
  assertEquals(stream.fields().writing, false);
  const out = await done(
    ["write", "cam", "--pattern", "zero", "--rate", "500", "--count", "10"]
      .concat("--json"),
    { folder },
  );
  assertEquals(json(out).written, 10);
});

Deno.test("shmim write says so where another program writes, too", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  await using writer = new Running(
    ["write", "cam", "--pattern", "counter", "--rate", "200"],
    { folder },
  );
  await until("frames", () => stream.cnt0 >= 2n);
  stream.poke();
  const counter = stream.cnt0;
  await until("more frames", () => stream.cnt0 > counter + 2n);
  await writer.end("SIGTERM");
  assertMatch(writer.err, /another program wrote "cam", too: 1 frames/);
});

Deno.test("shmim write says what is missing", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  const absent = await shmim(["write", "cam", folder.file("x")], { folder });
  assertEquals(absent.code, 1);
  assertEquals(absent.err, `shmim: No file "${folder.file("x")}"\n`);
  const nothing = await shmim(["write", "none", "--pattern", "zero"], {
    folder,
  });
  assertEquals(nothing.code, 1);
});

const WRONG = [
  [[], "NAME is missing"],
  [["cam"], "FILE (or --pattern) is missing"],
  [["cam", "a.npy", "b.npy"], "one argument too many"],
  [["cam", "a.npy", "--pattern", "zero"], "one argument too many"],
  [["cam", "--pattern", "gradent"], 'did you mean "gradient"?'],
  [["cam", "--pattern", "zero", "--rate", "0"], "--rate takes"],
  [["cam", "--pattern", "zero", "--count", "-3"], "--count takes"],
] as const;

Deno.test.each(WRONG)(
  "shmim write ends with 2 for %s",
  async (words, reason) => {
    const { code, out, err } = await shmim(["write", ...words]);
    assertEquals([code, out], [2, ""]);
    assertStringIncludes(err, reason);
  },
);

Deno.test("shmim poke publishes once more without new pixels", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  stream.write(numbers(12));
  const out = await done(["poke", "cam", "--json"], { folder });
  assertEquals(json(out), { name: "cam", cnt0: 2 });
  assertEquals([stream.cnt0, stream.read().pixels], [2n, numbers(12)]);
  assertEquals(
    stream.semaphores().map(({ value }) => value),
    Array(10).fill(2),
  );
  const { err } = await shmim(["poke", "cam"], { folder });
  assertEquals(err, `${folder.stream("cam")}: cnt0 is 3\n`);
});

Deno.test("shmim poke ends with 1 where there is no stream, with 2 without a name", async () => {
  using folder = new Folder();
  assertEquals((await shmim(["poke", "none"], { folder })).code, 1);
  assertEquals((await shmim(["poke"], { folder })).code, 2);
  assert(folder.names().length === 0);
});
