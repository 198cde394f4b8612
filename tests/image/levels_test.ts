import { assert, assertEquals } from "@std/assert";
import {
  BAD,
  findCuts,
  FULL,
  histogram,
  quantile,
  sampleSorted,
  stretch,
  toShades,
  valueAt,
} from "../../src/image/levels.ts";

function assertAlmostEquals(actual: number, expected: number, by = 1e-7): void {
  assert(Math.abs(actual - expected) <= by, `${actual} is not ${expected}`);
}

const ramp = Float64Array.from({ length: 1001 }, (_, i) => i);
const range = { low: 0, high: 1000 };

Deno.test("findCuts() takes all, a part, or what is said", () => {
  const all = { kind: "percentile", percent: 100 } as const;
  assertEquals(findCuts(all, range, ramp), range);
  const most = { kind: "percentile", percent: 90 } as const;
  const { low, high } = findCuts(most, range, ramp);
  assertAlmostEquals(low, 50);
  assertAlmostEquals(high, 950);
  const fixed = { kind: "fixed", low: -5, high: 7 } as const;
  assertEquals(findCuts(fixed, range, ramp), { low: -5, high: 7 });
});

Deno.test("findCuts() puts zero in the middle of a diverging map", () => {
  const rule = { kind: "percentile", percent: 100 } as const;
  const cuts = findCuts(rule, { low: -3, high: 10 }, ramp, true);
  assertEquals(cuts, { low: -10, high: 10 });
  assertEquals(stretch(cuts, false, true)(0), 0.5);
  assertEquals(stretch(cuts, true, true)(0), 0.5);
});

Deno.test("findCuts() of an image without any number", () => {
  const rule = { kind: "percentile", percent: 99 } as const;
  const none = { low: NaN, high: NaN };
  assertEquals(findCuts(rule, none, new Float64Array(0)), { low: 0, high: 0 });
});

Deno.test("findCuts() leaves what is infinite beyond the cuts", () => {
  const rule = { kind: "percentile", percent: 100 } as const;
  const sorted = Float64Array.of(2, 3, 9);
  const cuts = (low: number, high: number) =>
    findCuts(rule, { low, high }, sorted);
  assertEquals(cuts(-Infinity, 9), { low: 2, high: 9 });
  assertEquals(cuts(2, Infinity), { low: 2, high: 9 });
  assertEquals(cuts(-Infinity, Infinity), { low: 2, high: 9 });
});

Deno.test("stretch() goes from end to end of the doubles", () => {
  const whole = { low: -Number.MAX_VALUE, high: Number.MAX_VALUE };
  for (const log of [false, true]) {
    const place = stretch(whole, log, true);
    const marks = [whole.low, 0, whole.high].map(place);
    assertEquals(marks, [0, 0.5, 1]);
    assertEquals(Math.abs(valueAt(whole, place, 0.5)) < 1e300, true);
  }
});

Deno.test("sampleSorted() is sorted, small, finite, and sees every column", () => {
  const values = Float64Array.from({ length: 512 * 512 }, (_, i) => i % 512);
  values[0] = NaN;
  values[1] = Infinity;
  const sample = sampleSorted(values);
  assert(sample.length > 3000 && sample.length < 5000);
  assertEquals(new Set(sample).size, 512);
  assertEquals(sample, sample.slice().sort());
  assert(sample.every(Number.isFinite));
});

Deno.test("quantile() lies between neighbours", () => {
  assertEquals(quantile(Float64Array.of(1, 2, 4), 0.75), 3);
  assertEquals(quantile(Float64Array.of(7), 0.5), 7);
});

Deno.test("stretch() is monotone from 0 to 1 in every form", () => {
  for (const log of [false, true]) {
    for (const symmetric of [false, true]) {
      const place = stretch({ low: -10, high: 10 }, log, symmetric);
      assertAlmostEquals(place(-10), 0);
      assertAlmostEquals(place(10), 1);
      for (let v = -10; v < 10; v++) assert(place(v) < place(v + 1));
      assertAlmostEquals(
        valueAt({ low: -10, high: 10 }, place, place(3)),
        3,
        1e-6,
      );
    }
  }
});

Deno.test("stretch() raises what is faint where it is logarithmic", () => {
  assert(stretch(range, true)(10) > 0.3);
  assertEquals(stretch({ low: 4, high: 4 }, true)(4), 0.5);
});

Deno.test("toShades() covers the map and marks what has no place on it", () => {
  const values = Float64Array.of(-1, 0, 500, 1000, 2000, NaN, 3);
  const full = Uint8Array.of(0, 0, 0, 0, 0, 0, 1);
  assertEquals(
    [...toShades(values, full, stretch(range))],
    [0, 0, 128, 255, 255, BAD, FULL],
  );
});

Deno.test("histogram() counts everything once", () => {
  assertEquals(
    [...histogram(Float64Array.of(-5, 0, 1, 5, 9, 10, 99), (v) => v / 10, 2)],
    [3, 4],
  );
});
