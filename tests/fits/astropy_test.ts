import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
} from "@std/assert";
import {
  type FitsCard,
  FitsError,
  FitsFile,
  type FitsPixels,
  type FitsValue,
} from "../../src/fits/mod.ts";
import { assertSame, astropyPixels, DTYPES, ourPixels } from "./_compressed.ts";
import {
  type AstropyFile,
  type AstropyKeyword,
  lacksAstropy,
  PYTHON,
  readWithAstropy,
} from "./tools.ts";

/** Where astropy keeps the files of its own tests. */
async function dataFolder(): Promise<string> {
  const { stdout } = await new Deno.Command(PYTHON, {
    args: ["-c", "import astropy.io.fits as f; print(f.__path__[0])"],
  }).output();
  return `${new TextDecoder().decode(stdout).trim()}/tests/data`;
}

/** All FITS files of a folder and the folders in it. */
function fitsFiles(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return fitsFiles(path);
    return name.endsWith(".fits") ? [path] : [];
  }).sort();
}

/** Base64 of a typed array's bytes. */
function base64(data: ArrayBufferView): string {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    .toBase64();
}

/** A value as the script writes it. */
function kindOf(value: FitsValue | undefined): [string, unknown] {
  switch (typeof value) {
    case "boolean":
      return ["bool", value];
    case "bigint":
      return ["int", String(value)];
    case "number":
      return ["float", value];
    case "string":
      return ["str", value];
    case "object":
      return value === null
        ? ["undefined", null]
        : ["complex", [value.re, value.im]];
    case "undefined":
      return ["unreadable", null];
  }
}

/** Our keyword in astropy's words. */
function inAstropysWords(card: FitsCard): AstropyKeyword {
  return [card.keyword.toUpperCase(), kindOf(card.value), card.comment];
}

/** Numbers come as text, so that JSON does not touch them. */
function withNumbers(
  [keyword, [kind, value], comment]: AstropyKeyword,
): unknown[] {
  const number = kind === "float" ? Number(value) : value;
  return [keyword, [kind, number], comment];
}

/** Compares scaled pixels: numpy multiplies in f32, we in f64. */
function assertClose(ours: FitsPixels, theirs: string): void {
  const bytes = Uint8Array.fromBase64(theirs);
  const wanted = new Float32Array(bytes.buffer);
  assertEquals(ours.length, wanted.length);
  wanted.forEach((value, i) => {
    const error = Math.abs(Number(ours[i]) - value);
    assert(error <= Math.abs(value) * 2 ** -22, `pixel ${i}: ${ours[i]}`);
  });
}

/** Compares every image of a file; returns how many there were. */
async function compare(path: string, file: AstropyFile): Promise<number> {
  for (const [index, theirs] of Object.entries(file.images)) {
    using ours = await FitsFile.open(path, { hdu: Number(index) });
    const { image } = ours;
    const where = `${path}[${index}]`;
    assertEquals([...image.hdu.axes], theirs.axes, where);
    assertEquals(DTYPES[image.type], theirs.dtype, where);
    const raw: Uint8Array[] = [];
    for (let i = 0; i < image.sliceCount; i++) {
      raw.push(await image.readRawSlice(i));
    }
    assertEquals(
      base64(new Uint8Array(raw.flatMap((r) => [...r]))),
      theirs.raw,
    );
    const pixels = await image.read();
    const { conversion } = image;
    if (conversion.kind === "scaled" && conversion.scale !== 1) {
      assertClose(pixels, theirs.pixels);
    } else if (pixels.some((value) => Number.isNaN(value))) {
      // The one NaN of blank.fits: its payload is not astropy's.
      const bytes = Uint8Array.fromBase64(theirs.pixels);
      assertEquals(pixels, new Float64Array(bytes.buffer), where);
    } else assertEquals(base64(pixels), theirs.pixels, where);
    const cards = image.header.cards.filter((card) => !card.commentary);
    assertEquals(
      cards.map(inAstropysWords),
      theirs.keywords.map((keyword) => withNumbers(keyword)),
      where,
    );
  }
  return Object.keys(file.images).length;
}

Deno.test("FitsFile reads every image of astropy's test data as astropy does", async () => {
  if (lacksAstropy()) return;
  const paths = fitsFiles(await dataFolder());
  let images = 0;
  for (const [path, file] of Object.entries(await readWithAstropy(paths))) {
    images += await compare(path, file);
    if (Object.keys(file.images).length > 0) continue;
    // Where astropy finds no pixels, nor do we, and say so.
    const error = await assertRejects(() => FitsFile.open(path), FitsError);
    assert(
      /no pixels|needs the option|random groups/.test(error.message),
      error.message,
    );
  }
  assertGreater(images, 10);
});

Deno.test("FitsFile reads the compressed images of astropy's test data as astropy does", async () => {
  if (lacksAstropy()) return;
  const folder = await dataFolder();
  const names = [
    "comp",
    "compressed_float_bzero",
    "compressed_image",
    "double_ext",
  ];
  const paths = names.map((name) => `${folder}/${name}.fits`);
  for (const { path, dtype, axes, pixels } of await astropyPixels(paths)) {
    const ours = await ourPixels(path);
    assertEquals([DTYPES[ours.type], ours.axes], [dtype, axes], path);
    assertSame(ours.bytes, pixels, path);
  }
});

Deno.test("FitsFile says which axis of zerowidth.fits is empty", async () => {
  if (lacksAstropy()) return;
  const path = `${await dataFolder()}/zerowidth.fits`;
  await assertRejects(
    () => FitsFile.open(path),
    FitsError,
    "HDU 0: has no pixels: axis 2 is empty (NAXIS2 is 0)",
  );
});

Deno.test("FitsFile.verify() judges astropy's checksums", async () => {
  if (lacksAstropy()) return;
  const folder = await dataFolder();
  using good = await FitsFile.open(`${folder}/checksum.fits`, { verify: true });
  const results = [];
  for (const hdu of await good.hdus()) results.push(await good.verify(hdu));
  assertEquals(results, [
    { hdu: 0, datasum: "good", checksum: "good" },
    { hdu: 1, datasum: "good", checksum: "good" },
  ]);
  await assertRejects(
    () => FitsFile.open(`${folder}/checksum_false.fits`, { verify: true }),
    FitsError,
    '("DATASUM"): sum does not agree with the data',
  );
});
