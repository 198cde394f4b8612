/** Statistics and comparison of more pixels than one part has. */

import { assertEquals } from "@std/assert";
import { comparePixels } from "../../src/image/compare.ts";
import { partsOf } from "../../src/image/parts.ts";
import { pixelStatistics } from "../../src/image/stats.ts";

const MANY = 2 ** 24 + 3;

Deno.test("partsOf() gives all pixels once, in the same memory", () => {
  const pixels = Uint8Array.from({ length: 7 }, (_, i) => i);
  const parts = [...partsOf(pixels, 3)];
  assertEquals(parts.map(({ start }) => start), [0, 3, 6]);
  assertEquals(parts.flatMap(({ pixels }) => [...pixels]), [...pixels]);
  assertEquals(
    parts.every((part) => part.pixels.buffer === pixels.buffer),
    true,
  );
  assertEquals([...partsOf(new Float32Array(0))].length, 1);
});

Deno.test("pixelStatistics() of several parts, numbers in some only", () => {
  const pixels = new Float32Array(MANY);
  pixels[0] = NaN;
  pixels[1] = -4;
  pixels[MANY - 1] = 4;
  const { count, nan, min, max, mean, std } = pixelStatistics(pixels);
  assertEquals([count, nan, min, max, mean], [MANY - 1, 1, -4, 4, 0]);
  assertEquals(std, Math.sqrt(32 / (MANY - 1)));
});

Deno.test("pixelStatistics() of several parts of 64-bit integers", () => {
  const pixels = new BigInt64Array(MANY);
  pixels[2] = -(2n ** 63n);
  pixels[MANY - 1] = 2n ** 63n - 1n;
  const { count, min, max } = pixelStatistics(pixels);
  assertEquals([count, min, max], [MANY, -(2n ** 63n), 2n ** 63n - 1n]);
});

Deno.test("pixelStatistics() has no spread around an infinite mean", () => {
  const { mean, std } = pixelStatistics(new Float64Array([0, Infinity]));
  assertEquals([mean, std], [Infinity, NaN]);
});

Deno.test("comparePixels() names the first that differs in a later part", () => {
  const one = new Uint8Array(MANY);
  const two = new Uint8Array(MANY);
  two[MANY - 2] = 5;
  two[MANY - 1] = 3;
  const { different, count, first, maxAbs } = comparePixels(one, two);
  assertEquals([different, count, first, maxAbs], [2, MANY, MANY - 2, 5]);
});
