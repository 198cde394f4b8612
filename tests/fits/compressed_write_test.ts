/** What we compress, read by funpack and astropy. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { basename } from "@std/path";
import { decodeTiles, encodeRice } from "../../ffi/tiles.ts";
import {
  type FitsCompression,
  FitsCubeWriter,
  type FitsElementType,
  FitsFile,
  writeFits,
} from "../../src/fits/mod.ts";
import { elementBytes } from "../../src/fits/types.ts";
import {
  assertSame,
  astropyPixels,
  lacksFpack,
  ourPixels,
  run,
} from "./_compressed.ts";
import { seeded } from "./fits_bytes.ts";

const RICE: FitsCompression = { codec: "RICE_1", encode: encodeRice };
const GZIP: FitsCompression = { codec: "GZIP_2" };

const INTEGERS = ["u8", "i8", "u16", "i16", "u32", "i32"] as const;
const FLOATS = ["f16", "f32", "f64", "c64", "c128"] as const;
const SIZES = [[11], [7, 5], [1, 1, 1], [300, 30], [40, 30, 4]];

/** Pixels: wild ones, all the same, and rising ones with wild ones between. */
function pixelsOf(
  type: FitsElementType,
  size: readonly number[],
  kind: number,
): Uint8Array<ArrayBuffer> {
  const random = seeded(kind + 1);
  const bytes = elementBytes(type);
  const out = new Uint8Array(size.reduce((all, axis) => all * axis, bytes));
  for (let i = 0; i < out.length; i++) {
    const wild = kind === 0 || (kind === 2 && Math.floor(i / bytes) % 9 === 8);
    if (wild) out[i] = Math.floor(random() * 256);
    else if (i % bytes === 0) {
      out[i] = kind === 1 ? 77 : Math.floor(i / bytes / 3);
    }
  }
  // No NaN with a payload, which a float's conversion might quieten.
  const high = { f16: 0x3f, f32: 0x3f, f64: 0x3f, c64: 0x3f, c128: 0x3f };
  const step = type === "c64" ? 4 : type === "c128" ? 8 : bytes;
  if (type in high) {
    for (let i = step - 1; i < out.length; i += step) out[i] = 0x3f;
  }
  return out;
}

Deno.test("what RICE_1 and GZIP_2 compress, we, funpack and astropy give back exactly", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const files: { path: string; plain: string }[] = [];
    for (const compression of [RICE, GZIP]) {
      const types = compression === RICE ? INTEGERS : [...INTEGERS, ...FLOATS];
      for (const type of types) {
        for (const [i, size] of SIZES.entries()) {
          const data = pixelsOf(type, size, i % 3);
          const name = `${folder}/${compression.codec}.${type}.${i}`;
          const path = `${name}.fits.fz`;
          const image = { type, size, data };
          await writeFits(path, image, { compression, stream: "cam" });
          await writeFits(`${name}.fits`, image, { stream: "cam" });
          // CFITSIO reads at most three axes, and pairs are one more.
          if (!(type.startsWith("c") && size.length === 3)) {
            files.push({ path, plain: `${name}.fits` });
          }
          using file = await FitsFile.open(path, {
            tiles: decodeTiles,
            verify: true,
          });
          assertEquals(file.image.header.text("SHMTYPE"), type);
          const [ours, plain] = [
            await ourPixels(path),
            await ourPixels(`${name}.fits`),
          ];
          assertEquals([ours.type, ours.axes], [plain.type, plain.axes], path);
          assertSame(ours.bytes, plain.bytes, path);
        }
      }
    }
    if (lacksFpack()) return;
    const theirs = await astropyPixels(files.map(({ path }) => path));
    const names = files.map(({ path }) => basename(path));
    await run("funpack", ["-P", "un-", ...names], folder);
    for (const [i, { path, plain }] of files.entries()) {
      const { bytes } = await ourPixels(plain);
      const astropy = theirs[i];
      assert(astropy !== undefined && astropy.error === undefined, path);
      assertEquals(astropy.sums, [[1, 1], [1, 1]], path);
      // astropy 5.2.1 makes floats of BZERO -128.
      if (!path.includes(".i8.")) {
        assertSame(astropy.pixels, bytes, path);
      }
      const unpacked = `${folder}/un-${names[i]?.replace(/\.fz$/, "")}`;
      assertSame((await ourPixels(unpacked)).bytes, bytes, path);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a compressed cube grows frame by frame and has its table", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/cube.fits.fz`;
  try {
    const frames = [0, 1, 2].map((k) => pixelsOf("u16", [70, 90], k));
    {
      await using cube = await FitsCubeWriter.create(path, "u16", [70, 90], {
        // Room for more than come: the heap begins later.
        compression: { ...RICE, frames: 5 },
      });
      for (const [k, frame] of frames.entries()) {
        await cube.write(frame, { cnt0: BigInt(k) });
      }
      assertEquals((await cube.finish()).frames, 3);
    }
    const { axes, bytes } = await ourPixels(path);
    assertEquals(axes, [70, 90, 3]);
    assertSame(bytes, new Uint8Array(frames.flatMap((f) => [...f])), path);
    using file = await FitsFile.open(path, {
      tiles: decodeTiles,
      verify: true,
    });
    assertEquals((await file.hdus()).map(({ name }) => name), [
      "",
      "COMPRESSED_IMAGE",
      "FRAMES",
    ]);
    if (lacksFpack()) return;
    const [astropy] = await astropyPixels([path]);
    assertSame(astropy?.pixels, bytes, path);
    await run("funpack", ["-O", `${path}.un`, path]);
    assertSame((await ourPixels(`${path}.un`)).bytes, bytes, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what no codec holds is refused, and no file is left", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const write = (type: FitsElementType, compression: FitsCompression) =>
      writeFits(`${folder}/a.fits.fz`, {
        type,
        size: [4],
        data: new Uint8Array(4 * elementBytes(type)),
      }, { compression });
    await assertRejects(
      () => write("f32", RICE),
      RangeError,
      "Cannot compress f32 with RICE_1, which holds integers; GZIP_2 does",
    );
    for (const compression of [RICE, GZIP]) {
      await assertRejects(
        () => write("u64", compression),
        RangeError,
        "Cannot compress u64",
      );
    }
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
