/** Tile-compressed images, against CFITSIO's programs and astropy. */

import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { basename } from "@std/path";
import { decodeTiles } from "../../ffi/tiles.ts";
import { FitsFile } from "../../src/fits/mod.ts";
import {
  assertSame,
  type AstropyPixels,
  astropyPixels,
  DTYPES,
  lacksFpack,
  makeImages,
  makeSmoothed,
  type OurImage,
  ourPixels,
  run,
} from "./_compressed.ts";
import { lacksAstropy } from "./tools.ts";

/** How fpack is asked: a name, and its options. */
type Way = readonly [name: string, ...options: string[]];

const INTEGERS: readonly Way[] = [
  ["r", "-r"],
  ["rt", "-r", "-t", "17,9"],
  ["rw", "-r", "-w"],
  ["g1", "-g1"],
  ["g2t", "-g2", "-t", "31,7"],
  ["d", "-d"],
];

const PLANES: readonly Way[] = [
  ["h", "-h", "-t", "25,16"],
  ["hw", "-h", "-w"],
  // Lossy; fpack never smooths.
  ["hs", "-h", "-s", "4", "-t", "53,20"],
];

const FLOATS: readonly Way[] = [
  ["r", "-r"],
  ["rt", "-r", "-t", "17,9"],
  ["rq0", "-r", "-q0", "4"],
  ["rqz", "-r", "-qz", "4"],
  ["rq9999", "-r", "-q9999", "2"],
  ["h", "-h", "-t", "25,16"],
  ["g1", "-g1"],
  ["g2", "-g2", "-q0", "2"],
  ["g10", "-g1", "-q", "0"],
  ["g20t", "-g2", "-q", "0", "-t", "13,11"],
  ["d", "-d"],
];

const MASKS: readonly Way[] = [["p", "-p"], ["pt", "-p", "-t", "20,9"]];

/** How an image of this name is compressed. */
function waysFor(name: string): readonly Way[] {
  if (/^(f32|f64|holes)$/.test(name)) return FLOATS;
  const planes = name === "line" ? [] : PLANES;
  return [...INTEGERS, ...planes, ...(/mask$/.test(name) ? MASKS : [])];
}

/** What fpack 1.7.0 itself refuses. */
function refused(name: string, way: string): boolean {
  return (way === "d" && /^(u8|i8|wild8|f64)$/.test(name)) ||
    // It ends with an overflow in either direction.
    (way === "h" && /^wild(16|32)$/.test(name));
}

/**
 * Where astropy 5.2.1 does not read what was written, and funpack does: -128
 * as BZERO comes as floats, unsigned masks 32768 too high; NOCOMPRESS and what
 * overflows not at all.
 */
function astropyErrs(name: string, way: string): boolean {
  return name === "i8" || way === "d" ||
    (name === "umask" && way.startsWith("p")) ||
    (name === "wild8" && way === "hs");
}

/** Checks that NaN is where it was, and makes it the same on both sides. */
function fillHoles(
  ours: OurImage,
  astropy: AstropyPixels | undefined,
  { pixels }: OurImage,
): void {
  const theirs = new Float32Array(astropy?.pixels.buffer ?? new ArrayBuffer(0));
  pixels.forEach((value: number | bigint, i: number) => {
    assertEquals(Number.isNaN(ours.pixels[i]), Number.isNaN(value), `${i}`);
    if (Number.isNaN(value)) ours.pixels[i] = theirs[i] = 0;
  });
}

