import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  FitsError,
  FitsFile,
  type FitsPixels,
  parseSection,
} from "../../src/fits/mod.ts";
import {
  bigEndian,
  card,
  count,
  extensionCards,
  header,
  imageCards,
  int16Image,
  joined,
  padded,
} from "./fits_bytes.ts";

/** Reads an image of one row. */
async function read(
  bitpix: number,
  data: Uint8Array,
  ...cards: string[]
): Promise<{ type: string; pixels: FitsPixels; warnings: readonly string[] }> {
  const axis = data.length / Math.abs(bitpix) * 8;
  const bytes = joined(
    header(...imageCards(bitpix, [axis]), ...cards),
    padded(data),
  );
  using file = await FitsFile.fromBytes(bytes);
  const { type } = file.image;
  return { type, pixels: await file.image.read(), warnings: file.warnings };
}

const i16 = (...values: number[]) =>
  bigEndian(values, 2, (view, at, v) => view.setInt16(at, v));
const i32 = (...values: number[]) =>
  bigEndian(values, 4, (view, at, v) => view.setInt32(at, v));
const i64 = (...values: bigint[]) =>
  bigEndian(values, 8, (view, at, v) => view.setBigInt64(at, v));
const MIN64 = -(1n << 63n);
const MAX64 = (1n << 63n) - 1n;

Deno.test("FitsImage.read() keeps signed integers exact", async () => {
  const bytes = await read(8, new Uint8Array([0, 1, 255]));
  assertEquals(bytes.pixels, new Uint8Array([0, 1, 255]));
  const short = await read(16, i16(-32768, -1, 32767));
  assertEquals(short.pixels, new Int16Array([-32768, -1, 32767]));
  const long = await read(32, i32(-2147483648, -1, 2147483647));
  assertEquals(long.pixels, new Int32Array([-2147483648, -1, 2147483647]));
  const huge = await read(64, i64(MIN64, -1n, MAX64));
  assertEquals(huge.pixels, new BigInt64Array([MIN64, -1n, MAX64]));
});

Deno.test("FitsImage.read() keeps BZERO's integers exact", async () => {
  const i8 = await read(
    8,
    new Uint8Array([0, 127, 128, 255]),
    card("BZERO", -128),
  );
  assertEquals(i8.pixels, new Int8Array([-128, -1, 0, 127]));
  const u16 = await read(16, i16(-32768, 0, 32767), card("BZERO", 32768));
  assertEquals(u16.pixels, new Uint16Array([0, 32768, 65535]));
  const u32 = await read(
    32,
    i32(-2147483648, 0, 2147483647),
    card("BZERO", "2147483648.0"),
    card("BSCALE", "1.0"),
  );
  assertEquals(u32.pixels, new Uint32Array([0, 2147483648, 4294967295]));
  for (const zero of ["9223372036854775808", "9.223372036854775808D18"]) {
    const u64 = await read(64, i64(MIN64, 0n, MAX64), card("BZERO", zero));
    assertEquals(
      u64.pixels,
      new BigUint64Array([0n, 1n << 63n, (1n << 64n) - 1n]),
    );
  }
});

Deno.test("FitsImage.read() takes BZERO one beside the convention for a scale", async () => {
  const near = await read(64, i64(0n), card("BZERO", "9223372036854775807"));
  assertEquals(near.pixels, new Float64Array([2 ** 63]));
});

Deno.test("FitsImage.read() keeps every bit of floating-point pixels", async () => {
  const floats = [0x7fc00001, 0xff800000, 0x80000000, 0x00000001, 0x7fa12345];
  const f32 = await read(
    -32,
    bigEndian(floats, 4, (view, at, v) => view.setUint32(at, v)),
  );
  assertEquals(f32.type, "f32");
  assertEquals([...new Uint32Array(f32.pixels.buffer)], floats);
  const doubles = [0x7ff8000000000001n, 0xfff0000000000000n, 1n << 63n, 1n];
  const f64 = await read(
    -64,
    bigEndian(doubles, 8, (view, at, v) => view.setBigUint64(at, v)),
  );
  assertEquals(f64.type, "f64");
  assertEquals([...new BigUint64Array(f64.pixels.buffer)], doubles);
});

