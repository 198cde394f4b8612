/**
 * Pictures of the real program for the documentation: runs it in tmux and
 * writes what the terminal shows as SVG.
 * @module
 */

import { fromFileUrl } from "../std/path/from_file_url.ts";
import { ChannelFiles } from "../src/channels/state.ts";
import { Stream } from "../src/stream/stream.ts";
import type { DataType } from "../src/stream/types.ts";
import { type Cell, Terminal } from "../tests/_support/terminal.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const COLUMNS = 92;
const ROWS = 31;
const PATIENCE_MS = 120_000;

const WIDE = 8;
const HIGH = 16;
const MARGIN = 12;
const FRONT = "#d8dce4";
const BACK = "#14161b";

/** The first colours of the palette, as they look well on BACK. */
const PALETTE: Readonly<Record<string, string>> = {
  p1: "#e06c75",
  p2: "#98c379",
  p3: "#e5c07b",
  p4: "#61afef",
  p5: "#c678dd",
  p6: "#56b6c2",
  p8: "#7f848e",
  p9: "#e06c75",
  p10: "#98c379",
  p11: "#e5c07b",
  p12: "#61afef",
  p13: "#c678dd",
  p14: "#56b6c2",
};

function hex(color: number | string | undefined, other: string): string {
  if (color === undefined) return other;
  const named = typeof color === "string" ? PALETTE[color] : undefined;
  if (named !== undefined) return named;
  const of256 = typeof color === "string" ? Number(color.slice(1)) : NaN;
  if (of256 >= 232) {
    const grey = (8 + 10 * (of256 - 232)).toString(16).padStart(2, "0");
    return `#${grey.repeat(3)}`;
  }
  if (typeof color === "number") {
    return `#${color.toString(16).padStart(6, "0")}`;
  }
  throw new Error(`This colour is not drawn: ${color}`);
}

