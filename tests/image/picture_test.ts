import { assertEquals } from "@std/assert";
import { dotsOf, drawPicture, fitScale } from "../../src/image/picture.ts";

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