Deno.test("FitsFile reads what fpack makes, in every codec, as funpack and astropy do", async () => {
  if (lacksFpack()) return;
  const folder = await Deno.makeTempDir();
  try {
    const packed: { name: string; way: string; path: string }[] = [];
    const names = await makeImages(folder);
    for (const way of [...INTEGERS, ...PLANES, ...FLOATS, ...MASKS]) {
      const [id, ...options] = way;
      const mine = names.filter((name) =>
        waysFor(name).includes(way) && !refused(name, id)
      );
      await run("fpack", [...options, ...mine.map((n) => `${n}.fits`)], folder);
      for (const name of mine) {
        const path = `${folder}/${name}.${id}.fits.fz`;
        await Deno.rename(`${folder}/${name}.fits.fz`, path);
        packed.push({ name, way: id, path });
      }
    }
    assertGreater(packed.length, 140);
    const theirs = await astropyPixels(packed.map(({ path }) => path));
    const holes = await ourPixels(`${folder}/holes.fits`);
    const others = packed.filter(({ name, way }) =>
      // Lossy bytes that overflow are clipped; funpack gives up.
      astropyErrs(name, way) && name !== "wild8"
    );
    await run(
      "funpack",
      ["-P", "un-", ...others.map(({ path }) => basename(path))],
      folder,
    );
    for (const [i, { name, way, path }] of packed.entries()) {
      const ours = await ourPixels(path);
      const astropy = theirs[i];
      if (!astropyErrs(name, way)) {
        assertEquals(astropy?.error, undefined, path);
        assertEquals(DTYPES[ours.type], astropy?.dtype, path);
        assertEquals([...ours.axes], astropy?.axes, path);
        // Of quantized NaN astropy 5.2.1 makes numbers, and funpack puts them
        // elsewhere where a tile is not a row: they must be where they were.
        if (name === "holes") fillHoles(ours, astropy, holes);
        assertSame(ours.bytes, astropy?.pixels, path);
        continue;
      }
      if (name === "wild8") continue;
      const unpacked = await ourPixels(
        `${folder}/un-${basename(path).replace(/\.fz$/, "")}`,
      );
      assertEquals(ours.type, unpacked.type, path);
      assertEquals(ours.axes, unpacked.axes, path);
      assertSame(ours.bytes, unpacked.bytes, path);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Takes the smoothing away: ZVAL2 is that of SMOOTH. */
function unsmoothed(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder("latin1").decode(bytes);
  const at = /ZNAME2 {2}= 'SMOOTH +'/.test(text)
    ? /ZVAL2 {3}= +1 /.exec(text)
    : null;
  if (at === null) throw new Error("SMOOTH is not 1");
  const copy = bytes.slice();
  copy[at.index + at[0].lastIndexOf("1")] = "0".charCodeAt(0);
  return copy;
}

Deno.test("FitsFile smooths what HCOMPRESS_1 lost, as astropy does", async () => {
  if (lacksAstropy()) return;
  const folder = await Deno.makeTempDir();
  try {
    const paths = await makeSmoothed(folder);
    assertEquals(paths.length, 50);
    const theirs = await astropyPixels(paths);
    let told = 0;
    for (const [i, path] of paths.entries()) {
      const ours = await ourPixels(path);
      const astropy = theirs[i];
      assertEquals(astropy?.error, undefined, path);
      assertEquals(DTYPES[ours.type], astropy?.dtype, path);
      assertEquals([...ours.axes], astropy?.axes, path);
      assertSame(ours.bytes, astropy?.pixels, path);
      const rough = unsmoothed(await Deno.readFile(path));
      using file = await FitsFile.fromBytes(rough, { tiles: decodeTiles });
      const pixels = await file.image.read();
      const differs = pixels.some((value: number | bigint, k: number) =>
        !Object.is(value, ours.pixels[k])
      );
      if (differs) told++;
      else assertMatch(path, /\.0\.fits|u8.*-40|\.1\.fits/);
    }
    assertGreater(told, 25); // the others lost nothing that could be smoothed
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("FitsFile restores the header of a compressed image", async () => {
  if (lacksFpack()) return;
  const folder = await Deno.makeTempDir();
  try {
    await makeImages(folder);
    const plain = `${folder}/u16.fits`;
    await run("fpack", ["-r", "-O", `${folder}/c.fits.fz`, plain]);
    using whole = await FitsFile.open(plain);
    using packed = await FitsFile.open(`${folder}/c.fits.fz`, {
      tiles: decodeTiles,
      verify: true,
    });
    const cards = ({ image }: FitsFile): unknown[] =>
      image.header.cards.map(({ keyword, value }) => [keyword, value])
        .filter(([keyword]) => !/^(CHECKSUM|DATASUM)$/.test(String(keyword)));
    assertEquals(cards(packed), cards(whole));
    assertEquals(packed.image.hdu.index, 1);
    assertEquals(packed.storage, "tiles");
    assertEquals(await packed.verify(), {
      hdu: 1,
      datasum: "good",
      checksum: "good",
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sections and slices of compressed cubes are those of plain ones", async () => {
  if (lacksFpack()) return;
  const folder = await Deno.makeTempDir();
  try {
    await makeImages(folder);
    const plain = `${folder}/cube.fits`;
    for (const tile of ["53,1", "20,9,2", "53,61,5"]) {
      const path = `${folder}/${tile}.fits.fz`;
      await run("fpack", ["-r", "-t", tile, "-O", path, plain]);
      for (
        const section of ["[*,*,3:3]", "[2:40:3,-*,*]", "[5:9,7:8,2:5]", ""]
      ) {
        using whole = await FitsFile.open(plain + section);
        using packed = await FitsFile.open(path + section, {
          tiles: decodeTiles,
        });
        assertEquals(packed.image.size, whole.image.size);
        for (let k = 0; k < whole.image.sliceCount; k++) {
          assertEquals(
            await packed.image.readSlice(k),
            await whole.image.readSlice(k),
            `${tile} ${section}`,
          );
        }
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
