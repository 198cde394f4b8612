import { assert, assertEquals, assertMatch } from "@std/assert";
import { writeFits } from "../../src/fits/mod.ts";
import { colorMap, nearest256 } from "../../src/image/colormap.ts";
import { npyHeader } from "../../src/image/npy.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { CreateOptions } from "../../src/stream/stream_options.ts";
import {
  CLI,
  done,
  Folder,
  json,
  ROOT,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";
import { left, openScreen, shellLine, shows } from "../_support/screen.ts";
import type { Cell, Terminal } from "../_support/terminal.ts";

const tmux = program("tmux", "tmux");
const COLUMNS = 80;
const ROWS = 24;
const UPPER_HALF = "▀";
const INTERRUPTED = 130;

function create(
  folder: Folder,
  name: string,
  options: Omit<CreateOptions, "dir">,
): Stream {
  return Stream.create(name, { dir: folder.path, ...options });
}

/** 44 x 44 pixels: one for each dot beside the panel of 80 x 24. */
const SIDE = 44;

function ramp(): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => i % SIDE);
}

function openTerminal(
  folder: Folder,
  env: Record<string, string> = {},
): Promise<Terminal> {
  return openScreen(folder, [COLUMNS, ROWS], env);
}

/** Waits until the cells fulfil something. */
async function cellsWhere(
  terminal: Terminal,
  what: string,
  condition: (cells: Cell[][]) => boolean,
): Promise<Cell[][]> {
  return await until(what, async () => {
    const cells = await terminal.cells();
    return condition(cells) ? cells : undefined;
  });
}

/** The colour of a dot; `v` counts from the picture's top. */
function dot(cells: Cell[][], u: number, v: number): Cell["front"] {
  const cell = cells[1 + Math.floor(v / 2)]?.[u];
  return v % 2 === 0 ? cell?.front : cell?.back;
}

testWhere(
  "watch draws every pixel where it belongs, y upwards",
  tmux,
  async () => {
    using folder = new Folder();
    using stream = create(folder, "cam", { size: [SIDE, SIDE], type: "f32" });
    const pixels = ramp();
    pixels[3 + SIDE * 40] = NaN;
    pixels[5 + SIDE * 2] = Infinity;
    stream.write(pixels);
    await using terminal = await openTerminal(folder);
    await terminal.type(shellLine("watch cam --map grey --range 0:43"));
    await shows(terminal, /cam +44x44 f32 +cnt0 1/);
    const cells = await cellsWhere( // a terminal may be caught half drawn
      terminal,
      "its last row",
      (cells) => dot(cells, SIDE - 1, SIDE - 1) !== undefined,
    );
    const map = colorMap("grey");
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const shade = Math.min(255, Math.floor(x / 43 * 256));
        const expected = x === 3 && y === 40
          ? map.bad
          : x === 5 && y === 2
          ? map.saturated
          : map.colors[shade];
        const at = `pixel ${x} ${y}`;
        assertEquals(dot(cells, x, SIDE - 1 - y), expected, at);
      }
    }
    for (let row = 1; row < ROWS - 1; row++) {
      const glyphs = cells[row]?.slice(0, SIDE).map((cell) => cell.glyph);
      assertEquals(glyphs?.join(""), UPPER_HALF.repeat(SIDE));
      assertEquals(cells[row]?.[SIDE]?.back, undefined);
    }
    await terminal.press("f");
    const flipped = await cellsWhere(
      terminal,
      "the flipped picture",
      (cells) => dot(cells, 3, 40) === map.bad,
    );
    assertEquals(dot(flipped, 5, 2), map.saturated);
    await terminal.press("q");
    await left(terminal, 0);
  },
);

testWhere(
  "watch shows statistics, cursor, zoom and help by its keys",
  tmux,
  async () => {
    using folder = new Folder();
    using stream = create(folder, "cam", { size: [SIDE, SIDE], type: "u64" });
    const pixels = new BigUint64Array(SIDE * SIDE).fill(10n);
    pixels[22 + SIDE * 23] = 9007199254740993n; // no float is this number
    stream.write(pixels);
    await using terminal = await openTerminal(folder);
    await terminal.type(shellLine("watch cam"));
    await shows(terminal, /min +10\b/);
    await terminal.press("Right"); // the cursor appears in the middle
    await shows(terminal, /x 22 +y 22 +10\b/);
    await terminal.press("Up");
    await shows(terminal, /x 22 +y 23 +9007199254740993\b/);
    const cells = await terminal.cells();
    assertEquals(dot(cells, 22, SIDE - 1 - 23), colorMap("viridis").cursor);
    await terminal.press("+");
    await shows(terminal, /zoom 2/);
    await shows(terminal, /part +\d+:\d+:25:22/);
    await terminal.press("?");
    await shows(terminal, /quit/);
    await shows(terminal, /next colour map/);
    await terminal.press("x"); // any key: the help goes
    await shows(terminal, (text) => !text.includes("next colour map"));
    await terminal.press("r");
    await shows(terminal, (text) => !text.includes("zoom"));
    await terminal.press("c", "l", "p", "m");
    await shows(terminal, /inferno +log +99\.5 % +nearest/);
    await terminal.press("d");
    await shows(terminal, /dark +subtracted/);
    await shows(terminal, /max +0\b/);
    await terminal.press("s", "h");
    await shows(terminal, (text) => !/max +0/.test(text));
    await terminal.press("Space");
    await shows(terminal, /paused/);
    stream.write(pixels);
    await terminal.press("Space");
    await shows(terminal, /cnt0 2\b/);
    await terminal.press("C-c");
    await left(terminal, INTERRUPTED);
  },
);

