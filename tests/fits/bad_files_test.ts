import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { gzipSync } from "node:zlib";
import { FitsError, FitsFile } from "../../src/fits/mod.ts";
import {
  card,
  count,
  extensionCards,
  header,
  imageCards,
  int16Image,
  joined,
  padded,
} from "./fits_bytes.ts";

const text = (value: string) => new TextEncoder().encode(value);
const GOOD = int16Image([40, 40], count(1600));

/** A header of the good image with one card exchanged. */
function changed(number: number, line: string): Uint8Array<ArrayBuffer> {
  const cards = imageCards(16, [40, 40]);
  cards[number - 1] = line;
  return joined(header(...cards), padded(new Uint8Array(3200)));
}

/** The good image with further cards. */
function added(...cards: string[]): Uint8Array<ArrayBuffer> {
  return int16Image([40, 40], count(1600), ...cards);
}

/** The good image with one byte changed. */
function patched(at: number, byte: number): Uint8Array<ArrayBuffer> {
  const bytes = GOOD.slice();
  bytes[at] = byte;
  return bytes;
}

const AXES = (...axes: (number | string)[]) =>
  header(
    card("SIMPLE", "T"),
    card("BITPIX", 16),
    card("NAXIS", axes.length),
    ...axes.map((axis, i) => card(`NAXIS${i + 1}`, axis)),
  );

