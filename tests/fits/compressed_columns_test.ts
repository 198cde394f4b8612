/**
 * The columns of a compressed image in every form: where tiles lie that could
 * not be compressed, scale and zero as columns or keywords, 32- and 64-bit
 * descriptors. What comes out is worked out here, and is what CFITSIO and
 * astropy make of the same bytes.
 */

import { assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { decodeTiles, encodeRice } from "../../ffi/tiles.ts";
import { FitsFile } from "../../src/fits/mod.ts";
import {
  assertSame,
  astropyPixels,
  lacksFpack,
  ourPixels,
  run,
} from "./_compressed.ts";
import {
  card,
  extensionCards,
  header,
  imageCards,
  joined,
  padded,
} from "./fits_bytes.ts";

/** A cell: bytes in the heap, or a number. */
type Cell = Uint8Array | number;

/** A column: its format without P or Q, and a cell for each tile. */
interface Column {
  readonly name: string;
  readonly form: string;
  readonly cells: readonly Cell[];
}

const NUMBER_BYTES: Readonly<Record<string, number>> = { J: 4, E: 4, D: 8 };
const ELEMENT_BYTES: Readonly<Record<string, number>> = { B: 1, I: 2, E: 4 };

function isHeap({ cells }: Column): boolean {
  return cells.some((cell) => typeof cell !== "number");
}

/** A file of one compressed image. */
function fileOf(
  wide: boolean,
  columns: readonly Column[],
  cards: readonly string[],
): Uint8Array<ArrayBuffer> {
  const tiles = columns[0]?.cells.length ?? 0;
  const widths = columns.map((column) =>
    isHeap(column) ? wide ? 16 : 8 : NUMBER_BYTES[column.form] ?? 0
  );
  const rowBytes = widths.reduce((all, width) => all + width, 0);
  const rows = new DataView(new ArrayBuffer(rowBytes * tiles));
  const heap: Uint8Array[] = [new Uint8Array(7)]; // begins with something else
  let used = 7;
  for (let tile = 0; tile < tiles; tile++) {
    let at = tile * rowBytes;
    for (const [i, { form, cells }] of columns.entries()) {
      const cell = cells[tile] ?? 0;
      if (typeof cell === "number") {
        if (form === "J") rows.setInt32(at, cell);
        if (form === "E") rows.setFloat32(at, cell);
        if (form === "D") rows.setFloat64(at, cell);
      } else {
        const count = cell.length / (ELEMENT_BYTES[form] ?? 1);
        const from = count === 0 ? 0 : used;
        if (wide) {
          rows.setBigInt64(at, BigInt(count));
          rows.setBigInt64(at + 8, BigInt(from));
        } else {
          rows.setInt32(at, count);
          rows.setInt32(at + 4, from);
        }
        heap.push(cell);
        used += cell.length;
      }
      at += widths[i] ?? 0;
    }
  }
  return joined(
    header(...imageCards(8, [])),
    header(
      ...extensionCards(8, [rowBytes, tiles], "BINTABLE").map((line) =>
        line.startsWith("PCOUNT") ? card("PCOUNT", used) : line
      ),
      card("TFIELDS", columns.length),
      ...columns.flatMap((column, i) => [
        `TTYPE${i + 1}  = '${column.name}'`,
        `TFORM${i + 1}  = '1${
          isHeap(column) ? (wide ? "Q" : "P") + column.form : column.form
        }'`,
      ]),
      card("ZIMAGE", "T"),
      ...cards,
    ),
    padded(joined(new Uint8Array(rows.buffer), ...heap)),
  );
}

/** Big-endian bytes. */
function big(
  values: readonly number[],
  type: "i16" | "i32" | "f32",
): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, i) => {
    if (type === "i16") view.setInt16(2 * i, value);
    else if (type === "i32") view.setInt32(4 * i, value);
    else view.setFloat32(4 * i, value);
  });
  const bytes = new Uint8Array(view.buffer);
  return type === "i16" ? bytes.subarray(0, 2 * values.length) : bytes;
}

const NONE = new Uint8Array();
const BLANK = -2147483647;
const COUNTS = [5, -7, BLANK, 1000, 0, 123456];
const FLOATS = [1.5, -0.25, 3e8, Math.PI, 0, -1e-30];

/** An image of 3x6 pixels in tiles of 3x2. */
const IMAGE = [
  card("ZNAXIS", 2),
  card("ZNAXIS1", 3),
  card("ZNAXIS2", 6),
  card("ZTILE1", 3),
  card("ZTILE2", 2),
];

/** What integers stand for. */
function scaled(scale: number, zero: number): number[] {
  return COUNTS.map((n) => n === BLANK ? NaN : Math.fround(n * scale + zero));
}

interface Case {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly cards: readonly string[];
  readonly pixels: readonly number[];
  /** CFITSIO 4.2 takes integers for floats where ZSCALE is no column. */
  readonly astropyOnly?: true;
}

