import { assertEquals } from "@std/assert";
import { type Plane, resample } from "../../src/image/resample.ts";

function plane(width: number, values: number[], marks?: number[]): Plane {
  return {
    values: Float64Array.from(values),
    saturated: marks && Uint8Array.from(marks),
    width,
    height: values.length / width,
  };
}

const four = plane(4, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

Deno.test("resample() to fewer dots takes their mean", () => {
  assertEquals([...resample(four, 2, 2).values], [2.5, 4.5, 10.5, 12.5]);
});

Deno.test("resample() to fewer dots takes one of them, or the largest", () => {
  assertEquals([...resample(four, 2, 2, "nearest").values], [5, 7, 13, 15]);
  assertEquals([...resample(four, 2, 2, "peak").values], [5, 7, 13, 15]);
  const high = plane(2, [9, 1, 2, 3]);
  assertEquals([...resample(high, 1, 1, "peak").values], [9]);
});

Deno.test("resample() to more dots repeats pixels", () => {
  const two = plane(2, [1, 2, 3, 4]);
  assertEquals(
    [...resample(two, 4, 4).values],
    [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4],
  );
});

Deno.test("resample() to the same size changes nothing", () => {
  assertEquals([...resample(four, 4, 4).values], [...four.values]);
});

Deno.test("resample() counts every pixel once where sizes do not divide", () => {
  const five = plane(5, [1, 2, 3, 4, 5]);
  // 2 dots: pixels 0-1 and 2-4
  assertEquals([...resample(five, 2, 1).values], [1.5, 4]);
});

Deno.test("resample() in one direction only", () => {
  const band = resample(plane(4, [1, 3, 5, 7]), 2, 2);
  assertEquals([...band.values], [2, 6, 2, 6]);
});

Deno.test("resample() lets a single bad or saturated pixel be seen", () => {
  const bad = four.values.slice();
  bad[0] = NaN;
  const marks = new Array(16).fill(0);
  marks[15] = 1;
  for (const how of ["mean", "peak"] as const) {
    const small = resample(plane(4, [...bad], marks), 2, 2, how);
    assertEquals([...small.values].map(Number.isNaN), [
      true,
      false,
      false,
      false,
    ]);
    assertEquals([...small.saturated ?? []], [0, 0, 0, 1]);
  }
});
