/** Statistics of pixels. */

import { assert, assertEquals } from "@std/assert";
import { pixelStatistics } from "../../src/image/stats.ts";

Deno.test("pixelStatistics() of integers", () => {
  assertEquals(pixelStatistics(new Int16Array([-3, 1, 2, 4])), {
    count: 4,
    nan: 0,
    min: -3,
    max: 4,
    mean: 1,
    std: Math.sqrt((16 + 0 + 1 + 9) / 4),
  });
});

Deno.test("pixelStatistics() leaves NaN out and counts it", () => {
  assertEquals(pixelStatistics(new Float32Array([NaN, 1, NaN, 3])), {
    count: 2,
    nan: 2,
    min: 1,
    max: 3,
    mean: 2,
    std: 1,
  });
});

Deno.test("pixelStatistics() of nothing but NaN has no values", () => {
  assertEquals(pixelStatistics(new Float64Array([NaN, NaN])), {
    count: 0,
    nan: 2,
    min: null,
    max: null,
    mean: null,
    std: null,
  });
});

Deno.test("pixelStatistics() is exact for the limits of 64-bit integers", () => {
  const u64 = pixelStatistics(
    new BigUint64Array([2n ** 64n - 1n, 2n ** 53n + 1n]),
  );
  assertEquals([u64.min, u64.max], [2n ** 53n + 1n, 2n ** 64n - 1n]);
  const i64 = pixelStatistics(
    new BigInt64Array([-(2n ** 63n), 2n ** 63n - 1n, 0n]),
  );
  assertEquals([i64.min, i64.max], [-(2n ** 63n), 2n ** 63n - 1n]);
});

Deno.test("pixelStatistics() does not lose the spread of a large mean", () => {
  const { std } = pixelStatistics(
    new Float64Array([1e9, 1e9 + 1, 1e9 + 2]),
  );
  assert(Math.abs((std ?? 0) - Math.sqrt(2 / 3)) < 1e-9);
});

Deno.test("pixelStatistics() shows infinities as such", () => {
  const { min, max, count } = pixelStatistics(
    new Float32Array([-Infinity, 0, Infinity]),
  );
  assertEquals([min, max, count], [-Infinity, Infinity, 3]);
});
