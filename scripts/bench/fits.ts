/**
 * What one load of a FITS file costs, against a C program on CFITSIO.
 * @module
 */

import { writeFits } from "../../src/fits/mod.ts";
import type { DataType } from "../../src/stream/types.ts";
import { Stream } from "../../src/stream/stream.ts";
import { compile } from "../build.ts";
import {
  type Bench,
  compare,
  type Figure,
  type Row,
  type Run,
} from "./figure.ts";
import type { Report } from "./programs.ts";

const SOURCES = new URL("../../native/bench/", import.meta.url).pathname;
const TARGETS = new URL("../../native/build/bench/", import.meta.url).pathname;
const TARGET = `${TARGETS}fits_load`;
const SAVE = `${TARGETS}fits_save`;

/** Compiles the C side; a text says why it cannot be. */
function compileTheirs(): string | undefined {
  try {
    for (const program of ["fits_load", "fits_save"]) {
      compile([
        "-std=c11",
        "-O2",
        "-g",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        TARGETS + program,
        `${SOURCES}${program}.c`,
        `${SOURCES}isio.c`,
        "-lcfitsio",
        "-lpthread",
      ]);
    }
    return undefined;
  } catch (error) {
    const text = (error as Error).message;
    if (!/fitsio|headers are missing/.test(text)) throw error;
    return "CFITSIO is missing (Debian: apt-get install libcfitsio-dev)";
  }
}

async function run(command: string, args: string[]): Promise<Report> {
  const { success, stdout } = await new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`"${command}" failed`);
  return JSON.parse(new TextDecoder().decode(stdout)) as Report;
}

function ours(args: string[], side = "side_fits"): Promise<Report> {
  const script = new URL(`./${side}.ts`, import.meta.url).pathname;
  return run(Deno.execPath(), ["run", "-q", "-A", script, ...args]);
}

/** Pixels that are no numbers of one kind only, the same each time. */
function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(bytes / 4);
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    words[i] = state & 0x3fff3fff; // no NaN among them
  }
  return new Uint8Array(words.buffer);
}

/** One run of either side. */
interface Sides {
  theirs(): Promise<Report>;
  ours(): Promise<Report>;
}

/**
 * A figure of both sides, run by run in turn.
 *
 * @param name What is measured.
 * @param atMost The target, where there is one.
 * @param prepare Makes the files and streams, once.
 */
function inTurn(
  name: string,
  atMost: number | undefined,
  prepare: (bench: Bench) => Promise<Sides> | Sides,
): Figure {
  return {
    name: `FITS: ${name}`,
    async measure(bench: Bench): Promise<Row[]> {
      const missing = compileTheirs();
      if (missing !== undefined) {
        return [{
          figure: `${name}: skipped, ${missing}`,
          unit: "µs",
          ours: NaN,
        }];
      }
      const sides = await prepare(bench);
      const all: Run[] = [];
      for (let i = 0; i < bench.runs; i++) {
        bench.progress(`${name}: run ${i + 1} of ${bench.runs}`);
        const theirs = await sides.theirs();
        all.push({ theirs, ours: await sides.ours() });
      }
      return [compare(all, {
        figure: name,
        unit: "µs",
        value: (report) => report.p50,
        ...atMost === undefined ? {} : { target: { atMost } },
        withP99: true,
      })];
    },
  };
}

/** Both sides fill a stream from a file, and must be right. */
function loading(args: string[], path: string, data: Uint8Array): Sides {
  const right = async (who: string, run: Promise<Report>): Promise<Report> => {
    const report = await run;
    requirePixels(path, data, who);
    return report;
  };
  return {
    theirs: () => right("the C program", run(TARGET, args)),
    ours: () => right("shmim", ours(args)),
  };
}

function load(type: DataType, size: number[], bytes: number): Figure {
  const name = `load FITS ${size.join("x")} ${type}`;
  return inTurn(name, 1, async (bench) => {
    const file = `${bench.dir}/load.fits`;
    const data = noise(bytes);
    await writeFits(file, { type, size, data });
    const path = `${bench.dir}/fits.im.shm`;
    Stream.create(path, { size, type, existing: "replace" }).close();
    return loading([path, file, bench.quick ? "20" : "60"], path, data);
  });
}

/** A camera's frame: a level of 1000 and noise around it, always the same. */
function sky(type: "i16" | "f32", pixels: number): Uint8Array<ArrayBuffer> {
  const out = type === "i16"
    ? new Int16Array(pixels)
    : new Float32Array(pixels);
  let state = 1;
  for (let i = 0; i < pixels; i++) {
    let sum = 0;
    for (let k = 0; k < 4; k++) {
      state = Math.imul(state, 1664525) + 1013904223 | 0;
      sum += (state >>> 8) / 2 ** 24;
    }
    out[i] = 1000 + (sum - 2) * 52; // sigma 30
  }
  return new Uint8Array(out.buffer);
}

const PIXELS = 2048 * 2048;
const SIDE = [2048, 2048];

/** A stream with such a frame in it, for either side to fill or to save. */
function skyStream(
  bench: Bench,
  type: "i16" | "f32",
): { path: string; data: Uint8Array<ArrayBuffer> } {
  const path = `${bench.dir}/sky.im.shm`;
  const data = sky(type, PIXELS);
  using stream = Stream.create(path, {
    size: SIDE,
    type,
    existing: "replace",
  });
  stream.write(data);
  return { path, data };
}

type Codec = "rice" | "gzip2";

function tiled(verb: string, codec: Codec, type: string): string {
  const standard = codec === "rice" ? "RICE_1" : "GZIP_2";
  return `${verb} ${standard} ${SIDE.join("x")} ${type}`;
}

/** Tiles by CFITSIO, one for each row, into a stream. */
function loadTiles(type: "i16" | "f32", codec: Codec, atMost: number): Figure {
  return inTurn(tiled("load", codec, type), atMost, async (bench) => {
    const { path, data } = skyStream(bench, type);
    const file = `${bench.dir}/tiles.fits.fz`;
    await run(SAVE, [path, file, "1", codec]);
    return loading([path, file, bench.quick ? "5" : "20"], path, data);
  });
}

/** A stream's pixels into a compressed file. */
function saveTiles(codec: Codec, atMost?: number): Figure {
  return inTurn(tiled("save", codec, "i16"), atMost, (bench) => {
    const { path, data } = skyStream(bench, "i16");
    const file = `${bench.dir}/saved.fits.fz`;
    const args = [path, file, bench.quick ? "3" : "10", codec];
    return {
      theirs: () => run(SAVE, args),
      async ours(): Promise<Report> {
        const report = await ours(args, "side_fits_save");
        // CFITSIO reads what we wrote.
        await run(TARGET, [path, file, "1"]);
        requirePixels(path, data, "shmim");
        return report;
      },
    };
  });
}

/** Who is fast must be right, too. */
function requirePixels(path: string, data: Uint8Array, who: string): void {
  using stream = Stream.open(path, { writable: false });
  const { bytes } = stream.read();
  const same = bytes.every((byte, i) => byte === data[i]);
  if (!same) throw new Error(`${who} loaded other pixels`);
}

/** The figures of FITS files. */
export const FITS: readonly Figure[] = [
  load("f32", [2048, 2048], 2048 * 2048 * 4),
  load("i16", [512, 512, 64], 512 * 512 * 64 * 2),
  loadTiles("i16", "rice", 1.2),
  loadTiles("f32", "gzip2", 1.1),
  saveTiles("rice", 1.2),
  saveTiles("gzip2"),
];
