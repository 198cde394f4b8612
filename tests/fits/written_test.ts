import { assert, assertEquals } from "@std/assert";
import {
  FitsCubeWriter,
  type FitsElementType,
  FitsFile,
  type FitsStreamKeyword,
  toStreamKeywords,
  writeFits,
} from "../../src/fits/mod.ts";
import { elementBytes } from "../../src/fits/types.ts";
import { seeded } from "./fits_bytes.ts";
import {
  type AstropyFile,
  lacks,
  lacksAstropy,
  readWithAstropy,
} from "./tools.ts";

/** How astropy calls what we write, and whether re and im come first. */
const TYPES: Record<FitsElementType, [string, boolean]> = {
  u8: ["uint8", false],
  i8: ["int8", false],
  u16: ["uint16", false],
  i16: ["int16", false],
  u32: ["uint32", false],
  i32: ["int32", false],
  u64: ["uint64", false],
  i64: ["int64", false],
  f16: ["float32", false],
  f32: ["float32", false],
  f64: ["float64", false],
  c64: ["float32", true],
  c128: ["float64", true],
};

const SIZES = [[11], [7, 5], [4, 3, 130]];

const COMMENT = "a comment that goes on to eighty bytes, the most that a " +
  "stream has room for, abc";

const KEYWORDS: FitsStreamKeyword[] = [
  {
    name: "LOOPFREQ",
    type: "D",
    value: 1.0000000000000002e-7,
    comment: "[Hz]",
  },
  { name: "MINUS", type: "D", value: -0, comment: "" },
  { name: "LEAST", type: "L", value: -(1n << 63n), comment: "int64" },
  { name: "MOST", type: "L", value: (1n << 63n) - 1n, comment: "int64" },
  { name: "FILTER", type: "S", value: "it's H & K &", comment: COMMENT },
  { name: "EMPTY", type: "S", value: "", comment: "" },
  {
    name: "SIXTEENBYTESNAME",
    type: "S",
    value: "sixteen bytes ok",
    comment: COMMENT,
  },
  { name: "loop gain", type: "D", value: 1e22, comment: "lower case" },
];

// No quote before a blank: there astropy 5.2 ends a string, even one of its own.
const LONG = "A string that takes several cards, it's long & all. ".repeat(6)
  .trim();

/** Pixels of every pattern of bits that is no NaN. */
function pixels(type: FitsElementType, count: number): Uint8Array<ArrayBuffer> {
  const random = seeded(count * 31 + type.length);
  const bytes = new Uint8Array(count * elementBytes(type));
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256);
  if (type === "f16") bytes.forEach((b, i) => bytes[i] = i % 2 ? b & 0xbb : b);
  return bytes;
}

/** What astropy is expected to have of pixels. */
function expected(
  type: FitsElementType,
  data: Uint8Array<ArrayBuffer>,
): string {
  if (type !== "f16") return data.toBase64();
  const floats = Float32Array.from(new Float16Array(data.buffer));
  return new Uint8Array(floats.buffer).toBase64();
}

interface Written {
  path: string;
  type: FitsElementType;
  size: number[];
  data: Uint8Array<ArrayBuffer>;
}

/** Writes a file of each type with 1, 2 and 3 axes, some of them packed. */
async function writeAll(dir: string): Promise<Written[]> {
  const all: Written[] = [];
  for (const type of Object.keys(TYPES) as FitsElementType[]) {
    for (const size of SIZES) {
      const gz = size.length === 2 && type.startsWith("c") ? ".gz" : "";
      const path = `${dir}/${type}_${size.length}.fits${gz}`;
      const data = pixels(type, size.reduce((a, b) => a * b));
      const report = await writeFits(path, { type, size, data }, {
        keywords: KEYWORDS,
        cards: [{ keyword: "NOTE", value: LONG, comment: "long" }],
        stream: "dm01disp03",
        cnt0: (1n << 64n) - 1n,
        cnt1: 4n,
        acquired: 1_700_000_000_123_456_789n,
        written: 1_700_000_000_123_556_789n,
      });
      assertEquals(report, { path, frames: 1, losses: [] });
      all.push({ path, type, size, data });
    }
  }
  return all;
}

/** Writes a cube of three frames with a table. */
async function writeCube(path: string): Promise<void> {
  await using cube = await FitsCubeWriter.create(path, "u16", [50, 30], {
    keywords: KEYWORDS,
    stream: "camera",
  });
  for (let i = 0; i < 3; i++) {
    const acquired = 1_700_000_000_000_000_001n + BigInt(i) * 1_000_000n;
    await cube.write(new Uint16Array(1500).fill(65_533 + i), {
      cnt0: (1n << 64n) - 3n + BigInt(i),
      cnt1: BigInt(i),
      acquired,
      ...(i === 1 ? {} : { written: acquired + 500n }),
    });
  }
  assertEquals((await cube.finish()).frames, 3);
}

const CUBE_TABLE = {
  CNT0: [
    "18446744073709551613",
    "18446744073709551614",
    "18446744073709551615",
  ],
  CNT1: ["0", "1", "2"],
  ATIME: ["1700000000000000001", "1700000000001000001", "1700000000002000001"],
  WTIME: ["1700000000000000501", "-9223372036854775808", "1700000000002000501"],
};