Deno.test("FitsImage.read() scales to f32 and f64", async () => {
  const scale = [card("BSCALE", 0.5), card("BZERO", 10)];
  const small = await read(16, i16(-2, 0, 3), ...scale);
  assertEquals(small.pixels, new Float32Array([9, 10, 11.5]));
  const byte = await read(8, new Uint8Array([0, 255]), ...scale);
  assertEquals(byte.pixels, new Float32Array([10, 137.5]));
  const long = await read(32, i32(-1, 2147483647), ...scale);
  assertEquals(long.pixels, new Float64Array([9.5, 1073741833.5]));
  const huge = await read(64, i64(-4n, 6n), ...scale);
  assertEquals(huge.pixels, new Float64Array([8, 13]));
  const float = bigEndian(
    [1.5, NaN],
    8,
    (view, at, v) => view.setFloat64(at, v),
  );
  assertEquals(
    (await read(-64, float, ...scale)).pixels,
    new Float64Array([10.75, NaN]),
  );
});

Deno.test("FitsImage.read() makes NaN of BLANK", async () => {
  const short = await read(16, i16(-1, 7), card("BLANK", -1));
  assertEquals(short.pixels, new Float32Array([NaN, 7]));
  const unsigned = await read(
    16,
    i16(-32768, 7),
    card("BLANK", -32768),
    card("BZERO", 32768),
  );
  assertEquals(unsigned.pixels, new Float32Array([NaN, 32775]));
  const huge = await read(64, i64(MAX64, 2n), card("BLANK", `${MAX64}`));
  assertEquals(huge.pixels, new Float64Array([NaN, 2]));
});

Deno.test("FitsImage.read() does not heed a BLANK that no pixel can be", async () => {
  const far = await read(16, i16(-1), card("BLANK", 40000));
  assertEquals(far.pixels, new Int16Array([-1]));
  assertEquals(far.warnings, [
    "HDU 0: BLANK is 40000, which no pixel can be",
  ]);
  const float = bigEndian([1], 4, (view, at, v) => view.setFloat32(at, v));
  const useless = await read(-32, float, card("BLANK", 1));
  assertEquals(useless.pixels, new Float32Array([1]));
  assertEquals(useless.warnings.length, 1);
});

Deno.test("FitsImage.size drops trailing axes of 1", async () => {
  using file = await FitsFile.fromBytes(int16Image([3, 1, 2, 1, 1], count(6)));
  assertEquals(file.image.size, [3, 1, 2]);
  assertEquals(file.image.hdu.axes, [3, 1, 2, 1, 1]);
  using one = await FitsFile.fromBytes(int16Image([1, 1], [5]));
  assertEquals(one.image.size, [1]);
});

const FOUR = int16Image([3, 2, 2, 2], count(24));

Deno.test("FitsFile.open() names --slice and --flatten for four axes", async () => {
  const error = await assertRejects(() => FitsFile.fromBytes(FOUR), FitsError);
  assertStringIncludes(error.message, "image has 4 axes (3x2x2x2)");
  assertStringIncludes(error.message, "--slice");
  assertStringIncludes(error.message, "--flatten");
});

Deno.test("FitsFile.open() takes one slice of four axes, or flattens them", async () => {
  using slice = await FitsFile.fromBytes(FOUR, { slice: 3 });
  assertEquals(slice.image.size, [3, 2]);
  assertEquals(
    await slice.image.read(),
    new Int16Array([18, 19, 20, 21, 22, 23]),
  );
  assertEquals(slice.image.stored, { offset: 2880 + 36, byteLength: 12 });
  using flat = await FitsFile.fromBytes(FOUR, { flatten: true });
  assertEquals(flat.image.size, [3, 2, 4]);
  assertEquals(await flat.image.read(), new Int16Array(count(24)));
  await assertRejects(
    () => FitsFile.fromBytes(FOUR, { slice: 4 }),
    FitsError,
    "slice 4 is asked for, the image has 0 to 3",
  );
});

const CUBE = int16Image([4, 3, 2], count(24));

/** Reads a section of a 4x3x2 cube. */
async function section(text: string): Promise<[number[], number[], boolean]> {
  using file = await FitsFile.fromBytes(CUBE, { section: parseSection(text) });
  const pixels = Array.from(await file.image.read(), Number);
  return [[...file.image.size], pixels, file.image.stored !== undefined];
}