/** The part of a cell that a block character fills: top and height, 0 to 1. */
function block(glyph: string): readonly [number, number] | undefined {
  const point = glyph.codePointAt(0) ?? 0;
  if (point === 0x2580) return [0, 0.5];
  if (point < 0x2581 || point > 0x2588) return undefined;
  const height = (point - 0x2580) / 8;
  return [1 - height, height];
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** A screen as SVG. */
export function toSvg(
  screen: readonly (readonly Cell[])[],
  columns: number = COLUMNS,
  rows: number = ROWS,
): string {
  const paths = new Map<string, string>();
  const texts: string[] = [];
  const fill = (color: string, x: number, y: number, h: number): void => {
    const path = paths.get(color) ?? "";
    const start = `M${x} ${y}h`;
    // The path's last rectangle grows where this one continues it.
    const last = /M(\S+) (\S+)h(\S+)v(\S+)h-\S+z$/.exec(path);
    if (
      last !== null && Number(last[1]) + Number(last[3]) === x &&
      Number(last[2]) === y && Number(last[4]) === h
    ) {
      const width = Number(last[3]) + WIDE;
      paths.set(
        color,
        path.slice(0, last.index) +
          `M${last[1]} ${y}h${width}v${h}h-${width}z`,
      );
      return;
    }
    paths.set(color, `${path}${start}${WIDE}v${h}h-${WIDE}z`);
  };
  screen.forEach((cells, row) => {
    const y = MARGIN + row * HIGH;
    let run = "";
    let begin = 0;
    let look = "";
    const end = (): void => {
      if (run.trim() !== "") {
        const width = [...run].length * WIDE;
        texts.push(
          `<text x="${MARGIN + begin * WIDE}" y="${y + 12}" ` +
            `textLength="${width}"${look}>${escape(run)}</text>`,
        );
      }
      run = "";
    };
    cells.forEach((cell, column) => {
      const x = MARGIN + column * WIDE;
      const front = hex(cell.front, FRONT);
      const back = hex(cell.back, BACK);
      if (cell.reverse) fill(FRONT, x, y, HIGH);
      else if (cell.back !== undefined) fill(back, x, y, HIGH);
      const filled = block(cell.glyph);
      if (filled !== undefined) {
        fill(front, x, y + filled[0] * HIGH, filled[1] * HIGH);
      }
      const style = (cell.bold ? ' font-weight="bold"' : "") +
        (cell.dim ? ' fill-opacity="0.6"' : "") +
        (cell.reverse ? ` fill="${BACK}"` : "");
      if (style !== look || filled !== undefined) {
        end();
        look = style;
      }
      if (filled !== undefined) return;
      if (run === "") begin = column;
      run += cell.glyph;
    });
    end();
  });
  const width = columns * WIDE + 2 * MARGIN;
  const height = rows * HIGH + 2 * MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" ` +
    `height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="${width}" height="${height}" rx="8" fill="${BACK}"/>`,
    `<g shape-rendering="crispEdges">`,
    ...[...paths].map(([color, path]) => `<path fill="${color}" d="${path}"/>`),
    "</g>",
    `<g fill="${FRONT}" font-family="DejaVu Sans Mono, Menlo, Consolas, ` +
    `monospace" font-size="13" xml:space="preserve">`,
    ...texts,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** A repeatable series of numbers, 0 to 1. */
function* random(): Generator<number, never, void> {
  for (let state = 1;;) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0;
    yield (state >>> 0) / 2 ** 32;
  }
}

/** A star behind a telescope of seven round mirrors, nearly corrected. */
function star(pixels: number, seed: Generator<number, never, void>): number[] {
  const mirrors = [
    [0, 0],
    ...Array.from({ length: 6 }, (_, k) => {
      const angle = k * Math.PI / 3;
      return [Math.sin(angle), Math.cos(angle)];
    }),
  ];
  const points: [number, number, number][] = [];
  for (const [cx = 0, cy = 0] of mirrors) {
    const piston = (seed.next().value - 0.5) * 0.9;
    for (let x = -0.45; x <= 0.46; x += 0.1) {
      for (let y = -0.45; y <= 0.46; y += 0.1) {
        const r = Math.hypot(x, y);
        if (r > 0.47 || (cx === 0 && cy === 0 && r < 0.14)) continue;
        const phase = piston + (seed.next().value - 0.5) * 0.8;
        points.push([cx + x, cy + y, phase]);
      }
    }
  }
  return Array.from({ length: pixels * pixels }, (_, i) => {
    const u = (i % pixels - pixels / 2) * 0.21;
    const v = (Math.floor(i / pixels) - pixels / 2) * 0.21;
    let re = 0;
    let im = 0;
    for (const [x, y, phase] of points) {
      const angle = u * x + v * y + phase;
      re += Math.cos(angle);
      im += Math.sin(angle);
    }
    const photons = 16_000 * (re * re + im * im) / points.length ** 2;
    const noise = Math.sqrt(photons + 9) * (seed.next().value * 2 - 1);
    return Math.max(0, Math.round(100 + photons + noise));
  });
}

async function takePicture(dir: string): Promise<string> {
  const pixels = 116;
  using stream = Stream.create("camsci", {
    dir,
    size: [pixels, pixels],
    type: "u16",
  });
  const seed = random();
  const frames = [0, 1, 2, 3].map(() => Uint16Array.from(star(pixels, seed)));
  let frame = 0;
  const timer = setInterval(() => {
    const next = frames[frame++ % frames.length];
    if (next !== undefined) stream.write(next);
  }, 4);
  try {
    await using terminal = await Terminal.open({
      columns: COLUMNS,
      rows: ROWS,
      cwd: ROOT,
      env: {
        MILK_SHM_DIR: dir,
        COLORTERM: "truecolor",
        TERM: "xterm-256color",
      },
    });
    await terminal.type(
      `'${Deno.execPath()}' run -q -A cli.ts watch camsci --map inferno ` +
        "--log --cursor 58:58",
    );
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      const text = await terminal.text();
      if (/\d Hz/.test(text) && /jitter \d/.test(text)) break;
      if (performance.now() > end) throw new Error(`No picture:\n${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const screen = await terminal.cells();
    await terminal.press("q");
    return toSvg(screen);
  } finally {
    clearInterval(timer);
  }
}

/** Streams of the table's picture: name, size, type, milliseconds. */
const BENCH: readonly (readonly [string, string, DataType, number])[] = [
  ["camwfs", "120x120", "u16", 2],
  ["camwfs_dark", "120x120", "f32", 0],
  ["camsci", "512x512", "u16", 50],
  ["aol0_modevalWFS", "2400", "f32", 2],
  ["dm00disp", "34x34", "f32", 2],
  ["dm01disp", "50x50", "f32", 2],
  ["dm01disp00", "50x50", "f32", 0],
  ["dm01disp03", "50x50", "f32", 2],
  ["dm02disp", "11x11", "f32", 100],
  ["telemetry", "64", "f64", 1000],
];
const TOP_COLUMNS = 130;
const TOP_ROWS = 15;

/** Two bridges of this host: channel, part, address, frames that were lost. */
const BRIDGES = [
  ["dm00disp", "transmit", "icc:8802", 0],
  ["dm01disp03", "receive", "rtc:8815", 3],
] as const;

/** Reports as those bridges would write them. */
function writeReports(dir: string): void {
  const now = Date.now();
  for (const [channel, part, address, skipped] of BRIDGES) {
    new ChannelFiles(dir, channel).write({
      channel,
      part,
      address,
      path: `${dir}/${channel}.im.shm`,
      pid: Deno.pid,
      started: now,
      updated: now,
      condition: "up",
      since: now,
      reason: "",
      rates: [],
      stats: { frames: 90_000, skipped, torn: 0 },
    });
  }
}

async function takeTopPicture(dir: string): Promise<string> {
  const timers: ReturnType<typeof setInterval>[] = [];
  using stack = new DisposableStack();
  for (const [name, size, type, everyMs] of BENCH) {
    const stream = stack.use(Stream.create(name, {
      dir,
      size: size.split("x").map(Number),
      type,
    }));
    stream.poke();
    if (everyMs > 0) timers.push(setInterval(() => stream.poke(), everyMs));
  }
  for (const [channel] of BRIDGES) {
    const lock = await new ChannelFiles(dir, channel).claim();
    if (lock !== undefined) stack.use(lock);
  }
  timers.push(setInterval(() => writeReports(dir), 1000));
  writeReports(dir);
  const env = {
    MILK_SHM_DIR: dir,
    SHMIM_STATE_DIR: dir,
    COLORTERM: "truecolor",
    TERM: "xterm-256color",
  };
  const shmim = `'${Deno.execPath()}' run -q -A cli.ts`;
  try {
    await using reader = await Terminal.open({
      columns: COLUMNS,
      rows: ROWS,
      cwd: ROOT,
      env,
    });
    await reader.type(`${shmim} read camwfs --wait semaphore --count 1000000`);
    await using terminal = await Terminal.open({
      columns: TOP_COLUMNS,
      rows: TOP_ROWS,
      cwd: ROOT,
      env,
    });
    await terminal.type(`${shmim} top --sort rate`);
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      const text = await terminal.text();
      const timed = [...text.matchAll(/ \d+\.\d{3} /g)].length;
      if (timed >= 7) break;
      if (performance.now() > end) throw new Error(`No picture:\n${text}`);
    }
    const screen = await terminal.cells();
    await terminal.press("q");
    await reader.press("C-c");
    return toSvg(screen, TOP_COLUMNS, TOP_ROWS);
  } finally {
    timers.forEach((timer) => clearInterval(timer));
  }
}

const DEMO_COLUMNS = 80;
const DEMO_ROWS = 48;

/** The demo, as the README has it typed, after its end. */
async function takeDemoPicture(dir: string): Promise<string> {
  await using terminal = await Terminal.open({
    columns: DEMO_COLUMNS,
    rows: DEMO_ROWS,
    cwd: ROOT,
    env: {
      MILK_SHM_DIR: dir,
      COLORTERM: "truecolor",
      TERM: "xterm-256color",
    },
  });
  await terminal.type(`npx --yes deno@${Deno.version.deno} task demo`);
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const text = await terminal.text();
    if (/arrived as it was sent/.test(text)) break;
    if (performance.now() > end) throw new Error(`No picture:\n${text}`);
  }
  const cells = await terminal.cells();
  while (cells.at(-1)?.every(({ glyph }) => glyph === " ")) cells.pop();
  if (cells.at(-1)?.map(({ glyph }) => glyph).join("").trim() === "$") {
    cells.pop(); // the prompt has come back
  }
  return toSvg(cells, DEMO_COLUMNS, cells.length);
}

/** Takes a picture in a stream folder of its own. */
async function save(
  name: string,
  take: (dir: string) => Promise<string>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "shmim-picture-" });
  try {
    const svg = await take(dir);
    await Deno.mkdir(`${ROOT}docs/images`, { recursive: true });
    await Deno.writeTextFile(`${ROOT}docs/images/${name}.svg`, svg);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

if (import.meta.main) {
  await save("demo", takeDemoPicture);
  await save("watch", takePicture);
  await save("top", takeTopPicture);
}
