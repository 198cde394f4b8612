import { assertEquals } from "@std/assert";
import { jitterText, rateText, short } from "../../src/watch/text.ts";
import { RateMeter } from "../../src/watch/meter.ts";
import { View, type ViewOptions } from "../../src/watch/view.ts";

const plain: ViewOptions = {
  map: "viridis",
  rule: { kind: "percentile", percent: 100 },
  log: false,
  resampling: "mean",
  topDown: false,
  zoom: 1,
  roi: undefined,
  cursor: undefined,
  slice: undefined,
};
const room = { width: 44, height: 22 };

function view(options: Partial<ViewOptions> = {}): View {
  const made = new View({ ...plain, ...options });
  made.adapt([100, 80], 1);
  return made;
}

Deno.test("View.frame() shows all of the image at first", () => {
  assertEquals(view().frame(room), {
    rect: { x: 0, y: 0, width: 100, height: 80 },
    scale: 0.44,
  });
});

Deno.test("View.frame() zooms around the cursor and stays inside", () => {
  const zoomed = view({ cursor: { x: 99, y: 0 } });
  zoomed.key("+");
  assertEquals(zoomed.frame(room).rect, { x: 50, y: 0, width: 50, height: 50 });
  zoomed.key("-");
  zoomed.key("-");
  assertEquals(zoomed.zoom, 1);
});

Deno.test("View.frame() follows the cursor out of what is shown", () => {
  const zoomed = view({ cursor: { x: 50, y: 40 }, zoom: 8 });
  const before = zoomed.frame(room).rect;
  for (let i = 0; i < 20; i++) zoomed.key("shift-right");
  const after = zoomed.frame(room).rect;
  assertEquals(zoomed.cursor, { x: 99, y: 40 });
  assertEquals([after.x + after.width, after.width], [100, before.width]);
});

Deno.test("View keeps to the part that was asked for", () => {
  const part = view({ roi: { x: 90, y: 70, width: 50, height: 5 } });
  const rect = { x: 90, y: 70, width: 10, height: 5 };
  assertEquals(part.frame(room).rect, rect);
  part.key("left");
  for (let i = 0; i < 30; i++) part.key("left");
  assertEquals(part.cursor, { x: 90, y: 72 });
  assertEquals(part.misses([80, 80]), true);
});

Deno.test("View moves the cursor with the eye where it is flipped", () => {
  const moved = view({ cursor: { x: 5, y: 5 }, roi: undefined });
  moved.adapt([20, 20], 1);
  moved.frame(room);
  moved.key("up");
  assertEquals(moved.cursor, { x: 5, y: 6 });
  moved.key("f");
  moved.key("up");
  assertEquals(moved.cursor, { x: 5, y: 5 });
});

Deno.test("View goes round the slices and keeps inside a new stream", () => {
  const cube = view();
  cube.adapt([4, 4, 3], 3);
  cube.key("[");
  assertEquals(cube.slice, 2);
  cube.key("]");
  assertEquals(cube.slice, 0);
  cube.key("[");
  cube.adapt([4, 4, 2], 2);
  assertEquals(cube.slice, 1);
  cube.key("n");
  assertEquals(cube.slice, "newest");
});

Deno.test("View.key() goes through percentiles, and resets", () => {
  const cut = view();
  const seen = [1, 2, 3, 4, 5, 6].map(() => {
    cut.key("p");
    return cut.rule.kind === "percentile" ? cut.rule.percent : 0;
  });
  assertEquals(seen, [99.5, 99, 98, 95, 90, 99.5]);
  cut.key("c");
  cut.key("r");
  assertEquals([cut.rule, cut.map], [plain.rule, "viridis"]);
});

Deno.test("View.key() says what is left to do", () => {
  const keys = ["q", "ctrl-c", "d", "ctrl-l", "space", "%", "f5"];
  assertEquals(keys.map((key) => view().key(key)), [
    "quit",
    "interrupt",
    "dark",
    "refresh",
    "redraw",
    undefined,
    undefined,
  ]);
});

Deno.test("RateMeter counts frames over the last two seconds", () => {
  const meter = new RateMeter();
  meter.look(0n, 0);
  assertEquals(meter.hz, undefined);
  for (let at = 100; at <= 10_000; at += 100) {
    meter.look(BigInt(at < 5000 ? at : 5000 + (at - 5000) / 10), at);
  }
  assertEquals(Math.round(meter.hz ?? 0), 100);
});

Deno.test("RateMeter begins anew where the counter goes back", () => {
  const meter = new RateMeter();
  meter.look(1000n, 0);
  meter.look(5n, 1000);
  assertEquals(meter.hz, undefined);
  meter.look(15n, 2000);
  assertEquals(meter.hz, 10);
});

Deno.test("short() invents no digits", () => {
  assertEquals(
    [0, 12, 4294967295, 1.23456789, 123456.7, 1e-7, 9007199254740993n, null]
      .map(short),
    ["0", "12", "4294967295", "1.2346", "123457", "1e-7", "9.0072e15", "-"],
  );
});

Deno.test("rateText() and jitterText() have the digits that mean something", () => {
  assertEquals([undefined, 0.5, 999.96].map(rateText), [
    "- Hz",
    "0.50 Hz",
    "1000.0 Hz",
  ]);
  assertEquals([undefined, 0.0123, 3.456, 12.34].map(jitterText), [
    "jitter -",
    "jitter 12 µs",
    "jitter 3.46 ms",
    "jitter 12.3 ms",
  ]);
});
