/** Filling in place, failures halfway, several loads at once. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FitsFile, writeFits } from "../../src/fits/mod.ts";
import { backUp } from "../../src/load/backup.ts";
import { castPixels } from "../../src/load/cast.ts";
import { fillStream } from "../../src/load/fill.ts";
import { openLocked } from "../../src/load/lock.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Folder, json, Running, until } from "../_support/cli.ts";
import { run } from "../_support/child.ts";
import { all, program, reportSkip, root, testWhere } from "../_support/skip.ts";
import { Workplace } from "./_workplace.ts";

Deno.test("load notifies the readers of a stream once", async () => {
  using place = new Workplace();
  await place.fits("ref.fits", 1);
  await place.done("create", "wfs", "4x3", "f32");
  using stream = place.open("wfs");
  const before = stream.semaphores().map(({ value }) => value);
  await place.done("load", "ref.fits", "wfs");
  assertEquals(stream.presence(), "same");
  assertEquals(
    stream.semaphores().map(({ value }) => value),
    before.map((value) => value + 1),
  );
  assertEquals(stream.cnt0, 1n);
  assertEquals(stream.read().pixels[11], 1);
  assert(!stream.fields().writing);
});

Deno.test("load never shows a half-filled stream where it makes one anew", async () => {
  using place = new Workplace();
  const size = [512, 512];
  await place.fits("a.fits", 1, { size });
  await place.done("load", "a.fits", "wfs");
  await place.fits("a.fits", 2, { size: [512, 511] });
  using old = place.open("wfs");
  let running = true;
  let looks = 0;
  const watch = (async (): Promise<void> => {
    while (running) {
      using stream: Stream = place.open("wfs"); // it is never missing
      const { pixels } = stream.read();
      const wanted = stream.size[1] === 512 ? 1 : 2;
      if (pixels[0] !== wanted || pixels.at(-1) !== wanted) {
        throw new Error(`${stream.size} with ${pixels[0]}, ${pixels.at(-1)}`);
      }
      looks++;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  try {
    await place.done("load", "a.fits", "wfs");
    await place.done("load", "a.fits", "wfs", "-r");
  } finally {
    running = false;
    await watch;
  }
  assert(looks > 0);
  assertEquals(old.read().pixels[5], 1, "who has the old one keeps it");
  assertEquals(old.presence(), "replaced");
});

Deno.test("fillStream() publishes nothing where the file is cut", async () => {
  using place = new Workplace();
  await place.fits("ref.fits", 1, { size: [512, 512] });
  await place.done("load", "ref.fits", "wfs");
  await place.fits("ref.fits", 2, { size: [512, 512] });
  using stream = place.open("wfs", true);
  using file = await FitsFile.open(place.file("ref.fits"));
  Deno.truncateSync(place.file("ref.fits"), 300_000);
  const restore = backUp(stream);
  assert(restore !== undefined);
  await assertRejects(
    () => fillStream(stream, file, { onFailure: restore }),
    Error,
    "ENODATA",
  );
  const frame = stream.read();
  assertEquals([frame.cnt0, frame.torn], [1n, false]);
  assert(frame.pixels.every((pixel) => pixel === 1));
});

Deno.test("fillStream() restores where a later slice cannot be read", async () => {
  using place = new Workplace();
  const size = [64, 64, 40];
  const count = 64 * 64 * 40;
  using stream = Stream.create("cube", {
    dir: place.streams.path,
    type: "u16",
    size,
  });
  stream.setKeywords([{ name: "OLD", type: "L", value: 1n, comment: "" }]);
  stream.write(new Uint16Array(count).fill(7));
  const noise = Uint16Array.from({ length: count }, (_, i) => i * 40503);
  const path = place.file("cube.fits.gz");
  await writeFits(path, { type: "u16", size, data: noise });
  const packed = Deno.readFileSync(path);
  Deno.writeFileSync(path, packed.subarray(0, packed.length * 3 / 4 | 0));
  using file = await FitsFile.open(path);
  const restore = backUp(stream);
  assert(restore !== undefined);
  let seen = 0;
  await assertRejects(
    () =>
      fillStream(stream, file, {
        onFailure: () => {
          const pixels = new Uint8Array(stream.layout.table.dataBytes);
          stream.mapping.load(stream.layout.table.data, pixels);
          seen = new Uint16Array(pixels.buffer).filter((one) => one !== 7)
            .length;
          assert(stream.fields().writing, "nobody looks yet");
          restore();
        },
      }),
    Error,
    "cut short",
  );
  assert(seen > 0, "it came that far");
  const frame = stream.read();
  assertEquals([frame.cnt0, frame.torn], [1n, false]);
  assert(frame.pixels.every((pixel) => pixel === 7));
  assertEquals(stream.keywords()[0]?.name, "OLD");
});

Deno.test("several loads of one stream come one after another", async () => {
  using place = new Workplace();
  using elsewhere = new Workplace();
  const size = [256, 256];
  const values = [1, 2, 3, 4];
  for (const value of values) {
    await place.fits(`${value}.fits`, value, { size });
    await elsewhere.fits(`${value}.fits`, value, { size });
  }
  await place.done("load", "1.fits", "wfs");
  const around = { env: { MILK_SHM_DIR: place.streams.path } };
  const outcomes = await Promise.all(
    values.flatMap((value) => [
      place.shmim(["load", `${value}.fits`, "wfs", "-f"]),
      elsewhere.shmim(["load", `${value}.fits`, "wfs", "-f"], around),
    ]),
  );
  for (const { code, err } of outcomes) assertEquals(code, 0, err);
  using stream = place.open("wfs");
  const frame = stream.read();
  assertEquals(frame.cnt0, 9n, "each was published once");
  assert(
    frame.pixels.every((pixel) => pixel === frame.pixels[0]),
    "no mixture",
  );
  const conf = place.text("conf/shmim_wfs.name.txt").trim();
  const record = json(place.text("loadedSM/wfs.state.json"));
  assert(record.fits.endsWith(`/${conf}`), "state of one load");
  assertEquals(
    place.names("loadedSM").filter((name) => /lock|tmp/.test(name)),
    [],
  );
});

Deno.test("first loads with two prefixes at once get state of their own", async () => {
  using place = new Workplace();
  await place.fits("ref.fits", 1);
  const prefixes = ["a_", "b_", "c_"];
  const outcomes = await Promise.all(
    prefixes.map((p) => place.shmim(["load", "ref.fits", "wfs", "-p", p])),
  );
  for (const { code, err } of outcomes) assertEquals(code, 0, err);
  const again = await Promise.all(
    prefixes.map((p) => place.done("load", "ref.fits", "wfs", "-p", p)),
  );
  assertEquals(
    again,
    prefixes.map((p) =>
      `KEPT ${p}wfs (neither the file nor the stream changed)\n`
    ),
  );
});

Deno.test("openLocked() keeps a second one out until the first is done", async () => {
  using place = new Workplace();
  await place.done("create", "wfs", "4x3", "f32");
  const path = place.streams.stream("wfs");
  const first = await openLocked(path);
  let second = false;
  const waiting = openLocked(path).then((locked) => {
    second = true;
    locked[Symbol.dispose]();
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(second, false);
  first[Symbol.dispose]();
  await waiting;
  const gone = await openLocked(path);
  const ended = assertRejects(
    () => openLocked(path, AbortSignal.timeout(30)),
    DOMException,
  );
  await ended;
  gone[Symbol.dispose]();
});

Deno.test("load --json has result, reason and counter", async () => {
  using place = new Workplace();
  await place.fits("ref.fits", 1);
  const out = json(
    await place.done("load", "ref.fits", "wfs", "-p", "x_", "--json"),
  );
  assertEquals(out, {
    result: "CREATED",
    reason: "there was no stream",
    stream: "x_wfs",
    path: place.streams.stream("x_wfs"),
    fits: "ref.fits",
    type: "f32",
    size: [4, 3],
    cnt0: 1,
    notes: [],
  });
});

Deno.test("load --watch loads again whenever the file changes", async () => {
  using place = new Workplace();
  await using running = new Running(
    ["load", "ref.fits", "wfs", "--watch"],
    { folder: place.streams, cwd: place.path },
  );
  await running.says(/waiting for the FITS file/);
  await place.fits("ref.fits", 1);
  await until("the first", () => /CREATED wfs/.test(running.out));
  // Half a file is no reason to end.
  Deno.writeFileSync(place.file("ref.fits"), new Uint8Array(100));
  await running.says(/shmim: .*ref\.fits/);
  assertEquals(place.look("wfs").pixel, 1);
  await place.fits("ref.fits", 2);
  await until("the second", () => /LOADED wfs/.test(running.out));
  assertEquals(place.look("wfs").pixel, 2);
  assertEquals(await running.end("SIGINT"), 130);
});

Deno.test("load tells what was cut of the keywords", async () => {
  using place = new Workplace();
  await place.fits("ref.fits", 1, { filter: "more than sixteen bytes" });
  const { code, out, err } = await place.shmim(["load", "ref.fits", "wfs"]);
  assertEquals(code, 0, err);
  assertMatch(err, /FILTER.*string is cut/);
  assertMatch(out, /^CREATED/);
});

Deno.test("castPixels() refuses what does not fit, and rounds", () => {
  assertEquals(
    castPixels([1.5, -0.4, 254.6], "u8"),
    new Uint8Array([2, 0, 255]),
  );
  assertEquals(castPixels([-1n, 5n], "f64"), new Float64Array([-1, 5]));
  const most = (1n << 64n) - 1n;
  assertEquals(castPixels([most], "u64"), new BigUint64Array([most]));
  const bad: [number | bigint, "u8" | "i32" | "u64" | "i64"][] = [
    [256, "u8"],
    [-1, "u8"],
    [NaN, "u8"],
    [2 ** 31, "i32"],
    [Infinity, "i64"],
    [-1n, "u64"],
    [2 ** 63, "i64"],
  ];
  for (const [value, type] of bad) {
    try {
      castPixels([value], type);
    } catch (error) {
      assert(error instanceof RangeError);
      continue;
    }
    throw new Error(`${value} as ${type} was taken`);
  }
});

testWhere(
  "load into a full folder leaves the stream and its state",
  all(root, program("mount", "mount"), program("umount", "mount")),
  async () => {
    using streams = new Folder();
    const args = ["-t", "tmpfs", "-o", "size=128k", "tmpfs", streams.path];
    const mounted = await run("mount", args);
    if (mounted.code !== 0) {
      reportSkip("a full folder", `no mount: ${mounted.stderr.trim()}`);
      return;
    }
    try {
      using place = new Workplace();
      const around = { env: { MILK_SHM_DIR: streams.path } };
      await place.fits("ref.fits", 1);
      const first = await place.shmim(["load", "ref.fits", "wfs"], around);
      assertEquals(first.code, 0, first.err);
      await place.fits("ref.fits", 2, { size: [300, 300] });
      const before = place.snapshot();
      const stream = Deno.readFileSync(streams.stream("wfs"));
      for (const more of [[], ["-r"]]) {
        const { code, err } = await place.shmim(
          ["load", "ref.fits", "wfs", ...more],
          around,
        );
        assertEquals(code, 1);
        assertMatch(err, /ENOSPC|No space left/);
        assertEquals(place.snapshot(), before);
        assertEquals(Deno.readFileSync(streams.stream("wfs")), stream);
        assertEquals(streams.names(), ["wfs.im.shm"]);
      }
    } finally {
      await run("umount", [streams.path]);
    }
  },
);

Deno.test("load that is interrupted leaves the stream and nothing else", async () => {
  using place = new Workplace();
  await place.fits("ref.fits", 1);
  await place.done("load", "ref.fits", "wfs");
  await place.fits("ref.fits", 2);
  const before = place.snapshot();
  // Another load has the stream: this one waits for it.
  using _locked = await openLocked(place.streams.stream("wfs"));
  await using running = new Running(["load", "ref.fits", "wfs"], {
    folder: place.streams,
    cwd: place.path,
  });
  await until("its lock", () => place.names("loadedSM").includes("wfs.lock"));
  assertEquals(await running.end("SIGINT"), 130);
  assertEquals(place.snapshot(), before);
});
