import { assert, assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { GzipSource } from "../../src/fits/gzip_source.ts";
import { MemoryBytes } from "../../src/fits/source.ts";
import { FitsError, FitsFile } from "../../src/fits/mod.ts";
import {
  count,
  extensionCards,
  header,
  imageCards,
  int16Image,
  joined,
  padded,
  seeded,
} from "./fits_bytes.ts";

const CUBE = int16Image([40, 30, 5], count(6000));

Deno.test("FitsFile.open() recognises gzip by its content", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${dir}/plain.fits`, gzipSync(CUBE));
    using file = await FitsFile.open(`${dir}/plain.fits`);
    assertEquals(file.storage, "gzip");
    assertEquals(file.image.mappable, undefined);
    assertEquals(file.image.stored, { offset: 2880, byteLength: 12000 });
    assertEquals(await file.image.read(), new Int16Array(count(6000)));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("FitsImage.readSlice() goes back in a gzip file", async () => {
  using file = await FitsFile.fromBytes(gzipSync(CUBE));
  for (const slice of [4, 1, 0, 3, 3]) {
    const pixels = await file.image.readSlice(slice);
    const wanted = count(1200).map((v) => v + slice * 1200);
    assertEquals(pixels, new Int16Array(wanted));
  }
});

Deno.test("FitsFile reads a gzip file of several members", async () => {
  const bytes = joined(
    gzipSync(CUBE.subarray(0, 3000)),
    gzipSync(CUBE.subarray(3000)),
    new Uint8Array(512),
  );
  using file = await FitsFile.fromBytes(bytes);
  assertEquals(await file.image.read(), new Int16Array(count(6000)));
});

Deno.test("FitsFile finds an extension in a gzip file", async () => {
  const bytes = joined(
    header(...imageCards(8, [])),
    header(...extensionCards(8, [100, 3000], "BINTABLE")),
    padded(new Uint8Array(300_000)),
    header(...extensionCards(8, [3])),
    padded(new Uint8Array([7, 8, 9])),
  );
  using file = await FitsFile.fromBytes(gzipSync(bytes));
  assertEquals(await file.image.read(), new Uint8Array([7, 8, 9]));
});

Deno.test("FitsImage.read() checks gzip's own sum at the end", async () => {
  const random = seeded(7);
  const noise = count(600_000).map(() => Math.floor(random() * 256));
  const cube = joined(
    header(...imageCards(8, [1000, 200, 3])),
    padded(new Uint8Array(noise)),
  );
  const packed = gzipSync(cube);
  const at = packed.length - 8;
  packed[at] = (packed[at] ?? 0) ^ 1;
  using file = await FitsFile.fromBytes(packed);
  const first = await file.image.readSlice(0);
  assertEquals(Array.from(first, Number), noise.slice(0, 200_000));
  await assertRejects(
    () => file.image.readSlice(2),
    FitsError,
    "Gzip data is damaged (incorrect data check)",
  );
});

Deno.test("GzipSource does not inflate a bomb behind a small image", async () => {
  const bomb = gzipSync(joined(CUBE, new Uint8Array(100_000_000)));
  assert(bomb.length < 200_000);
  const source = new GzipSource(new MemoryBytes(bomb));
  const block = new Uint8Array(2880);
  assertEquals(await source.read(0, block), 2880);
  assertEquals(await source.read(2880, block), 2880);
  // Some input and some output wait between the inflater and its reader.
  assert(source.inflatedBytes < 100_000, `${source.inflatedBytes} bytes`);
  assertEquals(source.limit, bomb.length * 1032);
  source.close();
  using file = await FitsFile.fromBytes(bomb);
  assertEquals(await file.image.read(), new Int16Array(count(6000)));
});

Deno.test("FitsFile gives up on a bomb of blanks within a header", async () => {
  const blanks = new Uint8Array(60_000_000).fill(0x20);
  blanks.set(new TextEncoder().encode(
    imageCards(8, [1]).map((c) => c.padEnd(80)).join(""),
  ));
  const bomb = gzipSync(blanks);
  await assertRejects(
    () => FitsFile.fromBytes(bomb),
    FitsError,
    "header has no END card in its first 100000 cards",
  );
});