/** The value of a keyword as astropy has it. */
function value(file: AstropyFile, keyword: string): unknown {
  const card = file.images["0"]?.keywords.find(([name]) => name === keyword);
  return card?.[1][1];
}

/** Compares what astropy read with what was written. */
function compare(written: Written, file: AstropyFile): void {
  const { path, type, size, data } = written;
  const [dtype, pair] = TYPES[type];
  const image = file.images["0"];
  assertEquals(image?.dtype, dtype, path);
  assertEquals(image?.axes, pair ? [2, ...size] : size, path);
  assertEquals(image?.pixels, expected(type, data), path);
  assertEquals(file.sums, [[1, 1]], path);
  assertEquals(value(file, "NOTE"), LONG);
  assertEquals(value(file, "SHMTYPE"), type);
  assertEquals(value(file, "STREAM"), "dm01disp03");
  assertEquals(value(file, "CNT0"), "18446744073709551615");
  assertEquals(value(file, "DATE-OBS"), "2023-11-14T22:13:20.123456789");
  assertEquals(value(file, "DATE-WRT"), "2023-11-14T22:13:20.123556789");
  for (const keyword of KEYWORDS) {
    const name = keyword.name.toUpperCase();
    const card = image?.keywords.find(([found]) =>
      found.toUpperCase() === name
    );
    const kind = { D: "float", L: "int", S: "str" }[keyword.type];
    const found = keyword.type === "D" ? Number(card?.[1][1]) : card?.[1][1];
    const wanted = keyword.type === "L" ? `${keyword.value}` : keyword.value;
    assertEquals([card?.[1][0], found], [kind, wanted], `${path} ${name}`);
    assertEquals(card?.[2], keyword.comment, `${path} ${name}`);
  }
}

const dir = await Deno.makeTempDir();
const cubes = [`${dir}/cube.fits`, `${dir}/cube.fits.gz`];
let files: Written[] = [];

Deno.test.beforeAll(async () => {
  files = await writeAll(dir);
  for (const cube of cubes) await writeCube(cube);
});

Deno.test.afterAll(async () => {
  await Deno.remove(dir, { recursive: true });
});

Deno.test("writeFits() leaves no temporary file behind", () => {
  const names = [...Deno.readDirSync(dir)].map((entry) => entry.name);
  assertEquals(names.length, files.length + cubes.length);
});

Deno.test("writeFits() writes what FitsFile reads back, for every type", async () => {
  for (const { path, type, size, data } of files) {
    using file = await FitsFile.open(path, { verify: true });
    const { image } = file;
    assertEquals(file.storage, path.endsWith(".gz") ? "gzip" : "plain");
    assertEquals(image.type, type === "f16" ? "f32" : type, path);
    assertEquals([...image.size], size, path);
    const bytes = new Uint8Array((await image.read()).buffer);
    assertEquals(bytes.toBase64(), expected(type, data), path);
    assertEquals([...file.warnings], []);
    const { keywords, losses } = toStreamKeywords(image.header);
    // NOTE is no stream's keyword: it comes first and is cut.
    assertEquals(keywords.slice(1), KEYWORDS, path);
    assertEquals(losses.length, 1);
  }
});

Deno.test("writeFits() writes what astropy reads back, for every type", async () => {
  if (lacksAstropy()) return;
  const paths = [...files.map((file) => file.path), ...cubes];
  const read = await readWithAstropy(paths);
  for (const written of files) {
    const file = read[written.path];
    assert(file !== undefined, written.path);
    compare(written, file);
  }
  for (const cube of cubes) {
    const file = read[cube];
    assertEquals(file?.images["0"]?.axes, [50, 30, 3]);
    assertEquals(file?.tables["FRAMES"], CUBE_TABLE);
    assertEquals(file?.sums, [[1, 1], [1, 1]]);
    assert(file !== undefined);
    assertEquals(value(file, "DATE-OBS"), "2023-11-14T22:13:20.000000001");
    assertEquals(value(file, "DATE-END"), "2023-11-14T22:13:20.002000001");
  }
});

Deno.test("writeFits() writes what fitsverify passes without a warning", async () => {
  if (lacks("fitsverify", "sh", ["-c", "command -v fitsverify"])) return;
  const paths = [...files.map((file) => file.path), ...cubes];
  const { stdout, success } = await new Deno.Command("fitsverify", {
    args: ["-q", ...paths],
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assertEquals(lines.filter((line) => !line.startsWith("verification OK")), []);
  assertEquals(lines.length, paths.length);
  assertEquals(success, true);
});

Deno.test("FitsCubeWriter writes frames that come back in order", async () => {
  for (const cube of cubes) {
    using file = await FitsFile.open(cube, { verify: true });
    assertEquals(file.image.size, [50, 30, 3]);
    let frame = 65_533;
    for await (const slice of file.image.slices()) {
      assertEquals(slice, new Uint16Array(1500).fill(frame++));
    }
    const [, table] = await file.hdus();
    assertEquals([table?.name, table?.axes], ["FRAMES", [32, 3]]);
    assert(table !== undefined);
    assertEquals((await file.verify(table)).checksum, "good");
  }
});
