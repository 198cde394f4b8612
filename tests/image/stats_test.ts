import { assertEquals } from "@std/assert";
import { pixelStatistics } from "../../src/image/stats.ts";

Deno.test("pixelStatistics() of numbers", () => {
  assertEquals(pixelStatistics(Uint8Array.of(2, 4, 4, 4, 5, 5, 7, 9)), {
    count: 8,
    nan: 0,
    min: 2,
    max: 9,
    mean: 5,
    std: 2,
  });
});

Deno.test("pixelStatistics() leaves out what is not a number", () => {
  const pixels = Float32Array.of(NaN, 1, NaN, 3);
  assertEquals(pixelStatistics(pixels), {
    count: 2,
    nan: 2,
    min: 1,
    max: 3,
    mean: 2,
    std: 1,
  });
  const none = { min: null, max: null, mean: null, std: null };
  assertEquals(pixelStatistics(Float64Array.of(NaN)), {
    count: 0,
    nan: 1,
    ...none,
  });
  assertEquals(pixelStatistics(new Int16Array(0)), {
    count: 0,
    nan: 0,
    ...none,
  });
});

Deno.test("pixelStatistics() does not lose a small spread on a large mean", () => {
  const { std } = pixelStatistics(Float64Array.of(1e9 + 1, 1e9 - 1));
  assertEquals(std, 1);
});

Deno.test("pixelStatistics() is exact at the ends of 64-bit integers", () => {
  const { min, max, mean } = pixelStatistics(
    BigInt64Array.of(-9007199254740993n, 9007199254740993n),
  );
  assertEquals([min, max, mean], [-9007199254740993n, 9007199254740993n, 0]);
});