Deno.test("FitsFile.open() reads sections, steps and reversed axes", async () => {
  assertEquals(await section("*,*,2:2"), [
    [4, 3],
    [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
    true,
  ]);
  assertEquals(await section("2:3,1:2,1"), [[2, 2], [1, 2, 5, 6], false]);
  assertEquals(await section("*,2:3,1"), [
    [4, 2],
    [4, 5, 6, 7, 8, 9, 10, 11],
    true,
  ]);
  assertEquals(await section("-*,3:1:2,2"), [
    [4, 2],
    [23, 22, 21, 20, 15, 14, 13, 12],
    false,
  ]);
  assertEquals(await section("*:3,2,-*"), [[2, 1, 2], [16, 19, 4, 7], false]);
  assertEquals(await section("4:1:3,1,1"), [[2], [3, 0], false]);
});

Deno.test("FitsFile.open() refuses a section that does not fit", async () => {
  for (
    const [text, message] of [
      ["*,*", "section has 2 axes, the image has 3 (4x3x2)"],
      ["*,*,*,*", "section has 4 axes, the image has 3 (4x3x2)"],
      ["*,2:4,*", "section asks for pixel 4 of axis 2, which has 3"],
    ] as const
  ) {
    await assertRejects(() => section(text), FitsError, message);
  }
});

Deno.test("FitsImage.slices() yields one slice after another", async () => {
  using file = await FitsFile.fromBytes(CUBE);
  const slices: FitsPixels[] = [];
  for await (const slice of file.image.slices()) slices.push(slice);
  assertEquals(slices, [
    new Int16Array(count(12)),
    new Int16Array(count(12).map((v) => v + 12)),
  ]);
  await assertRejects(() => file.image.readSlice(2), FitsError, "slice 2");
});

Deno.test("FitsImage.mappable says where the bytes lie", async () => {
  using file = await FitsFile.fromBytes(CUBE);
  assertEquals(file.storage, "plain");
  assertEquals([file.image.bitpix, file.image.storedBytes], [16, 2]);
  assertEquals(file.image.mappable, { offset: 2880, byteLength: 48 });
  const span = file.image.mappable;
  assert(span !== undefined);
  const { offset, byteLength } = span;
  const raw = CUBE.slice(offset, offset + byteLength);
  assertEquals(raw.subarray(0, 24), await file.image.readRawSlice(0));
});

const MANY = joined(
  header(...imageCards(8, [])),
  header(...extensionCards(8, [10, 300], "BINTABLE"), card("TFIELDS", 0)),
  padded(new Uint8Array(3000)),
  header(...extensionCards(16, [2]), "EXTNAME = 'SCI'", card("EXTVER", 1)),
  padded(i16(1, 2)),
  header(...extensionCards(16, [2]), "EXTNAME = 'sci'", card("EXTVER", 2)),
  padded(i16(3, 4)),
);

Deno.test("FitsFile.open() finds HDUs by number, name and version", async () => {
  const choices: [Parameters<typeof FitsFile.fromBytes>[1], number][] = [
    [{}, 2],
    [{ hdu: 3 }, 3],
    [{ hdu: { name: "Sci" } }, 2],
    [{ hdu: { name: "SCI", version: 2 } }, 3],
  ];
  for (const [options, index] of choices) {
    using file = await FitsFile.fromBytes(MANY, options);
    assertEquals(file.image.hdu.index, index);
  }
  using file = await FitsFile.fromBytes(MANY, { hdu: 2 });
  const kinds = (await file.hdus()).map((hdu) => hdu.kind);
  assertEquals(kinds, ["image", "bintable", "image", "image"]);
});

Deno.test("FitsFile.open() says why an HDU is not the one", async () => {
  for (
    const [hdu, message] of [
      [0, "HDU 0: has no pixels (NAXIS is 0)"],
      [1, "HDU 1: holds a table, not an image"],
      [4, "HDU 4 is asked for, the file has 0 to 3"],
      [{ name: "ERR" }, 'No HDU is called "ERR"; there is "SCI,1", "sci,2"'],
    ] as const
  ) {
    await assertRejects(
      () => FitsFile.fromBytes(MANY, { hdu }),
      FitsError,
      message,
    );
  }
});

Deno.test("FitsFile.open() reads a pair of re and im as complex", async () => {
  const data = bigEndian(
    [1, 2, 3, 4],
    4,
    (view, at, v) => view.setFloat32(at, v),
  );
  const cards = imageCards(-32, [2, 2]);
  const plain = joined(header(...cards), padded(data));
  const complex = joined(header(...cards, "CTYPE1  = 'COMPLEX'"), padded(data));
  using pairs = await FitsFile.fromBytes(plain);
  assertEquals([pairs.image.type, pairs.image.size], ["f32", [2, 2]]);
  using one = await FitsFile.fromBytes(complex);
  assertEquals([one.image.type, one.image.size], ["c64", [2]]);
  assertEquals(await one.image.read(), new Float32Array([1, 2, 3, 4]));
  const options = { section: parseSection("1:1,*") };
  using real = await FitsFile.fromBytes(complex, options);
  assertEquals([real.image.type, real.image.size], ["f32", [1, 2]]);
  assertEquals(await real.image.read(), new Float32Array([1, 3]));
});