testWhere(
  "watch goes on with a stream that is re-created as another",
  tmux,
  async () => {
    using folder = new Folder();
    create(folder, "cam", { size: [SIDE, SIDE], type: "f32" }).close();
    await using terminal = await openTerminal(folder);
    await terminal.type(shellLine("watch cam"));
    await shows(terminal, /44x44 f32/);
    Deno.removeSync(folder.stream("cam"));
    await shows(terminal, /cam: gone, waiting/);
    const next = create(folder, "cam", { size: [8, 3, 5], type: "i16" });
    next.write(new Int16Array(8 * 3 * 5).fill(-7));
    next.close();
    await shows(terminal, /cam +8x3x5 i16 +cnt0 1/);
    await shows(terminal, /slice 0\/5/);
    await shows(terminal, /min +-7/);
    await terminal.press("]");
    await shows(terminal, /slice 1\/5/);
    await terminal.press("[", "[");
    await shows(terminal, /slice 4\/5/);
    await terminal.press("q");
    await left(terminal, 0);
  },
);

testWhere("watch follows the size of the window", tmux, async () => {
  using folder = new Folder();
  using stream = create(folder, "cam", { size: [SIDE, SIDE], type: "f32" });
  stream.write(ramp());
  await using terminal = await openTerminal(folder);
  await terminal.type(shellLine("watch cam"));
  await shows(terminal, /min-max.*q quit/);
  await terminal.resize(40, 12);
  const cells = await cellsWhere(
    terminal,
    "a smaller picture",
    (cells) =>
      cells[1]?.filter(({ glyph }) => glyph === UPPER_HALF).length === 20,
  );
  assertEquals(cells[10]?.[19]?.glyph, UPPER_HALF);
  await terminal.resize(100, 46);
  await cellsWhere(
    terminal,
    "a larger picture",
    (cells) =>
      cells[44]?.[0]?.glyph !== UPPER_HALF &&
      cells[22]?.[43]?.glyph === UPPER_HALF,
  );
  await terminal.press("q");
  await left(terminal, 0);
});

