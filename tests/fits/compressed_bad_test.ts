/** Compressed images that are wrong: one line each, and nothing else. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { decodeTiles, encodeRice } from "../../ffi/tiles.ts";
import {
  FitsError,
  FitsFile,
  parseSection,
  writeFits,
} from "../../src/fits/mod.ts";
import { mutate } from "./_mutations.ts";
import {
  card,
  extensionCards,
  header,
  imageCards,
  joined,
  padded,
  seeded,
} from "./fits_bytes.ts";

/** A tile: what the descriptor says, and the bytes at the heap's next place. */
interface Wrong {
  readonly bytes: Uint8Array;
  readonly length?: number;
  readonly at?: number;
}

const SHUFFLED = new Uint8Array(32).map((_, i) => i * 7);

/** A table with one column of tiles; `cards` come first and so win. */
function table(
  codec: string,
  size: readonly number[],
  tile: readonly number[],
  tiles: readonly Wrong[],
  ...cards: string[]
): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array(8 * tiles.length);
  const view = new DataView(rows.buffer);
  let heap = 0;
  tiles.forEach(({ bytes, length = bytes.length, at = heap }, i) => {
    view.setInt32(8 * i, length);
    view.setInt32(8 * i + 4, at);
    heap += bytes.length;
  });
  return joined(
    header(...imageCards(8, [])),
    header(
      ...extensionCards(8, [8, tiles.length], "BINTABLE").map((line) =>
        line.startsWith("PCOUNT") ? card("PCOUNT", heap) : line
      ),
      ...cards,
      card("TFIELDS", 1),
      "TTYPE1  = 'COMPRESSED_DATA'",
      `TFORM1  = '1P${codec === "PLIO_1" ? "I" : "B"}'`,
      card("ZIMAGE", "T"),
      `ZCMPTYPE= '${codec}'`,
      card("ZBITPIX", 16),
      card("ZNAXIS", size.length),
      ...size.map((axis, i) => card(`ZNAXIS${i + 1}`, axis)),
      ...tile.map((axis, i) => card(`ZTILE${i + 1}`, axis)),
      "ZNAME2  = 'BYTEPIX'",
      card("ZVAL2", 2),
    ),
    padded(joined(rows, ...tiles.map(({ bytes }) => bytes))),
  );
}

/** 16 pixels of i16 in GZIP_2. */
const GOOD = { bytes: new Uint8Array(gzipSync(SHUFFLED)) };

/** The same file with other cards. */
function gzipped(...cards: string[]): Uint8Array<ArrayBuffer> {
  return table("GZIP_2", [4, 4], [4, 4], [GOOD], ...cards);
}

/** Opens and reads all. */
async function read(bytes: Uint8Array): Promise<unknown> {
  using file = await FitsFile.fromBytes(bytes, { tiles: decodeTiles });
  return await file.image.read();
}

