/** Frames into files, and back again. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { FitsFile } from "../../src/fits/mod.ts";
import { acquisitionTime, naturalType } from "../../src/load/own_file.ts";
import { saveFrames } from "../../src/load/save.ts";
import type { Keyword } from "../../src/stream/keywords.ts";
import { Stream } from "../../src/stream/stream.ts";
import { type DataType, TYPES } from "../../src/stream/types.ts";
import { elementsOf, pixelsFrom } from "../_support/fixtures.ts";
import { json, Running, until } from "../_support/cli.ts";
import { Workplace } from "./_workplace.ts";

const KEYWORDS: Keyword[] = [
  { name: "GAIN", type: "D", value: 0.1, comment: "[e/ADU]" },
  { name: "LEAST", type: "L", value: -(2n ** 63n), comment: "" },
  { name: "MINUS", type: "D", value: -0, comment: "zero" },
  { name: "a longer name", type: "S", value: "sixteen bytes ok", comment: "x" },
  { name: "EMPTY", type: "S", value: "", comment: "" },
];
const ATIME = 1_700_000_000_123_456_789n; // UTC

Deno.test("save and load give back pixels, keywords and times of every type", async (t) => {
  using place = new Workplace();
  for (const type of Object.keys(TYPES) as DataType[]) {
    for (const size of [[7], [5, 4], [4, 3, 2]]) {
      await t.step(`${type} ${size.join("x")}`, async () => {
        const dir = place.streams.path;
        using stream = Stream.create("one", {
          dir,
          type,
          size,
          existing: "replace",
        });
        stream.setKeywords(KEYWORDS);
        const pixels = pixelsFrom(
          type,
          elementsOf(type, size),
          (i) => i % 2 === 0 ? i : (i * 17) % 120,
        );
        const offset = BigInt(stream.clockOffset) * 1_000_000_000n;
        stream.write(pixels, { atimeNs: ATIME + offset });
        const file = place.file("one.fits.gz");
        await saveFrames(stream, file);
        using fits = await FitsFile.open(file);
        assertEquals(fits.storage, "gzip");
        assertEquals(naturalType(fits.image), type);
        assertEquals(fits.image.size, size);
        assertEquals(
          acquisitionTime(fits.image.header, stream.clockOffset),
          ATIME + offset,
        );
        assertEquals(fits.image.header.text("STREAM"), "one");
      });
    }
  }
});

Deno.test("load makes of a saved file the stream that it was", async (t) => {
  using place = new Workplace();
  const cases: [DataType, number[]][] = [
    ["f16", [5, 4]],
    ["u64", [7]],
    ["c128", [4, 3, 2]],
    ["i8", [4, 3]],
  ];
  for (const [type, size] of cases) {
    await t.step(`${type} ${size.join("x")}`, async () => {
      using stream = Stream.create("one", {
        dir: place.streams.path,
        type,
        size,
        existing: "replace",
      });
      stream.setKeywords(KEYWORDS);
      const offset = BigInt(stream.clockOffset) * 1_000_000_000n;
      stream.write(pixelsFrom(type, elementsOf(type, size), (i) => i % 100), {
        atimeNs: ATIME + offset,
      });
      await place.done("save", "one", "one.fits");
      await place.done("load", "one.fits", "two", "-r");
      using back = place.open("two");
      assertEquals([back.type, back.size], [type, size]);
      const [was, is] = [stream.read(), back.read()];
      assertEquals(is.bytes, was.bytes);
      assertEquals(is.atimeNs, was.atimeNs);
      assertEquals(back.keywords(), KEYWORDS);
      // In place, too.
      stream.write(pixelsFrom(type, elementsOf(type, size), (i) => i % 99));
      await place.done("save", "one", "one.fits");
      assertMatch(await place.done("load", "one.fits", "two"), /^LOADED/);
      assertEquals(back.presence(), "same");
      assertEquals(back.read().bytes, stream.read().bytes);
      assertEquals(back.read().atimeNs, stream.read().atimeNs);
    });
  }
});

Deno.test("save --count writes new frames as a cube with their counters", async () => {
  using place = new Workplace();
  using stream = Stream.create("cam", {
    dir: place.streams.path,
    type: "u16",
    size: [4, 3],
  });
  await using saving = new Running(
    ["save", "cam", "cube.fits", "--count", "3", "--wait", "semaphore"],
    { folder: place.streams, cwd: place.path },
  );
  await until(
    "its claim",
    () => stream.semaphores().some(({ readerPid }) => readerPid > 0),
  );
  let ended = false;
  const end = saving.ended().then((code) => {
    ended = true;
    return code;
  });
  for (let i = 1; !ended; i++) {
    stream.write(new Uint16Array(12).fill(i));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(await end, 0, saving.err);
  using file = await FitsFile.open(place.file("cube.fits"));
  assertEquals(file.image.size, [4, 3, 3]);
  const pixels = await file.image.read();
  const hdus = await file.hdus();
  assertEquals(hdus.map(({ name }) => name), ["", "FRAMES"]);
  // Each frame holds its own counter.
  const first = Number(pixels[0]);
  assert(first >= 1);
  assert(Number(pixels[12]) > first && Number(pixels[24]) > Number(pixels[12]));
  await place.done("load", "cube.fits", "back");
  using back = place.open("back");
  assertEquals(back.size, [4, 3, 3]);
});

Deno.test("save ends with 124 where no frame comes, and leaves nothing", async () => {
  using place = new Workplace();
  await place.done("create", "cam", "4x3", "u16");
  const before = place.snapshot();
  const { code, err } = await place.shmim(
    ["save", "cam", "cam.fits", "--count", "2", "--timeout", "0.1"],
  );
  assertEquals(code, 124);
  assertMatch(err, /"cam\.fits" was not written/);
  assertEquals(place.snapshot(), before);
});

Deno.test("save that is interrupted leaves nothing", async () => {
  using place = new Workplace();
  await place.done("create", "cam", "4x3", "u16");
  await using saving = new Running(
    ["save", "cam", "cam.fits", "--count", "2", "--wait", "semaphore"],
    { folder: place.streams, cwd: place.path },
  );
  using stream = place.open("cam");
  await until(
    "its claim",
    () => stream.semaphores().some(({ readerPid }) => readerPid > 0),
  );
  assertEquals(await saving.end("SIGINT"), 130);
  assertEquals(place.names("."), []);
});

Deno.test("save replaces a file as a whole, and follows a link", async () => {
  using place = new Workplace();
  await place.done("create", "cam", "4x3", "u16");
  Deno.writeTextFileSync(place.file("night.fits"), "old");
  Deno.symlinkSync("night.fits", place.file("latest.fits"));
  const out = json(await place.done("save", "cam", "latest.fits", "--json"));
  assertEquals([out.name, out.frames], ["cam", 1]);
  assertEquals(Deno.readLinkSync(place.file("latest.fits")), "night.fits");
  using file = await FitsFile.open(place.file("night.fits"));
  assertEquals(file.image.type, "u16");
});

Deno.test("save fails on a stream that is not there, and into no folder", async () => {
  using place = new Workplace();
  assertEquals((await place.shmim(["save", "cam", "a.fits"])).code, 1);
  await place.done("create", "cam", "4x3", "u16");
  assertEquals((await place.shmim(["save", "cam", "no/a.fits"])).code, 1);
  assertEquals(place.names("."), []);
});
