/** `load` and `save` of compressed files: the real commands. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeTiles } from "../../ffi/tiles.ts";
import { FitsFile, type FitsHdu } from "../../src/fits/mod.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { DataType } from "../../src/stream/types.ts";
import { lacksFpack, run } from "../fits/_compressed.ts";
import { Workplace } from "./_workplace.ts";

/** A stream of rising pixels. */
function rising(
  place: Workplace,
  type: DataType,
  size: number[],
): Uint8Array<ArrayBuffer> {
  const dir = place.streams.path;
  using stream = Stream.create("cam", { dir, type, size, existing: "replace" });
  const bytes = new Uint8Array(stream.layout.table.dataBytes);
  // Floats stay far from NaN.
  for (let i = 0; i < bytes.length; i++) bytes[i] = i * i & 0x3f;
  stream.write(bytes);
  return bytes;
}

function pixelsIn(place: Workplace, name: string): Uint8Array {
  using stream = Stream.open(name, {
    dir: place.streams.path,
    writable: false,
  });
  return stream.read().bytes;
}

Deno.test("save to .fz and load give back every type that can be compressed", async () => {
  using place = new Workplace();
  for (
    const [type, options, codec] of [
      ["u16", [], "RICE_1"],
      ["i8", ["--rice"], "RICE_1"],
      ["i32", ["--gzip2"], "GZIP_2"],
      ["f32", [], "GZIP_2"],
      ["f16", [], "GZIP_2"],
      ["c64", [], "GZIP_2"],
    ] as const
  ) {
    const bytes = rising(place, type, [300, 40]);
    await place.done("save", "cam", "cam.fits.fz", ...options);
    using file = await FitsFile.open(place.file("cam.fits.fz"), {
      tiles: decodeTiles,
    });
    const [, table] = await file.hdus();
    assertEquals(table?.header.text("ZCMPTYPE"), codec);
    const out = await place.done("load", "cam.fits.fz", "copy", "-f");
    assertMatch(out, /^(CREATED|LOADED) copy/);
    assertEquals(pixelsIn(place, "copy"), bytes, type);
  }
});

Deno.test("load counts HDUs of compressed files as CFITSIO does, and loads in place", async () => {
  using place = new Workplace();
  const bytes = rising(place, "u16", [300, 40]);
  await place.done("save", "cam", "cam.fits.fz");
  await place.done("load", "cam.fits.fz", "copy", "--hdu", "1");
  assertEquals(pixelsIn(place, "copy"), bytes);
  assertMatch(
    await place.done("load", "cam.fits.fz", "copy", "--hdu", "1"),
    /^KEPT/,
  );
  const none = await place.shmim(["load", "cam.fits.fz[0]", "copy"]);
  assertEquals(none.code, 1);
  assertMatch(none.err, /HDU 0: has no pixels/);
  assertMatch(
    await place.done("load", "cam.fits.fz[1][1:30,2:3]", "part"),
    /^CREATED/,
  );
  assertEquals(pixelsIn(place, "part").length, 120);
  if (lacksFpack()) return;
  await place.done("save", "cam", "plain.fits");
  await run("fpack", ["-h", "-w", place.file("plain.fits")]);
  await place.done("load", "plain.fits.fz", "copy");
  assertEquals(pixelsIn(place, "copy"), bytes);
});

Deno.test("load of a damaged tile says which, and leaves the stream alone", async () => {
  using place = new Workplace();
  const bytes = rising(place, "u16", [300, 40]);
  await place.done("save", "cam", "cam.fits.fz", "--gzip2");
  await place.done("load", "cam.fits.fz", "copy");
  const path = place.file("cam.fits.fz");
  const hdu = await (async (): Promise<FitsHdu | undefined> => {
    using fits = await FitsFile.open(path, { tiles: decodeTiles });
    return (await fits.hdus())[1];
  })();
  assert(hdu !== undefined);
  const file = Deno.readFileSync(path);
  file.fill(0xff, hdu.dataOffset + 100, hdu.dataOffset + 120);
  Deno.writeFileSync(path, file);
  const { code, err } = await place.shmim(["load", "cam.fits.fz", "copy"]);
  assertEquals(code, 1);
  assertMatch(err, /cam\.fits\.fz": HDU 1: tile \d+ of \d+: .*\n$/);
  assertEquals(err.trim().split("\n").length, 1);
  assertEquals(pixelsIn(place, "copy"), bytes);
});

Deno.test("save says what it cannot compress", async () => {
  using place = new Workplace();
  rising(place, "f32", [4, 3]);
  const rice = await place.shmim(["save", "cam", "a.fits", "--rice"]);
  assertEquals(rice.code, 1);
  assertMatch(rice.err, /Cannot compress f32 with RICE_1/);
  const both = await place.shmim([
    "save",
    "cam",
    "a.fits",
    "--rice",
    "--gzip2",
  ]);
  assertEquals(both.code, 2);
  rising(place, "u64", [4, 3]);
  const wide = await place.shmim(["save", "cam", "a.fits.fz"]);
  assertEquals(wide.code, 1);
  assertMatch(wide.err, /Cannot compress u64/);
  const names = [...Deno.readDirSync(place.path)].map(({ name }) => name);
  assert(names.every((name) => !name.includes("a.fits")), names.join());
});

Deno.test("a cube of new frames is compressed while it grows", async () => {
  using place = new Workplace();
  const bytes = rising(place, "u16", [60, 20]);
  const saving = place.shmim([
    "save",
    "cam",
    "cube.fits.fz",
    "--count",
    "3",
    "--timeout",
    "20",
  ]);
  const dir = place.streams.path;
  using stream = Stream.open("cam", { dir, writable: true });
  const writer = setInterval(() => stream.write(bytes), 20);
  try {
    const { code, err } = await saving;
    assertEquals(code, 0, err);
  } finally {
    clearInterval(writer);
  }
  await place.done("load", "cube.fits.fz", "cube");
  assertEquals(
    pixelsIn(place, "cube"),
    new Uint8Array([...bytes, ...bytes, ...bytes]),
  );
});
