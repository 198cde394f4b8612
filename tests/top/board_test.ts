/** The table's order, its pattern and its keys, without a terminal. */

import { assert, assertEquals } from "@std/assert";
import "../_support/load.ts";
import { Canvas, Pen } from "../../src/image/canvas.ts";
import { Board, type TopEffect } from "../../src/top/board.ts";
import { COLUMNS, VIEWS } from "../../src/top/columns.ts";
import { drawTop, Widths } from "../../src/top/draw.ts";
import type { TopRow } from "../../src/top/row.ts";

function row(name: string, more: Partial<TopRow> = {}): TopRow {
  return {
    name,
    path: `/s/${name}.im.shm`,
    link: null,
    error: null,
    format: "imagestreamio",
    type: "f32",
    size: [4, 3],
    cnt0: 7n,
    rateHz: 0,
    jitterMs: null,
    ageSeconds: null,
    bytesPerSecond: 0,
    owner: null,
    writer: null,
    readers: [],
    semaphores: [],
    trace: [],
    inode: 0n,
    bridges: [],
    ...more,
  };
}

const ROWS: readonly TopRow[] = [
  row("cam", { rateHz: 500, ageSeconds: 0.1, bytesPerSecond: 24000 }),
  row("dm00", { rateHz: 1000, ageSeconds: 0.05, bytesPerSecond: 48 }),
  row("dm01", { ageSeconds: 3 }),
  row("bad", { error: "damaged", rateHz: null }),
];

function board(): Board {
  const made = new Board();
  made.update(ROWS);
  made.fit(10);
  return made;
}

function names(of: Board): string[] {
  return of.rows.map(({ name }) => name);
}

function press(of: Board, ...keys: string[]): TopEffect | undefined {
  return keys.map((key) => of.key(key)).at(-1);
}

Deno.test("Board sorts by the number keys, and the other way round", () => {
  const b = board();
  assertEquals(names(b), ["bad", "cam", "dm00", "dm01"]);
  press(b, "4");
  assertEquals(names(b), ["dm00", "cam", "dm01", "bad"]);
  press(b, "2"); // updated last
  assertEquals(names(b), ["dm00", "cam", "dm01", "bad"]);
  press(b, "2");
  assertEquals(names(b), ["bad", "dm01", "cam", "dm00"]);
  press(b, "5");
  assertEquals(names(b).slice(0, 2), ["cam", "dm00"]);
  press(b, "1");
  assertEquals(names(b), ["bad", "cam", "dm00", "dm01"]);
  press(b, "r");
  assertEquals(names(b), ["dm01", "dm00", "cam", "bad"]);
});

Deno.test("Board shows the names that a pattern allows", () => {
  const b = board();
  press(b, "F", "d", "m");
  assertEquals(names(b).length, 4, "not before enter");
  press(b, "enter");
  assertEquals(names(b), ["dm00", "dm01"]);
  press(b, "f");
  assertEquals(names(b).length, 4);
  press(b, "f");
  assertEquals(names(b), ["dm00", "dm01"]);
  press(b, "/", "backspace", "backspace", "*", "0", "?", "enter");
  assertEquals(names(b), ["dm00", "dm01"]);
  press(b, "/", "x", "escape");
  assertEquals(names(b), ["dm00", "dm01"]);
  press(b, "/", ..."*0?".split("").map(() => "backspace"), "enter");
  assertEquals(names(b).length, 4);
});

Deno.test("Board keeps the selected stream selected where rows move", () => {
  const b = board();
  press(b, "down");
  assertEquals(b.selected?.name, "cam");
  press(b, "r");
  assertEquals(b.selected?.name, "cam");
  b.update(ROWS.filter(({ name }) => name !== "cam"));
  assertEquals(b.selected?.name, "bad", "its neighbour where it has gone");
  press(b, "end", "down", "down");
  assertEquals(b.index, b.rows.length - 1);
  b.update([]);
  assertEquals(b.selected, undefined);
  assertEquals(press(b, "enter"), undefined);
});

