/**
 * Pictures of the real program for the documentation: runs it in tmux and
 * writes what the terminal shows as SVG.
 * @module
 */

import { fromFileUrl } from "@std/path";
import { Stream } from "../src/stream/stream.ts";
import { type Cell, Terminal } from "../tests/_support/terminal.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const COLUMNS = 92;
const ROWS = 31;
const PATIENCE_MS = 30_000;

const WIDE = 8;
const HIGH = 16;
const MARGIN = 12;
const FRONT = "#d8dce4";
const BACK = "#14161b";

function hex(color: number | string | undefined, other: string): string {
  if (color === undefined) return other;
  if (typeof color === "number") {
    return `#${color.toString(16).padStart(6, "0")}`;
  }
  throw new Error(`Only 24-bit colours are drawn, not ${color}`);
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
export function toSvg(screen: readonly (readonly Cell[])[]): string {
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
  const width = COLUMNS * WIDE + 2 * MARGIN;
  const height = ROWS * HIGH + 2 * MARGIN;
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

if (import.meta.main) {
  const dir = await Deno.makeTempDir({ prefix: "shmim-picture-" });
  try {
    const svg = await takePicture(dir);
    await Deno.mkdir(`${ROOT}docs/images`, { recursive: true });
    await Deno.writeTextFile(`${ROOT}docs/images/watch.svg`, svg);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
