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
const TARGET =
  new URL("../../native/build/bench/fits_load", import.meta.url).pathname;

/** Compiles the C side; a text says why it cannot be. */
function compileTheirs(): string | undefined {
  try {
    compile([
      "-std=c11",
      "-O2",
      "-g",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-o",
      TARGET,
      `${SOURCES}fits_load.c`,
      `${SOURCES}isio.c`,
      "-lcfitsio",
      "-lpthread",
    ]);
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

function ours(args: string[]): Promise<Report> {
  const script = new URL("./side_fits.ts", import.meta.url).pathname;
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

function load(type: DataType, size: number[], bytes: number): Figure {
  const name = `load FITS ${size.join("x")} ${type}`;
  return {
    name,
    async measure(bench: Bench): Promise<Row[]> {
      const missing = compileTheirs();
      if (missing !== undefined) {
        return [{
          figure: `${name}: skipped, ${missing}`,
          unit: "µs",
          ours: NaN,
        }];
      }
      const file = `${bench.dir}/load.fits`;
      const data = noise(bytes);
      await writeFits(file, { type, size, data });
      const path = `${bench.dir}/fits.im.shm`;
      Stream.create(path, { size, type, existing: "replace" }).close();
      const args = [path, file, bench.quick ? "20" : "60"];
      const all: Run[] = [];
      for (let i = 0; i < bench.runs; i++) {
        bench.progress(`${name}: run ${i + 1} of ${bench.runs}`);
        const theirs = await run(TARGET, args);
        requirePixels(path, data, "the C program");
        all.push({ theirs, ours: await ours(args) });
        requirePixels(path, data, "shmim");
      }
      return [compare(all, {
        figure: name,
        unit: "µs",
        value: (report) => report.p50,
        target: { atMost: 1 },
        withP99: true,
      })];
    },
  };
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
];
