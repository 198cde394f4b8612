/** FITS files changed at random, and everything that reads them. @module */

import { assertEquals } from "@std/assert";
import {
  FitsFile,
  parseSection,
  toStreamKeywords,
} from "../../src/fits/mod.ts";
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

/** The files that mutations start from. */
export const SEEDS: Uint8Array[] = [
  int16Image([6, 5, 4], count(120), card("BZERO", 32768), card("BSCALE", 1)),
  int16Image(
    [12],
    count(12),
    card("BSCALE", "1.5D0"),
    card("BLANK", 7),
    "LONG    = 'one &' / first",
    "CONTINUE  'two' / second",
    "HIERARCH ESO DET CHIPS = 4 / chips",
    "CPLX    = (1, 2)",
    "NAME    = 'it''s' / quoted",
    "CHECKSUM= '0000000000000000'",
    "DATASUM = '12345'",
  ),
  joined(
    header(...imageCards(8, [])),
    header(...extensionCards(8, [10, 20], "BINTABLE"), card("TFIELDS", 0)),
    padded(new Uint8Array(200)),
    header(...extensionCards(-32, [2, 4, 3]), "CTYPE1  = 'COMPLEX'"),
    padded(new Uint8Array(96).map((_, i) => i * 37)),
  ),
];

/** Texts that a mutation puts somewhere: what headers turn on. */
const SPLICES = [
  "END",
  "NAXIS   =                   -1",
  "NAXIS1  =           4294967296",
  "NAXIS2  =  9223372036854775807",
  "NAXIS   =                  999",
  "BITPIX  =                  -64",
  "BITPIX  =                    0",
  "XTENSION= 'IMAGE   '",
  "GCOUNT  =           1000000000",
  "BSCALE  =                  0.0",
  "BZERO   =                1E308",
  "CONTINUE  '&'",
  "GROUPS  =                    T",
  "'",
  "1e9999",
].map((text) => new TextEncoder().encode(text));

/** Changes a file at random. */
export function mutate(
  seed: Uint8Array,
  random: () => number,
): Uint8Array<ArrayBuffer> {
  let bytes = seed.slice();
  const below = (n: number): number => Math.floor(random() * n);
  for (let i = below(3); i >= 0; i--) {
    const at = below(bytes.length);
    switch (below(7)) {
      case 0:
        bytes[at] = below(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 2:
        bytes[at] = 0x30 + below(10);
        break;
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4: {
        const splice = SPLICES[below(SPLICES.length)] ?? bytes;
        const card = Math.floor(at / 80) * 80;
        bytes.set(splice.subarray(0, bytes.length - card), card);
        break;
      }
      case 5: {
        const from = below(bytes.length);
        bytes.copyWithin(at, from, from + below(200));
        break;
      }
      case 6:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(at + below(200)));
        break;
    }
    if (bytes.length === 0) break;
  }
  return bytes;
}

/** Reads all that can be read; returns the bytes of pixels that came. */
export async function readAll(
  bytes: Uint8Array,
  variant: number,
): Promise<number> {
  const options = [
    {},
    { flatten: true },
    { slice: 0 },
    { section: parseSection("*,-*,1:2") },
    { hdu: 2 },
  ];
  using file = await FitsFile.fromBytes(bytes, options[variant % 5] ?? {});
  const { image } = file;
  let stored = 0;
  for (let i = 0; i < image.sliceCount; i++) {
    stored += (await image.readRawSlice(i)).length;
    await image.readSlice(i);
  }
  assertEquals(stored, image.pixels * image.storedBytes);
  toStreamKeywords(image.header);
  await file.verify();
  await file.hdus();
  return stored;
}
