/**
 * Pixels by the helper, by TypeScript and by astropy: one and the same.
 */

import { assertEquals } from "@std/assert";
import { FitsFile } from "../../src/fits/mod.ts";
import { fillStream } from "../../src/load/fill.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Folder } from "../_support/cli.ts";
import { lacksAstropy, readWithAstropy } from "../fits/tools.ts";

type Bitpix = 8 | 16 | 32 | 64 | -32 | -64;

interface Case {
  readonly bitpix: Bitpix;
  readonly bscale?: string;
  readonly bzero?: string;
  readonly blank?: string;
}

/** What stands for the other signedness. */
const OTHER: Partial<Record<Bitpix, string>> = {
  [8]: "-128",
  [16]: "32768",
  [32]: "2147483648",
  [64]: "9223372036854775808",
};

function cases(): Case[] {
  const all: Case[] = [];
  for (const bitpix of [8, 16, 32, 64, -32, -64] as const) {
    const other = OTHER[bitpix];
    all.push({ bitpix });
    if (other !== undefined) {
      all.push({ bitpix, bzero: other, bscale: "1.0" });
      all.push({ bitpix, blank: "7" });
      all.push({ bitpix, blank: bitpix === 8 ? "255" : "-1", bscale: "0.25" });
      all.push({ bitpix, bzero: other, blank: "7" });
    }
    all.push({ bitpix, bscale: "0.5" });
    all.push({ bitpix, bscale: "-2", bzero: "1024" });
    all.push({ bitpix, bscale: "0.1", bzero: "-3.3" });
  }
  return all;
}

/** Every kind of value that a type stores, and noise; big-endian. */
function stored(bitpix: Bitpix): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4096);
  let state = 12345;
  for (let i = 0; i < bytes.length; i++) {
    state = Math.imul(state, 1103515245) + 12345 | 0;
    bytes[i] = state >>> 16;
  }
  const view = new DataView(bytes.buffer);
  const put = (values: readonly number[], width: number): void =>
    values.forEach((value, i) => {
      if (width === 1) view.setUint8(i, value);
      else if (width === 2) view.setInt16(2 * i, value);
      else view.setInt32(4 * i, value);
    });
  const big = [
    0n,
    1n,
    -1n,
    7n,
    (1n << 63n) - 1n,
    -(1n << 63n),
    (1n << 53n) + 1n,
    -(1n << 53n) - 1n,
    (1n << 62n) + 1n,
  ];
  const floats = [0, -0, NaN, Infinity, -Infinity, 1, -1, 7, 1e-40, 5e-324];
  switch (bitpix) {
    case 8:
      put([0, 1, 7, 127, 128, 254, 255], 1);
      break;
    case 16:
      put([0, 1, -1, 7, 32767, -32768, 255, 256], 2);
      break;
    case 32:
      put([0, 1, -1, 7, 2 ** 31 - 1, -(2 ** 31), 65536], 4);
      break;
    case 64:
      big.forEach((value, i) => view.setBigInt64(8 * i, value));
      break;
    case -32:
      // No noise: a quiet NaN is the only one that every reader keeps.
      for (let i = 0; i < 1024; i++) {
        view.setFloat32(4 * i, floats[i] ?? (i - 512) * 0.37);
      }
      break;
    case -64:
      for (let i = 0; i < 512; i++) {
        view.setFloat64(8 * i, floats[i] ?? (i - 256) * 0.37e100);
      }
      view.setFloat64(80, 1e300);
  }
  return bytes;
}

function card(keyword: string, value: string): string {
  return `${keyword.padEnd(8)}= ${value.padStart(20)}`.padEnd(80);
}

/** A file as its header says, by hand: nobody's writer is in between. */
function fitsOf(one: Case): Uint8Array<ArrayBuffer> {
  const data = stored(one.bitpix);
  const values = data.length / (Math.abs(one.bitpix) / 8);
  const cards = [
    card("SIMPLE", "T"),
    card("BITPIX", String(one.bitpix)),
    card("NAXIS", "2"),
    card("NAXIS1", "16"),
    card("NAXIS2", String(values / 16)),
    ...one.bscale === undefined ? [] : [card("BSCALE", one.bscale)],
    ...one.bzero === undefined ? [] : [card("BZERO", one.bzero)],
    ...one.blank === undefined ? [] : [card("BLANK", one.blank)],
    "END".padEnd(80),
  ].join("").padEnd(2880);
  const file = new Uint8Array(2880 + Math.ceil(data.length / 2880) * 2880);
  file.set(new TextEncoder().encode(cards));
  file.set(data, 2880);
  return file;
}

/** astropy 5.2 fails on BLANK among unsigned integers. */
function astropyReads({ bitpix, bzero, blank }: Case): boolean {
  return blank === undefined || bzero === undefined || bzero !== OTHER[bitpix];
}

function nameOf({ bitpix, bscale, bzero, blank }: Case): string {
  return `BITPIX ${bitpix}` + (bscale ? `, BSCALE ${bscale}` : "") +
    (bzero ? `, BZERO ${bzero}` : "") + (blank ? `, BLANK ${blank}` : "");
}

/** Two arrays of floats that are the same up to what float32 rounds. */
function assertNear(
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
  epsilon: number,
): void {
  assertEquals(ours.length, theirs.length);
  for (let i = 0; i < ours.length; i++) {
    const [a = 0, b = 0] = [ours[i], theirs[i]];
    if (Object.is(a, b) || a === b) continue;
    const scale = Math.max(Math.abs(a), Math.abs(b), 1);
    if (!(Math.abs(a - b) <= epsilon * scale)) {
      throw new Error(`value ${i} is ${a}, astropy has ${b}`);
    }
  }
}