const CASES: readonly [string, Uint8Array<ArrayBuffer>][] = [
  ['compression "BZIP2_1" is unknown', gzipped("ZCMPTYPE= 'BZIP2_1'")],
  ["a mask of pixels without value is not", gzipped("ZMASKCMP= 'RICE_1'")],
  [
    "column NULL_PIXEL_MASK: a mask of pixels without value is not supported",
    gzipped(
      card("TFIELDS", 2),
      "TTYPE2  = 'NULL_PIXEL_MASK'",
      "TFORM2  = '0PB(9)'",
    ),
  ],
  ['quantization "MAYBE" is unknown', gzipped("ZQUANTIZ= 'MAYBE'")],
  ["value is 12, no BITPIX", gzipped(card("ZBITPIX", 12))],
  ["value is 9, not 0 to 8", gzipped(card("ZNAXIS", 9))],
  ["value is 0, not 1 to 9007199254740991", gzipped(card("ZTILE1", 0))],
  ["the product of the axes", gzipped(card("ZNAXIS1", 2 ** 53 - 1))],
  ["the table has 1 rows, the image 4 tiles", gzipped(card("ZTILE2", 1))],
  ["holds no array|no array in the heap", gzipped("TFORM1  = '8B'")],
  ['column format "1W" is unknown', gzipped("TFORM1  = '1W'")],
  ["a row has 8 bytes, its columns need 16", gzipped("TFORM1  = '1QB'")],
  ["value is 9999, not 8 to", gzipped(card("THEAP", 9999))],
  ["no column COMPRESSED_DATA", gzipped("TTYPE1  = 'DATA'")],
  ["has no pixels: axis 2 is empty", gzipped(card("ZNAXIS2", 0))],
  [
    "BYTEPIX is 3, not 1, 2 or 4",
    table(
      "RICE_1",
      [4],
      [4],
      [GOOD],
      "ZNAME2  = 'BYTEPIX'",
      card("ZVAL2", 3),
    ),
  ],
  [
    "tile 1 of 1: data hold another number of pixels",
    gzipped(
      card("ZNAXIS1", 5),
      card("ZTILE1", 5),
    ),
  ],
  // Another length, before, behind and far behind the heap.
  ...[
    [GOOD.bytes.length + 1, 0],
    [-5, 0],
    [4, -1],
    [4, 2 ** 31 - 1],
    [2 ** 31 - 1, 2 ** 31 - 1],
  ].map(([length = 0, at = 0]): [string, Uint8Array<ArrayBuffer>] => [
    `tile 1 of 1: ${length} bytes at ${at} are not in the heap`,
    table("GZIP_2", [4, 4], [4, 4], [{ ...GOOD, length, at }]),
  ]),
  [
    "tile 1 of 1: there are no data",
    table("GZIP_2", [4, 4], [4, 4], [{ ...GOOD, length: 0 }]),
  ],
  [
    "tile 2 of 2: data end before the tile is full",
    table("RICE_1", [4, 2], [4, 1], [
      { bytes: new Uint8Array([0, 1, 0, 0]) },
      { bytes: new Uint8Array([0, 1]) },
    ]),
  ],
  [
    // Zeros that never become a one.
    "tile 1 of 1: data end before the tile is full",
    table("RICE_1", [64], [64], [
      { bytes: new Uint8Array([0, 1, 0x10, ...new Uint8Array(5000)]) },
    ]),
  ],
  [
    "tile 1 of 1: data are damaged",
    table("HCOMPRESS_1", [4, 4], [4, 4], [{ bytes: new Uint8Array(40) }]),
  ],
  [
    "tile 1 of 1: data end before the tile is full",
    table("PLIO_1", [4, 4], [4, 4], [
      { bytes: new Uint8Array([0, 0, 0, 7, 0, 99]), length: 3 },
    ]),
  ],
  [
    "a tile has 17179869184 pixels, at most 268435456 can be read",
    gzipped(
      ...["ZNAXIS1", "ZTILE1"].map((keyword) => card(keyword, 2 ** 20)),
      ...["ZNAXIS2", "ZTILE2"].map((keyword) => card(keyword, 2 ** 14)),
    ),
  ],
  [
    "tile 1 of 1: more pixels than can be decoded at once",
    table("HCOMPRESS_1", [2 ** 14, 2 ** 13], [2 ** 14, 2 ** 13], [
      { bytes: new Uint8Array(40) },
    ]),
  ],
  [
    "tile 1 of 1: data end before the tile is full",
    table("RICE_1", [2 ** 14, 2 ** 13], [2 ** 14, 2 ** 13], [
      { bytes: new Uint8Array(40) },
    ]),
  ],
  [
    "image is too large to be read at once: 274877906944 pixels",
    table(
      "RICE_1",
      [2 ** 14, 2 ** 14, 2 ** 10],
      [2 ** 14, 2 ** 14, 1],
      Array.from({ length: 2 ** 10 }, () => GOOD),
    ),
  ],
];

Deno.test("FitsFile says in one line what is wrong with a compressed image", async () => {
  assertEquals(
    await read(gzipped()),
    new Int16Array(16).map((_, i) => ((i * 7) << 8) | (((i + 16) * 7) & 255)),
  );
  for (const [message, bytes] of CASES) {
    const error = await assertRejects(
      () => read(bytes),
      FitsError,
      undefined,
      message,
    );
    assertMatch(error.message, new RegExp(message.replace(/[?+]/g, "\\$&")));
    assert(!error.message.includes("\n"));
    assertMatch(error.message, /HDU 1/);
  }
});

Deno.test("FitsFile needs a decoder for compressed images", async () => {
  const error = await assertRejects(
    () => FitsFile.fromBytes(gzipped()),
    FitsError,
  );
  assertEquals(
    error.message,
    "HDU 1: image is tile-compressed: FitsFile.open() needs the option `tiles`",
  );
});

