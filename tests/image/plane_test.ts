import { assertEquals } from "@std/assert";
import {
  fullWell,
  pixelText,
  PlaneTaker,
  wholePlane,
} from "../../src/image/plane.ts";

const whole = { x: 0, y: 0, width: 3, height: 2 };

Deno.test("PlaneTaker takes a rectangle, x fastest", () => {
  const pixels = Uint16Array.of(0, 1, 2, 10, 11, 12);
  const part = { x: 1, y: 0, width: 2, height: 2 };
  const plane = new PlaneTaker().take(pixels, "u16", 3, part);
  assertEquals([...plane.values], [1, 2, 11, 12]);
  assertEquals(plane.saturated, undefined);
});

Deno.test("PlaneTaker makes amplitudes of complex pixels", () => {
  const pixels = Float32Array.of(3, 4, 0, -2, 0, 0, 1, 0, 6, 8, 0, 1);
  const plane = new PlaneTaker().take(pixels, "c64", 3, whole);
  assertEquals([...plane.values], [5, 2, 0, 1, 10, 1]);
});

Deno.test("PlaneTaker subtracts the dark and marks by the raw value", () => {
  const pixels = Uint8Array.of(0, 10, 255, 20, 30, 40);
  const dark = Float64Array.of(1, 1, 1, 1, 1, 1);
  const plane = new PlaneTaker().take(pixels, "u8", 3, whole, { dark });
  assertEquals([...plane.values], [-1, 9, 254, 19, 29, 39]);
  assertEquals([...plane.saturated ?? []], [0, 0, 1, 0, 0, 0]);
});

Deno.test("PlaneTaker marks from a level that is given", () => {
  const pixels = Float32Array.of(1, 2, 3, NaN, Infinity, 0);
  const taker = new PlaneTaker();
  const marks = (saturation?: number): number[] => [
    ...taker.take(pixels, "f32", 3, whole, { saturation }).saturated ?? [],
  ];
  assertEquals(marks(), [0, 0, 0, 0, 1, 0]);
  assertEquals(marks(2), [0, 1, 1, 0, 1, 0]);
});

Deno.test("fullWell() is the largest value of an integer", () => {
  assertEquals(fullWell("i16"), 32767);
  assertEquals(fullWell("f32"), Infinity);
});

Deno.test("pixelText() is exact", () => {
  const big = BigUint64Array.of(18446744073709551615n);
  assertEquals(pixelText(big, "u64", 0), "18446744073709551615");
  assertEquals(pixelText(Uint32Array.of(4294967295), "u32", 0), "4294967295");
  assertEquals(pixelText(Float32Array.of(0.1), "f32", 0), "0.1");
  assertEquals(pixelText(Float32Array.of(1, -0.5), "c64", 0), "1-0.5i");
  assertEquals(pixelText(Float32Array.of(NaN), "f32", 0), "NaN");
});

Deno.test("wholePlane() makes numbers of everything", () => {
  assertEquals([...wholePlane(BigInt64Array.of(-7n), "i64")], [-7]);
  assertEquals([...wholePlane(Float64Array.of(3, 4), "c128")], [5]);
});
