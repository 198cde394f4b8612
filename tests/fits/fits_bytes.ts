/** Builds small FITS files byte by byte, right ones and wrong ones. @module */

const BLOCK = 2880;
const ENCODER = new TextEncoder();

/** Fills bytes up to whole blocks. */
export function padded(bytes: Uint8Array, fill = 0): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK);
  out.fill(fill);
  out.set(bytes);
  return out;
}

/** Joins pieces. */
export function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A header of these cards, END and filling added. */
export function header(...cards: string[]): Uint8Array<ArrayBuffer> {
  const text = [...cards, "END"].map((card) => card.padEnd(80)).join("");
  return padded(ENCODER.encode(text), 0x20);
}

/** `BITPIX  =                   16`: an integer card. */
export function card(keyword: string, value: string | number): string {
  return `${keyword.padEnd(8)}= ${String(value).padStart(20)}`;
}

/** The cards every primary image starts with. */
export function imageCards(bitpix: number, axes: readonly number[]): string[] {
  return [
    card("SIMPLE", "T"),
    card("BITPIX", bitpix),
    card("NAXIS", axes.length),
    ...axes.map((axis, i) => card(`NAXIS${i + 1}`, axis)),
  ];
}

/** The cards every image extension starts with. */
export function extensionCards(
  bitpix: number,
  axes: readonly number[],
  kind = "IMAGE",
): string[] {
  return [
    `XTENSION= '${kind.padEnd(8)}'`,
    ...imageCards(bitpix, axes).slice(1),
    card("PCOUNT", 0),
    card("GCOUNT", 1),
  ];
}

/** Big-endian bytes of numbers, each written by one DataView call. */
export function bigEndian<T>(
  values: readonly T[],
  width: number,
  set: (view: DataView, at: number, value: T) => void,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * width);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => set(view, i * width, value));
  return bytes;
}

/** A primary image of 16-bit integers. */
export function int16Image(
  axes: readonly number[],
  values: readonly number[],
  ...cards: string[]
): Uint8Array<ArrayBuffer> {
  const data = bigEndian(values, 2, (view, at, v) => view.setInt16(at, v));
  return joined(header(...imageCards(16, axes), ...cards), padded(data));
}

/** The numbers 0 to n - 1. */
export function count(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** A generator of the same numbers for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