Deno.test("bombs and absurd sizes cost no memory", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(2 ** 28)));
    const large = [2 ** 14, 2 ** 14];
    const few = [{ bytes: new Uint8Array(40) }];
    const files = [
      table("GZIP_1", [4, 4], [4, 4], [{ bytes: bomb }]),
      table("GZIP_2", [4, 4], [4, 4], [{ bytes: bomb }]),
      ...["RICE_1", "GZIP_1", "GZIP_2", "NOCOMPRESS", "PLIO_1", "HCOMPRESS_1"]
        .map((codec) => table(codec, large, large, few)),
    ];
    const paths = files.map((bytes, i) => {
      const path = `${folder}/${i}.fits`;
      Deno.writeFileSync(path, bytes);
      return path;
    });
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-q",
        "-P=test",
        new URL("./_memory_worker.ts", import.meta.url).pathname,
        ...paths,
      ],
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const { outcomes, peak } = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(outcomes, files.map(() => "FitsError"));
    assert(peak < 300_000, `${peak} kB`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const MUTATIONS = 20_000;

/** Small files in every codec. */
async function seeds(): Promise<Uint8Array[]> {
  const path = await Deno.makeTempFile({ suffix: ".fits.fz" });
  try {
    const data = new Uint16Array(6 * 5 * 4).map((_, i) => i * i);
    const image = { type: "u16", size: [6, 5, 4], data } as const;
    await writeFits(path, image, {
      compression: { codec: "RICE_1", encode: encodeRice },
    });
    const rice = await Deno.readFile(path);
    await writeFits(path, image, { compression: { codec: "GZIP_2" } });
    const gzip = await Deno.readFile(path);
    const folder =
      new URL("../fixtures/fuzz/native/tiles/", import.meta.url).pathname;
    // The stream follows the words by which the C fuzzer makes a job of it.
    const stream = (name: string, head: number): Uint8Array =>
      Deno.readFileSync(folder + name).slice(head);
    return [
      rice,
      gzip,
      table("HCOMPRESS_1", [8, 8], [8, 8], [{
        bytes: stream("hcompress", 36),
      }]),
      table("PLIO_1", [8, 4], [8, 4], [
        {
          bytes: new Uint8Array([0, 0, 0, 7, 0, 6, 0, 9, 0x40, 5, 0x50, 3]),
          length: 6,
        },
      ]),
      table("NOCOMPRESS", [4, 4], [4, 4], [{ bytes: SHUFFLED }]),
      table(
        "GZIP_1",
        [4, 4],
        [4, 4],
        [GOOD],
        card("ZSCALE", "0.5"),
        card("ZBITPIX", -32),
      ),
    ];
  } finally {
    await Deno.remove(path);
  }
}

Deno.test(`FitsFile survives ${MUTATIONS} mutations of compressed images`, async () => {
  const random = seeded(90210);
  const files = await seeds();
  const outcomes = { read: 0, refused: 0 };
  const messages = new Set<string>();
  const options = [{}, { slice: 0 }, { section: parseSection("*,-*,1:2") }];
  for (let i = 0; i < MUTATIONS; i++) {
    const seed = files[i % files.length] ?? new Uint8Array(1);
    try {
      using file = await FitsFile.fromBytes(mutate(seed, random), {
        tiles: decodeTiles,
        ...options[Math.floor(i / files.length) % 7],
      });
      const { image } = file;
      // A stream of that size would be refused; here it would take long.
      if (image.pixels > 1 << 20) continue;
      for (let k = 0; k < image.sliceCount; k++) await image.readRawSlice(k);
      outcomes.read++;
    } catch (error) {
      if (!(error instanceof FitsError)) {
        throw new Error(`Mutation ${i} failed`, { cause: error });
      }
      assert(!error.message.includes("\n"), `mutation ${i}`);
      messages.add(error.problem.replace(/[\d"].*/, ""));
      outcomes.refused++;
    }
  }
  assert(outcomes.read > MUTATIONS / 20, JSON.stringify(outcomes));
  assert(outcomes.refused > MUTATIONS / 20, JSON.stringify(outcomes));
  assert(messages.size > 20, [...messages].join("\n"));
});
