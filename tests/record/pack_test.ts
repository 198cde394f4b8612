/** Recordings that are packed: nothing of them is lost, for anybody. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { decodeTiles } from "../../ffi/tiles.ts";
import { FitsFile, readFrameTable, writeFits } from "../../src/fits/mod.ts";
import { packFile } from "../../src/record/pack.ts";
import { TILES } from "../../src/record/pack_tiles.ts";
import { Recording } from "../../src/record/recording.ts";
import { countUnfinished, recover } from "../../src/record/recover.ts";
import { Stream } from "../../src/stream/stream.ts";
import { type DataType, TYPES } from "../../src/stream/types.ts";
import { Folder } from "../_support/cli.ts";
import { has, program } from "../_support/skip.ts";
import {
  assertSame,
  astropyPixels,
  lacksFpack,
  ourPixels,
  run,
} from "../fits/_compressed.ts";
import { frameOf, recorded, Session } from "./_record.ts";

/** Everything that a recording says. */
async function contents(path: string): Promise<Record<string, unknown>> {
  using file = await FitsFile.open(path, {
    flatten: true,
    tiles: decodeTiles,
    verify: true,
  });
  const hdus = await file.hdus();
  const table = hdus.at(-1);
  assert(table !== undefined);
  const { datasum, checksum } = await file.verify(table);
  using recording = await Recording.open(path);
  return {
    cards: file.image.header.cards
      .filter(({ keyword }) => !/^(CHECKSUM|DATASUM)$/.test(keyword))
      .map(({ keyword, value, comment }) => [keyword, value, comment]),
    keywords: recording.keywords(),
    columns: await readFrameTable(file),
    rows: await file.readData(table),
    sums: [datasum, checksum],
    type: recording.type,
    size: recording.size,
    frames: recording.frames,
  };
}

Deno.test("a recording compressed by tiles keeps pixels, cards and times; funpack and astropy agree", async () => {
  using folder = new Folder();
  const packed: { path: string; pixels: Uint8Array; type: DataType }[] = [];
  for (const type of Object.keys(TYPES) as DataType[]) {
    if (type === "u64" || type === "i64") continue;
    // The second is no whole number of tiles.
    const sizes = type === "u16" ? [[90, 100], [5], [4, 3, 2], [5, 1]] : [[
      31,
      7,
    ]];
    for (const size of sizes) {
      const plain = await recorded(folder, type, size, 5);
      const before = await contents(plain);
      const bytes = TYPES[type].bytes * size.reduce((all, n) => all * n, 1);
      const { pixels } = await ourPixelsFlat(plain);
      const { file, losses } = await packFile(plain, TILES);
      assertEquals(losses, []);
      assertMatch(file, /\.fits\.fz$/);
      assertEquals(await contents(file), before, `${type} ${size}`);
      using recording = await Recording.open(file);
      const all = new Uint8Array(5 * bytes);
      await recording.read(0, all);
      for (let n = 0; n < 5; n++) {
        assertEquals(
          all.slice(n * bytes, (n + 1) * bytes),
          frameOf(type, bytes, n),
        );
        const one = new Uint8Array(bytes);
        await recording.read(n, one);
        assertEquals(one, frameOf(type, bytes, n));
      }
      // CFITSIO decompresses three axes, and pairs are one more.
      const axes = size.length + (type.startsWith("c") ? 2 : 1);
      if (axes <= 3) packed.push({ path: file, pixels, type });
    }
  }
  const names = [...Deno.readDirSync(folder.file("log"))].map(({ name }) =>
    name
  );
  assert(names.every((name) => /^cam_.*\.fits\.fz$/.test(name)), `${names}`);
  if (!lacksFpack()) {
    const theirs = await astropyPixels(packed.map(({ path }) => path));
    for (const [i, { path, pixels, type }] of packed.entries()) {
      assertEquals(theirs[i]?.sums, [[1, 1], [1, 1], [1, 1]], path);
      // astropy 5.2.1 makes floats of BZERO -128.
      if (type !== "i8") assertSame(theirs[i]?.pixels, pixels, path);
      await run("funpack", ["-O", folder.file(`${i}.fits`), path]);
      assertSame(
        (await ourPixels(folder.file(`${i}.fits`))).bytes,
        pixels,
        path,
      );
    }
  }
  if (!has(program("fitsverify", "fitsverify"), "fitsverify on files")) return;
  const said = await run("fitsverify", [
    "-q",
    ...packed.map(({ path }) => path),
  ]);
  assertEquals(said.match(/verification OK/g)?.length, packed.length, said);
});