const bad: [string, Uint8Array, string][] = [
  ["an empty file", new Uint8Array(0), "File is empty"],
  [
    "a file of 30 bytes",
    GOOD.subarray(0, 30),
    "File is 30 bytes, one header block is 2880",
  ],
  [
    "a text",
    padded(text("Hello, this is no image at all.")),
    'Not FITS: file does not start with "SIMPLE  ="',
  ],
  [
    "zeros",
    new Uint8Array(5760),
    'Not FITS: file does not start with "SIMPLE  ="',
  ],
  [
    "a zip archive",
    padded(text("PK\x03\x04")),
    "Not FITS: this is a zip archive",
  ],
  [
    "an image in PNG",
    padded(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10])),
    "Not FITS: this is a PNG image",
  ],
  [
    "an extension without a primary",
    header(...extensionCards(8, [])),
    'Not FITS: file does not start with "SIMPLE  ="',
  ],
  [
    "SIMPLE = F",
    changed(1, card("SIMPLE", "F")),
    'HDU 0, card 1 ("SIMPLE"): file says of itself that it is not standard FITS',
  ],
  [
    "SIMPLE that is no logical",
    changed(1, card("SIMPLE", 1)),
    'HDU 0, card 1 ("SIMPLE"): T is needed',
  ],
  [
    "no END",
    GOOD.subarray(0, 400),
    "HDU 0: header has no END card in the 5 cards up to the file's end",
  ],
  [
    "no END before the data",
    joined(
      text(
        imageCards(16, [40, 40]).map((c) => c.padEnd(80)).join("").padEnd(2880),
      ),
      new Uint8Array(5760),
    ),
    "HDU 0, card 37: byte 1 is 0x00, which is not printable ASCII (END may be missing)",
  ],
  [
    "BITPIX 12",
    changed(2, card("BITPIX", 12)),
    'HDU 0, card 2 ("BITPIX"): value is 12, not 8, 16, 32, 64, -32 or -64',
  ],
  [
    "BITPIX 16.5",
    changed(2, card("BITPIX", 16.5)),
    'HDU 0, card 2 ("BITPIX"): an integer is needed, found 16.5',
  ],
  [
    "BITPIX without closing quote",
    changed(2, "BITPIX  = '16"),
    'HDU 0, card 2 ("BITPIX"): string has no closing quote',
  ],
  [
    "no BITPIX",
    changed(2, "COMMENT"),
    'HDU 0, keyword "BITPIX": BITPIX is missing',
  ],
  [
    "no NAXIS",
    changed(3, "COMMENT"),
    'HDU 0, keyword "NAXIS": NAXIS is missing',
  ],
  [
    "a negative NAXIS",
    changed(3, card("NAXIS", -2)),
    'HDU 0, card 3 ("NAXIS"): value is -2, below 0',
  ],
  [
    "NAXIS 1000",
    changed(3, card("NAXIS", 1000)),
    'HDU 0, card 3 ("NAXIS"): value is 1000, above 999',
  ],
  [
    "no NAXIS2",
    changed(5, "COMMENT"),
    'HDU 0, keyword "NAXIS2": NAXIS2 is missing',
  ],
  [
    "a negative NAXIS2",
    changed(5, card("NAXIS2", -40)),
    'HDU 0, card 5 ("NAXIS2"): value is -40, below 0',
  ],
  [
    "an undefined NAXIS2",
    changed(5, "NAXIS2  =      / rows"),
    'HDU 0, card 5 ("NAXIS2"): an integer is needed',
  ],
  [
    "an axis of 0",
    AXES(40, 0),
    "HDU 0: has no pixels: axis 2 is empty (NAXIS2 is 0)",
  ],
  ["no axes", AXES(), "HDU 0: has no pixels (NAXIS is 0)"],
  [
    "absurd axes",
    joined(AXES(1000000, 1000000), new Uint8Array(2880)),
    "HDU 0: data are cut short: 2000000000000 bytes are declared, " +
    "the file has 2880 left",
  ],
  [
    "axes whose product overflows",
    AXES("4294967296", "4294967296", "4294967296"),
    'HDU 0, keyword "NAXIS": the product of the axes overflows: ' +
    '"158456325028528675187087900672" bytes of data',
  ],
  [
    "axes whose product wraps to 0 in 64 bits",
    AXES("4294967296", "4294967296"),
    'HDU 0, keyword "NAXIS": the product of the axes overflows: ' +
    '"36893488147419103232" bytes of data',
  ],
  [
    "truncated data",
    GOOD.subarray(0, 2880 + 3199),
    "HDU 0: data are cut short: 3200 bytes are declared, the file has 3199 left",
  ],
  [
    "a truncated table before the image",
    joined(
      header(...imageCards(8, [])),
      header(...extensionCards(8, [100, 100], "BINTABLE")),
      new Uint8Array(2880),
    ),
    "HDU 1: data are cut short: 10000 bytes are declared, the file has 2880 left",
  ],
  [
    "a negative PCOUNT",
    joined(
      header(...imageCards(8, [])),
      header(
        ...extensionCards(8, [2], "BINTABLE").map((c) =>
          c.startsWith("PCOUNT") ? card("PCOUNT", -2) : c
        ),
      ),
    ),
    'HDU 1, card 5 ("PCOUNT"): value is -2, below 0',
  ],
  [
    "an image extension with PCOUNT",
    joined(
      header(...imageCards(8, [])),
      header(
        ...extensionCards(8, [2]).map((c) => c.replace(/^(PCOUNT.*)0$/, "$15")),
      ),
      new Uint8Array(2880),
    ),
    'HDU 1, card 5 ("PCOUNT"): value is 5, not 0',
  ],
  [
    "BSCALE 0",
    added(card("BSCALE", "0.0")),
    'HDU 0, card 6 ("BSCALE"): value is 0, which would make all pixels equal',
  ],
  [
    "BSCALE beyond a double",
    added(card("BSCALE", "1E999")),
    'HDU 0, card 6 ("BSCALE"): a finite number is needed',
  ],
  [
    "BZERO that is a string",
    added("BZERO   = '32768'"),
    'HDU 0, card 6 ("BZERO"): a finite number is needed',
  ],
  [
    "BLANK that is no integer",
    added(card("BLANK", "1.5")),
    'HDU 0, card 6 ("BLANK"): an integer is needed, found 1.5',
  ],
  [
    "a keyword that is not ASCII",
    patched(80 * 3 + 2, 0xd8),
    "HDU 0, card 4: byte 3 is 0xd8, which is not printable ASCII",
  ],
  [
    "a cut gzip file",
    gzipSync(GOOD).subarray(0, 500),
    "Gzip data is cut short after ",
  ],
  [
    "a damaged gzip file",
    gzipSync(GOOD).map((byte, i) => i > 30 && i < 200 ? byte ^ 0x55 : byte),
    "Gzip data is damaged",
  ],
  [
    "a gzip file that cannot hold its image",
    gzipSync(AXES(1000000, 1000000)),
    "HDU 0: data are cut short: 2000000000000 bytes are declared, " +
    "the gzip file can hold at most ",
  ],
  [
    "a gzip file whose data end early",
    gzipSync(GOOD.subarray(0, 4000)),
    "HDU 0: data are cut short: 3200 bytes are declared, " +
    "the file ends after 1120",
  ],
  [
    "a gzip file of text",
    gzipSync(padded(text("no image"))),
    'Not FITS: file does not start with "SIMPLE  ="',
  ],
];

