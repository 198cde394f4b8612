/** Data types: sizes and spellings. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type DataType,
  parseType,
  pixelCount,
  pixelsOf,
  TYPES,
} from "../../src/stream/types.ts";
import { LAYOUT, typeOfCode } from "../_support/fixtures.ts";

for (const { code, bytes } of LAYOUT.datatypes) {
  const type = typeOfCode(code);
  Deno.test(`TYPES.${type} has the pixel size of the format`, () => {
    assertEquals(TYPES[type].bytes, bytes);
    const pixels = pixelsOf(type, new Uint8Array(bytes * 3));
    assertEquals(pixels.byteLength, bytes * 3);
    assertEquals(pixels.length, 3 * (type.startsWith("c") ? 2 : 1));
  });
}

const SPELLINGS: readonly [string, DataType][] = [
  ["f32", "f32"],
  ["FLT", "f32"],
  ["float32", "f32"],
  ["tf32", "f32"],
  ["UI16", "u16"],
  ["uint16", "u16"],
  ["tui16", "u16"],
  ["SI32", "i32"],
  ["tsi8", "i8"],
  ["DBL", "f64"],
  ["complex64", "c64"],
  ["CPLX32", "c64"],
  ["CPLX64", "c128"],
  ["float16", "f16"],
];

for (const [text, type] of SPELLINGS) {
  Deno.test(`parseType() reads "${text}" as ${type}`, () => {
    assertEquals(parseType(text), type);
  });
}

Deno.test("parseType() refuses what nobody writes and lists the types", () => {
  assertThrows(() => parseType("u128"), SyntaxError, "u8 i8 u16");
});

Deno.test("pixelsOf() copies where the bytes are not aligned", () => {
  const bytes = new Uint8Array(9).subarray(1);
  bytes[0] = 5;
  const pixels = pixelsOf("u32", bytes);
  assertEquals([...pixels], [5, 0]);
  assert(pixels.buffer !== bytes.buffer);
});

Deno.test("pixelCount() is exact beyond 2^53", () => {
  const axis = 2 ** 32 - 1;
  assertEquals(pixelCount([axis, axis, axis]), BigInt(axis) ** 3n);
});