/** All pixels of a file as they are stored, native. */
async function ourPixelsFlat(path: string): Promise<{ pixels: Uint8Array }> {
  using file = await FitsFile.open(path, { flatten: true });
  const { buffer } = await file.image.read();
  return { pixels: new Uint8Array(buffer) };
}

Deno.test("a keyword that belongs to compressed files is named when it is dropped", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", {
    dir: folder.path,
    size: [4],
    type: "i16",
  });
  cam.setKeywords([
    { name: "ZSCALE", type: "D", value: 3, comment: "" },
    { name: "EXTNAME", type: "S", value: "x", comment: "" },
    { name: "GOOD", type: "L", value: 3n, comment: "" },
  ]);
  const session = new Session([cam.reopen()], [cam], {
    dir: folder.file("log"),
    frames: 1,
    cubes: 1,
  });
  await session.write(1, () => new Uint8Array(8));
  const [done] = await session.done;
  const { file, losses } = await packFile(done?.files[0] ?? "", TILES);
  assertEquals(losses.length, 2);
  assertMatch(losses.join(), /"ZSCALE".*dropped.*"EXTNAME".*dropped/);
  using recording = await Recording.open(file);
  assertEquals(recording.keywords().map(({ name }) => name), ["GOOD"]);
  // The same where an image is written compressed at once.
  const { losses: said } = await writeFits(folder.file("one.fits.fz"), {
    type: "u8",
    size: [2],
    data: new Uint8Array(2),
  }, { compression: { codec: "GZIP_2" }, keywords: cam.keywords() });
  assertMatch(said.join(), /ZSCALE.*EXTNAME/);
  using one = await Recording.open(folder.file("one.fits.fz"));
  assertEquals(one.keywords().map(({ name }) => name), ["GOOD"]);
});

Deno.test("what cannot be packed stays as it is, and nothing else is left", async () => {
  using folder = new Folder();
  const plain = await recorded(folder, "u64", [3], 2);
  assertThrows(() => TILES.check("u64"), RangeError, "Cannot compress u64");
  TILES.check("f64");
  const before = Deno.readFileSync(plain);
  await assertRejects(() => packFile(plain, TILES), RangeError);
  assertEquals(Deno.readFileSync(plain), before);
  assertEquals([...Deno.readDirSync(folder.file("log"))].length, 1);
});

Deno.test("recover() removes what was only made of a whole file, and nothing that is new", async () => {
  using folder = new Folder();
  const plain = await recorded(folder, "u8", [3], 2);
  const log = folder.file("log");
  const base = plain.slice(log.length + 1, -".fits".length);
  const names = [`.${base}.fits.fz.part`, `.${base}.txt.part`];
  const old = new Date(Date.now() - 3_600_000);
  const lonely = `.other_1.fits.fz.part`; // nothing else has what is in it
  for (const name of [...names, lonely, `.${base}.fits.rows`]) {
    Deno.writeTextFileSync(`${log}/${name}`, "begun");
    if (!name.endsWith(".rows")) Deno.utimeSync(`${log}/${name}`, old, old);
  }
  assertEquals(await countUnfinished(log), 0);
  assertEquals(await recover(log), []);
  assertEquals(
    [...Deno.readDirSync(log)].map(({ name }) => name).sort(),
    [`.${base}.fits.rows`, lonely, `${base}.fits`],
  );
  assertEquals(await countUnfinished(folder.file("nothing")), 0);
});
