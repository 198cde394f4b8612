/** Test patterns. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { patternFrame, PATTERNS } from "../../src/image/pattern.ts";
import { type DataType, TYPES } from "../../src/stream/types.ts";

const ALL = Object.keys(TYPES) as DataType[];

Deno.test("patternFrame() fills every type and number of axes", () => {
  for (const type of ALL) {
    for (const size of [[5], [4, 3], [4, 3, 2]]) {
      for (const pattern of PATTERNS) {
        const pixels = patternFrame(pattern, type, size, 3);
        const count = size.reduce((product, axis) => product * axis, 1);
        assertEquals(pixels.length, count * TYPES[type].parts);
        assert([...pixels].every((pixel) => pixel === pixel), "no NaN");
      }
    }
  }
});

Deno.test("patternFrame() gives the same frame for the same number", () => {
  for (const pattern of PATTERNS) {
    assertEquals(
      patternFrame(pattern, "u16", [16, 9], 7),
      patternFrame(pattern, "u16", [16, 9], 7),
    );
  }
});

Deno.test.each(["gradient", "noise", "sine", "counter"] as const)(
  "patternFrame() of %s moves with the frame's number",
  (pattern) => {
    assertNotEquals(
      patternFrame(pattern, "f32", [16, 9], 1),
      patternFrame(pattern, "f32", [16, 9], 2),
    );
  },
);

Deno.test("patternFrame() gradient rises along the diagonal", () => {
  assertEquals(
    [...patternFrame("gradient", "f64", [3, 3], 0)],
    [0, 0.25, 0.5, 0.25, 0.5, 0.75, 0.5, 0.75, 1],
  );
});

Deno.test("patternFrame() counter gives every pixel the frame's number, modulo its type", () => {
  assertEquals(
    patternFrame("counter", "u8", [2, 1], 257),
    new Uint8Array([1, 1]),
  );
  assertEquals(
    patternFrame("counter", "u64", [2], 70000),
    new BigUint64Array([70000n, 70000n]),
  );
  assertEquals(
    patternFrame("counter", "c64", [2], 5),
    new Float32Array([5, 0, 5, 0]),
  );
});

Deno.test("patternFrame() zero is zero", () => {
  assertEquals(patternFrame("zero", "i32", [3, 2], 9), new Int32Array(6));
});

Deno.test("patternFrame() stays within what its type holds", () => {
  for (const pattern of ["gradient", "noise", "sine"] as const) {
    for (let frame = 0; frame < 50; frame += 7) {
      const u8 = [...patternFrame(pattern, "u8", [32, 16], frame)];
      const i8 = [...patternFrame(pattern, "i8", [32, 16], frame)];
      u8.forEach((value, i) => {
        const other = Number(i8[i]);
        assert(other >= 0, "a sign that changed is an overflow");
        assert(Math.abs(Number(value) / 255 - other / 127) < 0.01);
      });
    }
  }
});