async function cases(): Promise<Case[]> {
  const packed = new Uint8Array(gzipSync(big(COUNTS, "i32")));
  const plain = new Uint8Array(gzipSync(big(FLOATS, "f32")));
  const integers = [3, -32768, 32767, 0, 77, -1];
  const rice = await encodeRice(
    new Uint8Array(new Int16Array(integers).buffer),
    2,
    6,
    false,
  );
  const counts = await encodeRice(
    new Uint8Array(new Int32Array(COUNTS).buffer),
    4,
    6,
    false,
  );
  const float = [
    "ZCMPTYPE= 'GZIP_1'",
    card("ZBITPIX", -32),
    "ZQUANTIZ= 'NO_DITHER'",
    ...IMAGE,
  ];
  return [
    {
      name: "fallback columns, and scale, zero and blank as columns",
      columns: [
        { name: "COMPRESSED_DATA", form: "B", cells: [packed, NONE, packed] },
        { name: "GZIP_COMPRESSED_DATA", form: "B", cells: [NONE, plain, NONE] },
        { name: "ZSCALE", form: "D", cells: [0.1, 0, 2.5] },
        { name: "ZZERO", form: "D", cells: [-3.25, 0, 1e4] },
        { name: "ZBLANK", form: "J", cells: [BLANK, BLANK, BLANK] },
      ],
      cards: float,
      pixels: [
        ...scaled(0.1, -3.25),
        ...FLOATS.map(Math.fround),
        ...scaled(2.5, 1e4),
      ],
    },
    {
      name: "scale, zero and blank as keywords",
      columns: [{
        name: "COMPRESSED_DATA",
        form: "B",
        cells: [0, 1, 2].map(() => counts.bytes),
      }],
      cards: [
        ...float.map((line) => line.replace("GZIP_1", "RICE_1")),
        "ZNAME1  = 'BLOCKSIZE'",
        card("ZVAL1", 32),
        "ZNAME2  = 'BYTEPIX'",
        card("ZVAL2", 4),
        card("ZSCALE", "0.5"),
        card("ZZERO", "-12.0"),
        card("ZBLANK", BLANK),
      ],
      pixels: [0, 1, 2].flatMap(() => scaled(0.5, -12)),
      astropyOnly: true,
    },
    {
      name: "a zero as keyword beside a scale as column",
      columns: [
        { name: "COMPRESSED_DATA", form: "B", cells: [packed, packed, packed] },
        { name: "ZSCALE", form: "D", cells: [0.1, 7, 2.5] },
        { name: "ZZERO", form: "D", cells: [0, 1, 2] },
      ],
      cards: [...float, card("ZBLANK", BLANK)],
      pixels: [scaled(0.1, 0), scaled(7, 1), scaled(2.5, 2)].flat(),
    },
    {
      name: "integers that were not compressed",
      columns: [
        {
          name: "COMPRESSED_DATA",
          form: "B",
          cells: [rice.bytes, NONE, rice.bytes],
        },
        {
          name: "UNCOMPRESSED_DATA",
          form: "I",
          cells: [NONE, big(integers, "i16"), NONE],
        },
      ],
      cards: [
        "ZCMPTYPE= 'RICE_1'",
        card("ZBITPIX", 16),
        "ZNAME1  = 'BLOCKSIZE'",
        card("ZVAL1", 32),
        "ZNAME2  = 'BYTEPIX'",
        card("ZVAL2", 2),
        ...IMAGE,
      ],
      pixels: [0, 1, 2].flatMap(() => integers),
    },
  ];
}

Deno.test("FitsFile reads tiles out of every column, by P and by Q, as CFITSIO and astropy do", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const files: { path: string; astropyOnly: boolean }[] = [];
    for (
      const [i, one] of (await cases()).entries()
    ) {
      const { name, columns, cards, pixels } = one;
      for (const wide of [false, true]) {
        const path = `${folder}/${i}${wide ? "q" : "p"}.fits.fz`;
        await Deno.writeFile(path, fileOf(wide, columns, cards));
        const { axes, pixels: ours } = await ourPixels(path);
        assertEquals([...axes], [3, 6], name);
        assertEquals([...ours], [...pixels], `${name}, wide: ${wide}`);
        // Tile by tile, as a section asks for them.
        using part = await FitsFile.open(`${path}[2:3,3:4]`, {
          tiles: decodeTiles,
        });
        assertEquals(
          [...await part.image.read()].map(Number),
          [7, 8, 10, 11].map((at) => pixels[at]),
        );
        files.push({ path, astropyOnly: one.astropyOnly ?? false });
      }
    }
    if (lacksFpack()) return;
    const theirs = await astropyPixels(files.map(({ path }) => path));
    for (const [i, { path, astropyOnly }] of files.entries()) {
      const ours = await ourPixels(path);
      if (!astropyOnly) {
        const unpacked = `${path}.un.fits`;
        await run("funpack", ["-O", unpacked, path]);
        assertSame(ours.bytes, (await ourPixels(unpacked)).bytes, path);
      }
      assertEquals(theirs[i]?.error, undefined, path);
      const astropy = theirs[i]?.pixels.slice() ?? NONE;
      const width = astropy.length / 18;
      ours.pixels.forEach((value: number | bigint, k: number) => {
        if (!Number.isNaN(value)) return; // astropy 5.2.1 makes numbers of it
        const bytes = ours.bytes.subarray(k * width, (k + 1) * width);
        astropy.set(bytes, k * width);
      });
      assertSame(ours.bytes, astropy, path);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