for (const [name, bytes, message] of bad) {
  Deno.test(`FitsFile refuses ${name}`, async () => {
    const error = await assertRejects(async () => {
      using file = await FitsFile.fromBytes(bytes);
      await file.image.read();
    }, FitsError);
    assertStringIncludes(error.message, message);
    assertMatch(error.message, /^[A-Z][^\n]*[^.\n]$/);
  });
}

Deno.test("FitsFile has a message of its own for each kind of bad file", () => {
  const kinds = new Set(bad.map(([, , message]) => message));
  assert(kinds.size >= 30, `${kinds.size} messages`);
});

const tolerated: [string, Uint8Array, string][] = [
  [
    "missing filling",
    GOOD.subarray(0, 2880 + 3200),
    "HDU 0: data are not filled to 2880",
  ],
  [
    "BITPIX and NAXIS in another order",
    joined(
      header(
        card("SIMPLE", "T"),
        card("NAXIS", 2),
        card("BITPIX", 16),
        card("NAXIS1", 40),
        card("NAXIS2", 40),
      ),
      GOOD.subarray(2880),
    ),
    "HDU 0, card 2: BITPIX is expected here, it is card 3",
  ],
  [
    "a comment that is not ASCII",
    added("OBSERVER= 'me' / caf#").map((byte, i) =>
      byte === 0x23 && i < 2880 ? 0xe9 : byte
    ),
    'HDU 0, card 6 ("OBSERVER"): byte 21 is 0xe9, which is not printable ASCII',
  ],
  [
    "a value that cannot be read",
    added("GAIN    = about 3"),
    'HDU 0, card 6 ("GAIN"): value is not one that FITS knows',
  ],
];

for (const [name, bytes, warning] of tolerated) {
  Deno.test(`FitsFile warns of ${name} and reads on`, async () => {
    using file = await FitsFile.fromBytes(bytes);
    assertEquals([...file.warnings], [warning]);
    assertEquals(await file.image.read(), new Int16Array(count(1600)));
  });
}

Deno.test("FitsFile takes what follows the last HDU for no HDU", async () => {
  const bytes = joined(GOOD, new Uint8Array(5000).fill(0x58));
  using file = await FitsFile.fromBytes(bytes);
  assertEquals((await file.hdus()).length, 1);
});

Deno.test("FitsFile.open() names the file in its message", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = `${dir}/a "b".fits`;
    await Deno.writeFile(path, GOOD.subarray(0, 3000));
    const error = await assertRejects(() => FitsFile.open(path), FitsError);
    assertEquals(
      error.message,
      `Cannot read ${JSON.stringify(path)}: HDU 0: data are cut short: ` +
        "3200 bytes are declared, the file has 120 left",
    );
    assertEquals([error.path, error.hdu], [path, 0]);
    await assertRejects(
      () => FitsFile.open(`${dir}/none.fits`),
      Deno.errors.NotFound,
    );
    await assertRejects(
      () => FitsFile.open(dir),
      FitsError,
      "not a regular file",
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("FitsFile gives up on a header without end", async () => {
  const start = imageCards(16, [2]).map((c) => c.padEnd(80)).join("");
  const blanks = new Uint8Array(9_000_000).fill(0x20);
  blanks.set(text(start));
  await assertRejects(
    () => FitsFile.fromBytes(blanks),
    FitsError,
    "header has no END card in its first 100000 cards",
  );
});
