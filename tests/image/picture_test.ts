/** Pictures in the terminal. */

import { assert, assertEquals } from "@std/assert";
import { dotsOf, drawPicture, fitScale } from "../../src/image/picture.ts";

const PLAIN = { columns: 80, rows: 24, depth: "none" } as const;

Deno.test("drawPicture() draws a gradient, y upwards", async (t) => {
  const pixels = Float32Array.from(
    { length: 10 * 8 },
    (_, i) => (i % 10) + Math.floor(i / 10),
  );
  const lines = drawPicture(pixels, [10, 8], {
    columns: 10,
    rows: 4,
    depth: "none",
  });
  await t.assertSnapshot(lines);
  assertEquals(lines.length, 4);
});

Deno.test("drawPicture() puts the last row on top and the first axis to the right", () => {
  const pixels = new Uint8Array([255, 0, 0, 0, 0, 0, 0, 0]); // x = y = 0
  const lines = drawPicture(pixels, [2, 4], {
    columns: 2,
    rows: 2,
    depth: "none",
  });
  assertEquals(lines.length, 2);
  assertEquals(lines[0], "");
  assertEquals(lines[1]?.trimEnd().length, 1);
});

Deno.test("drawPicture() stays within its columns and rows", () => {
  for (const size of [[1, 1], [7], [300, 5], [5, 300], [128, 96], [33, 17]]) {
    const [nx = 1, ny = 1] = size;
    const pixels = Float64Array.from({ length: nx * ny }, (_, i) => i);
    const lines = drawPicture(pixels, size, PLAIN);
    assert(lines.length >= 1 && lines.length <= 24, `${size}: ${lines.length}`);
    assert(lines.every((line) => line.length <= 80), `${size}`);
  }
});

Deno.test("drawPicture() draws an even image, NaN and infinities as well", () => {
  const even = drawPicture(new Uint16Array(16).fill(9), [4, 4], PLAIN);
  assertEquals(new Set(even.join("")).size, 1);
  const odd = new Float32Array([NaN, Infinity, -Infinity, 1, 2, 3, 4, 5]);
  assertEquals(drawPicture(odd, [4, 2], PLAIN).length > 0, true);
  const hot = new Float32Array([0, 5, Infinity, 9]);
  const [line = ""] = drawPicture(hot, [4, 1], {
    columns: 4,
    rows: 1,
    depth: "none",
  });
  assertEquals(new Set(line).size, 3, `the others keep their shades: ${line}`);
  const nothing = drawPicture(new Float32Array(4).fill(NaN), [2, 2], PLAIN);
  assertEquals([...new Set(nothing.join(""))], ["?"]);
});

Deno.test("drawPicture() takes 64-bit pixels", () => {
  const pixels = new BigUint64Array([0n, 2n ** 63n, 0n, 2n ** 63n]);
  const [line = ""] = drawPicture(pixels, [2, 2], {
    columns: 2,
    rows: 1,
    depth: "none",
  });
  assertEquals(line, " @");
});

Deno.test("drawPicture() in colour gives each line its end", () => {
  const pixels = Float32Array.from({ length: 64 }, (_, i) => i);
  const lines = drawPicture(pixels, [8, 8], { ...PLAIN, depth: "true" });
  for (const line of lines) {
    assert(line.startsWith("\x1b[38;2;"));
    assert(line.endsWith("▀\x1b[39;49m"));
  }
  assert(lines[0]?.includes("253;231;37"), "the brightest is yellow");
});

Deno.test("fitScale() keeps a pixel square and whole where it can", () => {
  const room = { width: 50, height: 22 };
  assertEquals(fitScale({ width: 512, height: 512 }, room), 44 / 512);
  assertEquals(fitScale({ width: 10, height: 10 }, room), 4);
  assertEquals(fitScale({ width: 100, height: 4 }, room), 0.5);
});

Deno.test("dotsOf() counts two dots in a row's height, one without colour", () => {
  const room = { width: 50, height: 22 };
  const image = { width: 10, height: 10 };
  assertEquals(dotsOf(image, 4, "true", room), { width: 40, height: 40 });
  assertEquals(dotsOf(image, 4, "none", room), { width: 40, height: 20 });
});

Deno.test("dotsOf() makes a band of a single row", () => {
  const room = { width: 64, height: 22 };
  const dots = dotsOf({ width: 32, height: 1 }, 2, "true", room);
  assertEquals(dots, { width: 64, height: 8 });
});

Deno.test("drawPicture() has y upwards", () => {
  const pixels = Float32Array.of(0, 0, 0, 0, 9, 0, 0, 0);
  const lines = drawPicture(pixels, [2, 4], {
    columns: 4,
    rows: 4,
    depth: "none",
  });
  assertEquals(lines, ["", "@@", "", ""]);
});
