/** Pictures in the terminal. */

import { assert, assertEquals } from "@std/assert";
import { drawPicture } from "../../src/image/picture.ts";

const PLAIN = { columns: 80, rows: 24, color: false };

Deno.test("drawPicture() draws a gradient, y upwards", async (t) => {
  const pixels = Float32Array.from(
    { length: 10 * 8 },
    (_, i) => (i % 10) + Math.floor(i / 10),
  );
  const lines = drawPicture(pixels, [10, 8], {
    columns: 10,
    rows: 4,
    color: false,
  });
  await t.assertSnapshot(lines);
  assertEquals(lines.length, 4);
});

Deno.test("drawPicture() puts the last row on top and the first axis to the right", () => {
  const pixels = new Uint8Array([255, 0, 0, 0, 0, 0, 0, 0]); // x = y = 0
  const lines = drawPicture(pixels, [2, 4], {
    columns: 2,
    rows: 2,
    color: false,
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
  assert(even.every((line) => line.trim() === ""));
  const odd = new Float32Array([NaN, Infinity, -Infinity, 1, 2, 3, 4, 5]);
  assertEquals(drawPicture(odd, [4, 2], PLAIN).length > 0, true);
  assertEquals(
    drawPicture(new Float32Array(4).fill(NaN), [2, 2], PLAIN).join("").trim(),
    "",
  );
});

Deno.test("drawPicture() takes 64-bit pixels", () => {
  const pixels = new BigUint64Array([0n, 2n ** 63n, 0n, 2n ** 63n]);
  const [line = ""] = drawPicture(pixels, [2, 2], {
    columns: 2,
    rows: 1,
    color: false,
  });
  assertEquals(line, " @");
});

Deno.test("drawPicture() in colour gives each line its end", () => {
  const pixels = Float32Array.from({ length: 64 }, (_, i) => i);
  const lines = drawPicture(pixels, [8, 8], { ...PLAIN, color: true });
  for (const line of lines) {
    assert(line.startsWith("\x1b[38;2;"));
    assert(line.endsWith("▀\x1b[0m"));
  }
  assert(lines[0]?.includes("253;231;37"), "the brightest is yellow");
});
