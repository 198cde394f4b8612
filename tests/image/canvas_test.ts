import { assert, assertEquals } from "@std/assert";
import { Canvas, Pen, STYLE } from "../../src/image/canvas.ts";

function canvasWith(lines: string[]): Canvas {
  const canvas = new Canvas(10, 3);
  lines.forEach((line, row) => canvas.text(0, row, line));
  return canvas;
}

Deno.test("Pen.difference() of equal canvases is nothing", () => {
  const pen = new Pen("true");
  assertEquals(pen.difference(canvasWith(["abc"]), canvasWith(["abc"])), "");
});

Deno.test("Pen.difference() has the cells that changed, and no others", () => {
  const pen = new Pen("true");
  const before = canvasWith(["abcdef", "same"]);
  const after = canvasWith(["abXdYZ", "same"]);
  assertEquals(
    pen.difference(before, after),
    "\x1b[1;3HX\x1b[1;5HYZ",
  );
});

Deno.test("Pen.difference() moves the cursor at the begin of a row", () => {
  const before = new Canvas(2, 2);
  const after = new Canvas(2, 2);
  after.text(0, 0, "ab");
  after.text(0, 1, "cd");
  assertEquals(
    new Pen("true").difference(before, after),
    "\x1b[1;1Hab\x1b[2;1Hcd",
  );
});

Deno.test("Pen says a colour once for neighbours, and ends with none", () => {
  const before = new Canvas(4, 1);
  const after = new Canvas(4, 1);
  for (const column of [0, 1]) after.put(column, 0, 0x2580, 0x010203, 0xff0000);
  const place = "\x1b[1;1H";
  assertEquals(
    new Pen("true").difference(before, after),
    `${place}\x1b[38;2;1;2;3;48;2;255;0;0m▀▀\x1b[39;49m`,
  );
  assertEquals(
    new Pen("256").difference(before, after),
    `${place}\x1b[38;5;16;48;5;196m▀▀\x1b[39;49m`,
  );
  assertEquals(new Pen("none").difference(before, after), `${place}▀▀`);
});

Deno.test("Pen changes styles", () => {
  const canvas = new Canvas(3, 1);
  canvas.text(0, 0, "a", STYLE.bold);
  canvas.text(1, 0, "b", STYLE.dim | STYLE.reverse);
  assertEquals(new Pen("none").lines(canvas), [
    "\x1b[0;1ma\x1b[0;2;7mb\x1b[0m",
  ]);
});

Deno.test("Canvas.text() lets no control character or wide one through", () => {
  const canvas = new Canvas(8, 1);
  canvas.text(0, 0, "a\x1b[2J鏡µ");
  assertEquals(new Pen("none").lines(canvas), ["a?[2J?µ"]);
});

Deno.test("Canvas.put() outside is lost", () => {
  const canvas = new Canvas(2, 2);
  for (const [x, y] of [[-1, 0], [2, 0], [0, 2], [0, -1]]) {
    canvas.put(x ?? 0, y ?? 0, 0x58);
  }
  assert(canvas.glyphs.every((glyph) => glyph === 0x20));
});