testWhere("watch has 256 colours and none, by the terminal", tmux, async () => {
  using folder = new Folder();
  using stream = create(folder, "cam", { size: [SIDE, SIDE], type: "f32" });
  stream.write(ramp());
  const map = colorMap("viridis");
  {
    await using terminal = await openTerminal(folder, { COLORTERM: "" });
    await terminal.type(shellLine("watch cam"));
    await shows(terminal, /min-max/);
    const cells = await terminal.cells();
    assertEquals(dot(cells, 0, 0), `p${nearest256(map.colors[0] ?? 0)}`);
    assertEquals(dot(cells, 43, 43), `p${nearest256(map.colors[255] ?? 0)}`);
    await terminal.press("q");
    await left(terminal, 0);
  }
  {
    await using terminal = await openTerminal(folder, { NO_COLOR: "1" });
    await terminal.type(shellLine("watch cam"));
    const text = await shows(terminal, /min-max/);
    const ramps = text.split("\n").slice(1, 23);
    for (const row of ramps) {
      assertMatch(row, /^ {5}\.+:+-+=+\++\*+#+%+@+/);
    }
    const cells = await terminal.cells();
    assert(
      cells.flat().every(({ front, back }) => (front ?? back) === undefined),
    );
    await terminal.press("C-c");
    await left(terminal, INTERRUPTED);
  }
});

testWhere("watch gives the terminal back at SIGTERM", tmux, async () => {
  using folder = new Folder();
  create(folder, "cam", { size: [4, 4], type: "u8" }).close();
  await using terminal = await openTerminal(folder);
  await terminal.type(
    `sh -c 'echo $$ >pid; exec "${Deno.execPath()}" run -q -A "${CLI}" watch cam'; ` +
      'echo "[$?]"',
  );
  await shows(terminal, /min-max/);
  const child = parseInt(Deno.readTextFileSync(folder.file("pid")));
  Deno.kill(child, "SIGTERM");
  await left(terminal, 128 + 15);
});

Deno.test("The README's picture of watch is there, and small", () => {
  const readme = Deno.readTextFileSync(`${ROOT}README.md`);
  const path = /docs\/images\/watch\.svg/.exec(readme)?.[0];
  const picture = Deno.readTextFileSync(`${ROOT}${path}`);
  assertMatch(picture, /^<svg [^>]+>/);
  assertMatch(picture, />camsci</);
  assert(picture.length < 200_000);
});

Deno.test("watch without a terminal prints one line a second", async () => {
  using folder = new Folder();
  using stream = create(folder, "cam", { size: [4, 3], type: "u16" });
  stream.write(new Uint16Array(12).fill(7));
  const out = await done(["watch", "cam", "--count", "2"], { folder });
  const lines = out.trimEnd().split("\n");
  assertEquals(lines.length, 2);
  for (const one of lines) {
    assertMatch(
      one,
      /^cam {2}4x3 u16 {2}cnt0 1 {2}0\.00 Hz {2}jitter - {2}min 7 {2}max 7 {2}mean 7 {2}std 0$/,
    );
  }
});

Deno.test("watch --json tells rate, jitter and the cursor's pixel", async () => {
  using folder = new Folder();
  using stream = create(folder, "cam", { size: [4, 3], type: "f32" });
  await using running = new Running(
    ["watch", "cam", "--json", "--cursor", "1:2", "--roi", "1:1:3:2"],
    { folder },
  );
  const pixels = Float32Array.from({ length: 12 }, (_, i) => i);
  const found = await until(() => `a rate in ${running.out}`, () => {
    stream.write(pixels);
    return running.out.split("\n").slice(0, -1).map(json).find((one) =>
      one.rateHz > 1 && one.jitterMs !== null
    );
  });
  assertEquals(found.size, [4, 3]);
  assertEquals(found.roi, [1, 1, 3, 2]);
  assertEquals([found.min, found.max, found.mean], [5, 11, 8]);
  assertEquals(found.cursor, { x: 1, y: 2, value: "9", dark: null });
  assertEquals(found.state, "live");
  assert(found.jitterMs >= 0);
  assertEquals(await running.end("SIGINT"), INTERRUPTED);
});

Deno.test("watch without a terminal follows a re-created stream", async () => {
  using folder = new Folder();
  create(folder, "cam", { size: [4, 3], type: "u16" }).close();
  await using running = new Running(["watch", "cam", "--json"], { folder });
  const last = (): ReturnType<typeof json> =>
    json(running.out.trimEnd().split("\n").at(-1) || "{}");
  await until("a line", () => running.out.endsWith("\n"));
  Deno.removeSync(folder.stream("cam"));
  await until("the end", () => last().state === "gone");
  create(folder, "cam", { size: [7], type: "f64" }).close();
  await until("the new one", () => last().type === "f64");
  assertEquals(last().size, [7]);
});

Deno.test("watch waits where the file is cut short, and goes on", async () => {
  using folder = new Folder();
  create(folder, "cam", { size: [100, 100], type: "f32" }).close();
  await using running = new Running(["watch", "cam", "--json"], { folder });
  const last = (): ReturnType<typeof json> =>
    json(running.out.trimEnd().split("\n").at(-1) || "{}");
  await until("a line", () => running.out.endsWith("\n"));
  Deno.truncateSync(folder.stream("cam"), 0);
  await until("the trouble", () => /cut short/.test(last().reason));
  create(folder, "cam", {
    size: [5, 5],
    type: "i8",
    existing: "replace",
  }).close();
  await until("the new one", () => last().type === "i8");
  assertEquals(last().state, "live");
  assertEquals(await running.end("SIGTERM"), 128 + 15);
});

Deno.test("watch --once draws one picture", async () => {
  using folder = new Folder();
  using stream = create(folder, "cam", { size: [SIDE, SIDE], type: "f32" });
  stream.write(ramp());
  const out = await done(["watch", "cam", "--once"], { folder });
  const lines = out.split("\n");
  assertMatch(lines[0] ?? "", /cam.*44x44 f32.*cnt0 1/);
  assertMatch(lines[5] ?? "", /\.+:+-+=+\++\*+#+%+@+/);
  const colour = await done(
    ["watch", "cam", "--once", "--color", "true"],
    { folder, env: { NO_COLOR: "" } },
  );
  assert(colour.includes("\x1b[38;2;68;1;84"), "begins with viridis");
});

Deno.test("watch --once of a complex stream shows amplitudes", async () => {
  using folder = new Folder();
  using stream = create(folder, "field", { size: [2, 1], type: "c64" });
  stream.write(Float32Array.of(3, 4, 0, -1));
  const out = await done(["watch", "field", "--once", "--json"], { folder });
  const { min, max } = json(out);
  assertEquals([min, max], [1, 5]);
  const picture = await done(["watch", "field", "--once"], { folder });
  assertMatch(picture, /amplitude/);
});

Deno.test("watch shows the newest slice of a rolling cube", async () => {
  using folder = new Folder();
  using stream = create(folder, "roll", {
    size: [2, 2, 4],
    type: "u8",
    circular: true,
  });
  stream.write(new Uint8Array(4).fill(9), { slice: 2 });
  const newest = json(
    await done(["watch", "roll", "--once", "--json"], { folder }),
  );
  assertEquals([newest.slice, newest.max], [2, 9]);
  const first = json(
    await done(["watch", "roll", "--once", "--json", "--slice", "0"], {
      folder,
    }),
  );
  assertEquals([first.slice, first.max], [0, 0]);
});

Deno.test("watch --dark subtracts a stream, a FITS file and a .npy file", async () => {
  using folder = new Folder();
  using stream = create(folder, "cam", { size: [3, 2], type: "u16" });
  stream.write(Uint16Array.of(10, 11, 12, 13, 14, 15));
  const data = Uint16Array.of(10, 10, 10, 10, 10, 20);
  using dark = create(folder, "dark", { size: [3, 2], type: "u16" });
  dark.write(data);
  await writeFits(folder.file("dark.fits"), {
    type: "u16",
    size: [3, 2],
    data,
  });
  const header = npyHeader("u16", [3, 2]);
  const npy = new Uint8Array(header.length + data.byteLength);
  npy.set(header);
  npy.set(new Uint8Array(data.buffer), header.length);
  Deno.writeFileSync(folder.file("dark.npy"), npy);
  for (const name of ["dark", "dark.fits", "dark.npy"]) {
    const source = name === "dark" ? name : folder.file(name);
    const words = ["watch", "cam", "--once", "--json", "--cursor", "2:1"];
    const out = await done([...words, "--dark", source], { folder });
    const { min, max, cursor } = json(out);
    assertEquals([min, max], [-5, 4], name);
    assertEquals(cursor, { x: 2, y: 1, value: "15", dark: 20 });
  }
});

Deno.test("watch says in one line what cannot be", async () => {
  using folder = new Folder();
  create(folder, "cam", { size: [4, 3], type: "u16" }).close();
  create(folder, "other", { size: [3, 3], type: "u16" }).close();
  Deno.writeTextFileSync(folder.file("broken.fits"), "no FITS");
  const cases: [string[], number, RegExp][] = [
    [["nowhere"], 1, /no such stream|not found|nowhere/i],
    [["cam", "--dark", "other"], 1, /dark "other" is 3x3, .*"cam" is 4x3/],
    [["cam", "--dark", "missing"], 1, /Cannot use "missing" as a dark/],
    [["cam", "--dark", folder.file("broken.fits")], 1, /Cannot use/],
    [["cam", "--roi", "9:9:2:2"], 1, /outside of "cam", which is 4x3/],
    [["cam", "--slice", "3"], 1, /no slice 3/],
    [["cam", "--roi", "1:2:3"], 2, /--roi takes X:Y:W:H/],
    [["cam", "--range", "5:5"], 2, /--range takes MIN:MAX/],
    [["cam", "--range", "1:2", "--percentile", "9"], 2, /do not go together/],
    [["cam", "--map", "viridiss"], 2, /did you mean "viridis"/],
    [[], 2, /NAME is missing/],
  ];
  for (const [words, code, message] of cases) {
    const result = await shmim(["watch", ...words], { folder });
    assertEquals(result.code, code, words.join(" ") + result.err);
    assertMatch(result.err, message);
    assertEquals(result.err.trimEnd().split("\n").length, 1);
  }
});

Deno.test("watch leaves the stream's file untouched", async () => {
  using folder = new Folder();
  using stream = create(folder, "cam", { size: [4, 3], type: "u16" });
  stream.write(new Uint16Array(12));
  const before = Deno.readFileSync(folder.stream("cam"));
  Deno.chmodSync(folder.stream("cam"), 0o444);
  await done(["watch", "cam", "--count", "1"], { folder });
  assertEquals(Deno.readFileSync(folder.stream("cam")), before);
});

Deno.test("watch runs under its own permission set", async () => {
  const name = `shmim-test-watch-${Deno.pid}`;
  const path = `/tmp/${name}.im.shm`;
  Stream.create(path, { size: [4, 3], type: "u16" }).close();
  try {
    const result = await shmim(["watch", path, "--count", "1"], {
      flags: ["--config", `${ROOT}deno.json`, "-P=watch"],
      env: { COLORTERM: "truecolor" },
    });
    assertEquals(result.code, 0, result.err);
    assertMatch(result.out, /4x3 u16/);
  } finally {
    Deno.removeSync(path);
  }
});
