/**
 * The bridge under load: a source that never pauses, and sixteen streams
 * between the same two processes.
 * @module
 */

import {
  type Bench,
  compare,
  type Figure,
  type Row,
  type Run,
} from "./figure.ts";
import { type Report, Talker } from "./programs.ts";
import { Stream } from "../../src/stream/stream.ts";
import { percentiles } from "./statistics.ts";
import { makeStream, SIZES } from "./streams.ts";

/** What side_free.ts says of one side. */
interface Free {
  readonly written: number;
  readonly arrived: number;
  readonly mixed: number;
}

function report(arrived: number): Report {
  return { ...percentiles([]), elapsed: 1e9 / arrived };
}

const RING = 4;

/** Frames of a source that its transmitter neither sent nor counted. */
async function miscount(transmitter: Talker, source: string): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 300));
  await transmitter.say("counters");
  const { frames, skipped } = await transmitter.json<
    { frames: number; skipped: number }
  >();
  using stream = Stream.open(source);
  return Math.abs(Number(stream.cnt0) - frames - skipped);
}

const free: Figure = {
  name: "bridge 1 MB free-running CBsize 4",
  async measure(bench: Bench): Promise<Row[]> {
    const { size } = SIZES["1 MB"];
    const all: Run[] = [];
    let mixed = { ours: 0, theirs: 0 };
    let miscounted = 0;
    for (let i = 0; i < bench.runs; i++) {
      bench.progress(`${this.name}: run ${i + 1} of ${bench.runs}`);
      const make = (name: string, ring: number): string =>
        makeStream(bench.dir, name, size, ring);
      const paths = {
        ours: [make("ours_source", RING), make("ours_out", 0)] as const,
        theirs: [make("theirs_source", RING), make("theirs_out", 0)] as const,
      };
      await using receiver = Talker.deno(
        "side_receive.ts",
        bench.dir,
        "ours_out",
        "any",
      );
      await using transmitter = Talker.deno(
        "side_transmit.ts",
        paths.ours[0],
        await receiver.line(),
        "any",
      );
      await transmitter.line();
      await using cReceiver = Talker.c("pair_receive", paths.theirs[1]);
      await using cTransmitter = Talker.c(
        "pair_transmit",
        paths.theirs[0],
        await cReceiver.line(),
      );
      await cTransmitter.line();
      await using writer = Talker.deno(
        "side_free.ts",
        bench.quick ? 0.3 : 1,
        2,
        ...(i % 2 === 0
          ? [...paths.theirs, ...paths.ours]
          : [...paths.ours, ...paths.theirs]),
      );
      const sides = [await writer.json<Free>(), await writer.json<Free>()];
      if (i % 2 === 1) sides.reverse();
      const [theirs, ours] = sides as [Free, Free];
      mixed = {
        ours: mixed.ours + ours.mixed,
        theirs: mixed.theirs + theirs.mixed,
      };
      miscounted += await miscount(transmitter, paths.ours[0]);
      all.push({ ours: report(ours.arrived), theirs: report(theirs.arrived) });
    }
    return [
      compare(all, {
        figure: `${this.name}, frames/s`,
        unit: "Hz",
        value: ({ elapsed }) => 1e9 / (elapsed ?? NaN),
        target: { atLeast: 1 },
      }),
      {
        figure: `${this.name}, mixed frames seen`,
        unit: "",
        ours: mixed.ours,
        theirs: mixed.theirs,
        target: "0",
        met: mixed.ours === 0,
      },
      {
        figure: `${this.name}, frames neither sent nor counted as lost`,
        unit: "",
        ours: miscounted,
        target: "0",
        met: miscounted === 0,
      },
    ];
  },
};

const STREAMS = 16;

/** A transmitter that comes late finds missed frames in so many slots. */
const KEPT = 64;

/**
 * Sixteen streams beside one. Our own wire with policy `every` sends what was
 * missed out of the source's circular buffer; milk's has the newest frame only,
 * so a pump that comes more than 1 ms late has lost one, and counts it.
 */
function many(wire: "shmim" | "milk"): Figure {
  const all = wire === "shmim";
  return {
    name: `bridge 16 streams of 10 kB at 1 kHz, ${all ? "own" : "milk's"} wire`,
    async measure(bench: Bench): Promise<Row[]> {
      const { size } = SIZES["10 kB"];
      const folders = ["from", "to"].map((name) =>
        `${bench.dir}/${wire}-${name}`
      );
      for (const folder of folders) Deno.mkdirSync(folder, { recursive: true });
      const pairs = Array.from(
        { length: STREAMS },
        (_, index) =>
          folders.map((folder, i) =>
            makeStream(folder, `m${index}`, size, all && i === 0 ? KEPT : 0)
          ),
      );
      const frames = bench.quick ? 300 : 2000;
      const runs: Run[] = [];
      await using receiver = Talker.deno(
        "side_receive.ts",
        folders[1] ?? "",
        "",
        "any",
      );
      await using transmitter = Talker.deno(
        "side_transmit.ts",
        pairs.map(([from]) => from).join(","),
        await receiver.line(),
        "any",
        wire,
        all ? "every" : "latest",
      );
      for (let i = 0; i < STREAMS; i++) await transmitter.line();
      await new Promise((resolve) => setTimeout(resolve, 1200));
      const drive = async (count: number): Promise<Report> => {
        const paths = pairs.slice(0, count).flat();
        await using driver = Talker.c("many", 1000, frames, ...paths);
        return await driver.json<Report>();
      };
      for (let i = 0; i < bench.runs; i++) {
        bench.progress(`${this.name}: run ${i + 1} of ${bench.runs}`);
        const theirs = await drive(1);
        runs.push({ theirs, ours: await drive(STREAMS) });
      }
      const lost = runs.reduce((sum, run) => sum + (run.ours.lost ?? NaN), 0);
      return [
        compare(runs, {
          figure: `${this.name}, p50 beside one stream's`,
          unit: "µs",
          value: (report) => report.p50,
          target: { atMost: 1.5 },
          withP99: true,
        }),
        {
          figure: `${this.name}, frames lost of ${
            STREAMS * frames * bench.runs
          }`,
          unit: "",
          ours: lost,
          ...all ? { target: "0", met: lost === 0 } : {},
        },
      ];
    },
  };
}

/** The bridge's figures under load. */
export const LOAD: readonly Figure[] = [free, many("shmim"), many("milk")];