Deno.test("fillStream() converts as src/fits and astropy do", async (t) => {
  using folder = new Folder();
  const all = cases().map((one, i) => {
    const path = folder.file(`${i}.fits`);
    Deno.writeFileSync(path, fitsOf(one));
    return { one, path };
  });
  const astropy = lacksAstropy() ? undefined : await readWithAstropy(
    all.filter(({ one }) => astropyReads(one)).map(({ path }) => path),
  );
  for (const { one, path } of all) {
    await t.step(nameOf(one), async () => {
      using file = await FitsFile.open(path);
      const { type, size } = file.image;
      using stream = Stream.create("s", {
        dir: folder.path,
        type,
        size,
        existing: "replace",
      });
      await fillStream(stream, file);
      const frame = stream.read();
      const mine = await file.image.read();
      const bytes = new Uint8Array(mine.buffer);
      assertEquals(frame.bytes, bytes, "the helper and TypeScript");
      const theirs = astropy?.[path]?.images[0];
      if (theirs === undefined) return;
      assertEquals(theirs.axes, size);
      const pixels = Uint8Array.fromBase64(theirs.pixels);
      const scaled = file.image.conversion.kind === "scaled";
      if (!scaled) return assertEquals(frame.bytes, pixels, "astropy");
      const floats = theirs.dtype === "float32"
        ? new Float32Array(pixels.buffer)
        : new Float64Array(pixels.buffer);
      // astropy scales in the precision of its result.
      assertNear(
        frame.pixels as ArrayLike<number>,
        floats,
        theirs.dtype === "float32" || type === "f32" ? 1e-5 : 1e-12,
      );
    });
  }
});

Deno.test("fillStream() gives the same by slices as at once", async () => {
  using folder = new Folder();
  const path = folder.file("cube.fits");
  const values = 16 * 16 * 3;
  const header = [
    card("SIMPLE", "T"),
    card("BITPIX", "16"),
    card("NAXIS", "3"),
    card("NAXIS1", "16"),
    card("NAXIS2", "16"),
    card("NAXIS3", "3"),
    card("BZERO", "32768"),
    "END".padEnd(80),
  ].join("").padEnd(2880);
  const file = new Uint8Array(2 * 2880);
  file.set(new TextEncoder().encode(header));
  const view = new DataView(file.buffer, 2880);
  for (let i = 0; i < values; i++) view.setInt16(2 * i, i * 85 - 32768);
  Deno.writeFileSync(path, file);
  const frames: Uint8Array<ArrayBuffer>[] = [];
  for (const name of [path, `${path}[*,*,1:3]`, `${path}[1:16,1:16,1:3]`]) {
    using fits = await FitsFile.open(name);
    using stream = Stream.create("s", {
      dir: folder.path,
      type: "u16",
      size: [16, 16, 3],
      existing: "replace",
    });
    await fillStream(stream, fits);
    frames.push(stream.read().bytes);
  }
  const packed = folder.file("cube.fits.gz");
  const stream = new Blob([file]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  Deno.writeFileSync(packed, await new Response(stream).bytes());
  {
    using fits = await FitsFile.open(packed);
    using gz = Stream.create("s", {
      dir: folder.path,
      type: "u16",
      size: [16, 16, 3],
      existing: "replace",
    });
    await fillStream(gz, fits);
    frames.push(gz.read().bytes);
  }
  for (const frame of frames) assertEquals(frame, frames[0]);
  assertEquals(new Uint16Array(frames[0]?.buffer ?? [])[767], 767 * 85);
});

Deno.test("fillStream() converts large frames as src/fits does", async (t) => {
  using folder = new Folder();
  const path = folder.file("large.fits");
  for (const bitpix of [8, 16, 32, 64] as const) {
    for (const bzero of [undefined, OTHER[bitpix]]) {
      await t.step(
        `BITPIX ${bitpix}${bzero ? ", other sign" : ""}`,
        async () => {
          // More than a window of the helper, and no whole number of vectors.
          const size = [1025, bitpix === 64 ? 701 : 1201 * 32 / bitpix | 0];
          const bytes = size.reduce((a, b) => a * b) * bitpix / 8;
          const file = new Uint8Array(2880 + Math.ceil(bytes / 2880) * 2880);
          const noise = new Uint32Array(file.buffer, 2880, bytes / 4 | 0);
          let state: number = bitpix;
          for (let i = 0; i < noise.length; i++) {
            state = Math.imul(state, 1664525) + 1013904223 | 0;
            noise[i] = state;
          }
          const cards = [
            card("SIMPLE", "T"),
            card("BITPIX", String(bitpix)),
            card("NAXIS", "2"),
            ...size.map((axis, i) => card(`NAXIS${i + 1}`, String(axis))),
            ...bzero === undefined ? [] : [card("BZERO", bzero)],
            "END".padEnd(80),
          ].join("").padEnd(2880);
          file.set(new TextEncoder().encode(cards));
          Deno.writeFileSync(path, file);
          using fits = await FitsFile.open(path);
          using stream = Stream.create("s", {
            dir: folder.path,
            type: fits.image.type,
            size,
            existing: "replace",
          });
          await fillStream(stream, fits);
          const mine = new Uint8Array((await fits.image.read()).buffer);
          const { bytes: found } = stream.read();
          const wrong = found.findIndex((byte, i) => byte !== mine[i]);
          assertEquals([wrong, found.length], [-1, mine.length]);
        },
      );
    }
  }
});