Deno.test("Board scrolls with the selection", () => {
  const b = new Board();
  b.update(Array.from({ length: 50 }, (_, i) => row(`s${100 + i}`)));
  b.fit(10);
  press(b, "page-down");
  assertEquals([b.index, b.first], [10, 1]);
  press(b, "end");
  assertEquals([b.index, b.first], [49, 40]);
  b.fit(20);
  assertEquals(b.first, 30);
  press(b, "home");
  assertEquals([b.index, b.first, b.visible.length], [0, 0, 20]);
});

Deno.test("Board removes after a question only", () => {
  const b = board();
  press(b, "down");
  for (const keys of [["ctrl-e", "n"], ["delete", "escape"], ["ctrl-e", "q"]]) {
    assertEquals(press(b, ...keys)?.kind, "redraw");
    assertEquals(b.prompt, undefined);
  }
  const effect = press(b, "ctrl-e", "y");
  assert(effect?.kind === "remove");
  assertEquals([effect.row.name, effect.force], ["cam", false]);
  b.askToRemove(effect.row, 4711);
  const again = press(b, "y");
  assert(again?.kind === "remove" && again.force);
});

Deno.test("Board ends, watches, pauses and chooses columns by its keys", () => {
  const b = board();
  assertEquals(press(b, "x")?.kind, "quit");
  assertEquals(press(b, "q")?.kind, "quit");
  assertEquals(press(b, "ctrl-c")?.kind, "interrupt");
  assertEquals(press(b, "F", "ctrl-c")?.kind, "interrupt");
  press(b, "escape");
  const watch = press(b, "enter");
  assert(watch?.kind === "watch" && watch.row.name === "bad");
  press(b, "space");
  assert(b.paused);
  press(b, "f4");
  assertEquals(VIEWS[b.view]?.title, "read PIDs");
  press(b, "c", "down", "space", "enter");
  assertEquals(b.view, 0);
  assertEquals(b.columns.includes("type"), false);
  press(b, "c", "space", "escape");
  assertEquals(b.columns[0], "name", "that stays");
  assertEquals(press(b, "z"), undefined);
  press(b, "h", "z");
  assertEquals(b.help, false);
});

Deno.test("drawTop() fits every view on every size of a terminal", () => {
  const process = { pid: 4711, name: "loop", alive: true };
  const full = row("very-long-name-".repeat(5), {
    writer: process,
    owner: { ...process, alive: false },
    readers: [process, process],
    semaphores: [{ value: 3, reader: 4711, writer: 4712 }],
    trace: [{ process, triggerInode: 9n, semaphore: 2, cnt0: 1n }],
    link: "else.im.shm",
    bridges: [{
      channel: "x",
      path: "/s",
      part: "transmit",
      address: "icc:8803",
      pid: 1,
      condition: "up",
      frames: 10,
      lost: 2,
    }],
  });
  for (const [columns, rows] of [[1, 1], [10, 4], [80, 24], [300, 80]]) {
    const b = new Board();
    b.update([full, ...ROWS]);
    for (const key of ["f2", "f3", "f4", "f5", "f6", "h", "?", "c", "F"]) {
      press(b, key);
      const canvas = new Canvas(columns ?? 1, rows ?? 1);
      drawTop(canvas, b, new Widths(), {
        folder: "/s",
        trouble: undefined,
        clock: "00:00:00 UTC",
      });
      assertEquals(new Pen("none").lines(canvas).length, rows);
      press(b, "escape");
    }
  }
});

Deno.test("every view and every sort names columns that there are", () => {
  const ids = COLUMNS.map(({ id }) => id);
  for (const { columns } of VIEWS) {
    assertEquals(columns.filter((id) => !ids.includes(id)), []);
    assertEquals(columns[0], "name");
  }
});
