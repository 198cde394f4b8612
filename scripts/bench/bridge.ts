/**
 * The bridge on loopback: latency at a fixed rate, throughput and CPU time
 * in a closed loop, and memory over a million frames.
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
import { type FrameSize, makeStream, SIZES } from "./streams.ts";

/** One transmitter and one receiver at work. */
interface Pair extends AsyncDisposable {
  readonly source: string;
  readonly destination: string;
  readonly transmitter: Talker;
  readonly receiver: Talker;
}

/**
 * The core of each end, the same for both pairs. Left to the scheduler, each
 * process stays where it happens to wake first, and that decides more than
 * what is measured.
 */
const CORES = { transmitter: 1, receiver: 0 } as const;

/** Who carries the frames: the C programs, or our pumps in one of three ways. */
type Kind = "c" | "milk" | "staged" | "direct";

async function start(
  bench: Bench,
  kind: Kind,
  size: readonly number[],
): Promise<Pair> {
  const { dir } = bench;
  const side = kind;
  const ours = kind !== "c";
  const wire = kind === "staged" || kind === "direct" ? ["shmim"] : [];
  const direct = kind === "direct" ? ["direct"] : [];
  const source = makeStream(dir, `${side}_source`, size);
  const destination = makeStream(dir, `${side}_destination`, size);
  await using stack = new AsyncDisposableStack();
  const receiver = stack.use(
    ours
      ? Talker.deno(
        "side_receive.ts",
        dir,
        `${side}_destination`,
        CORES.receiver,
        ...direct,
      )
      : Talker.pinned(CORES.receiver, "pair_receive", destination),
  );
  const port = await receiver.line();
  const transmitter = stack.use(
    ours
      ? Talker.deno(
        "side_transmit.ts",
        source,
        port,
        CORES.transmitter,
        ...wire,
      )
      : Talker.pinned(CORES.transmitter, "pair_transmit", source, port),
  );
  await transmitter.line();
  const owned = stack.move();
  return {
    source,
    destination,
    transmitter,
    receiver,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function sideOf(pair: Pair): string[] {
  const { source, destination, transmitter, receiver } = pair;
  return [source, destination, `${transmitter.pid},${receiver.pid}`];
}

/** How frames are written. */
interface Drive {
  readonly mode: "paced" | "closed";
  readonly hz: number;
  readonly frames: number;
  readonly skip: number;
  readonly blocks: number;
}

/** What is compared. */
interface Kinds {
  readonly ours: Kind;
  readonly theirs: Kind;
}

/** One run: both pairs up, blocks of frames through one and the other. */
async function run(
  bench: Bench,
  size: readonly number[],
  drive: Drive,
  swap: boolean,
  kinds: Kinds,
): Promise<Run> {
  await using ours = await start(bench, kinds.ours, size);
  await using theirs = await start(bench, kinds.theirs, size);
  // The first frame is sent once more after a second.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  const sides = [sideOf(theirs), sideOf(ours)];
  if (swap) sides.reverse();
  await using driver = Talker.c(
    "drive",
    drive.mode,
    drive.hz,
    drive.frames,
    drive.skip,
    drive.blocks,
    ...sides.flat(),
  );
  const first = await driver.json<Report>();
  const second = await driver.json<Report>();
  return swap
    ? { ours: first, theirs: second }
    : { ours: second, theirs: first };
}

async function runs(
  bench: Bench,
  what: string,
  size: readonly number[],
  drive: Drive,
  kinds: Kinds = { ours: "milk", theirs: "c" },
): Promise<Run[]> {
  const all: Run[] = [];
  for (let i = 0; i < bench.runs; i++) {
    bench.progress(`${what}: run ${i + 1} of ${bench.runs}`);
    all.push(await run(bench, size, drive, i % 2 === 1, kinds));
  }
  return all;
}

function latency({ label, size }: FrameSize): Figure {
  const name = `bridge ${label} at 500 Hz`;
  return {
    name,
    async measure(bench: Bench): Promise<Row[]> {
      const all = await runs(bench, name, size, {
        mode: "paced",
        hz: 500,
        frames: 60,
        skip: 10,
        blocks: bench.quick ? 6 : 30,
      });
      return [
        compare(all, {
          figure: `${name}, p50`,
          unit: "µs",
          value: (report) => report.p50,
          target: { atMost: 1.05 },
          withP99: true,
        }),
        compare(all, {
          figure: `${name}, CPU time per frame`,
          unit: "µs",
          value: (report) => report.cpu ?? NaN,
          target: { atMost: 1.1 },
        }),
      ];
    },
  };
}

function throughput({ label, size }: FrameSize, frames: number): Figure {
  const name = `bridge ${label} closed loop`;
  return {
    name,
    async measure(bench: Bench): Promise<Row[]> {
      const all = await runs(bench, name, size, {
        mode: "closed",
        hz: 1000,
        frames: bench.quick ? Math.ceil(frames / 10) : frames,
        skip: 0,
        blocks: 4,
      });
      return [
        compare(all, {
          figure: `${name}, frames/s`,
          unit: "Hz",
          value: (report) => 1e9 / (report.elapsed ?? NaN),
          target: { atLeast: 1 },
        }),
        compare(all, {
          figure: `${name}, CPU time per frame`,
          unit: "µs",
          value: (report) => report.cpu ?? NaN,
        }),
      ];
    },
  };
}

/** Our own wire beside milk's, both by our pumps. */
function ownWire(
  { label, size }: FrameSize,
  ours: "staged" | "direct",
  drive: Drive,
  atMost: number,
): Figure {
  const way = drive.mode === "closed" ? "one at a time" : `at ${drive.hz} Hz`;
  const name = `own wire ${label} ${way}, ${ours}, beside milk's`;
  return {
    name,
    async measure(bench: Bench): Promise<Row[]> {
      const all = await runs(bench, name, size, drive, {
        ours,
        theirs: "milk",
      });
      return [
        compare(all, {
          figure: `${name}, p50`,
          unit: "µs",
          value: (report) => report.p50,
          target: { atMost },
          withP99: true,
        }),
        compare(all, {
          figure: `${name}, CPU time per frame`,
          unit: "µs",
          value: (report) => report.cpu ?? NaN,
        }),
      ];
    },
  };
}

const PACED: Drive = {
  mode: "paced",
  hz: 500,
  frames: 60,
  skip: 10,
  blocks: 20,
};
const ONE_AT_A_TIME: Drive = {
  mode: "closed",
  hz: 1000,
  frames: 10,
  skip: 2,
  blocks: 4,
};

const MIB = 2 ** 20;
const MILLION = 1_000_000;

async function memoryOf(process: Talker): Promise<number> {
  await process.say("memory");
  return Number(await process.line());
}

async function closedLoop(pair: Pair, frames: number): Promise<void> {
  await using driver = Talker.c(
    "drive",
    "closed",
    1000,
    frames,
    0,
    1,
    ...sideOf(pair),
  );
  await driver.line();
}

const memory: Figure = {
  name: "bridge memory over a million frames",
  async measure(bench: Bench): Promise<Row[]> {
    const frames = bench.quick ? MILLION / 20 : MILLION;
    await using pair = await start(bench, "milk", [16, 16]);
    bench.progress(`${this.name}: warm-up`);
    await closedLoop(pair, frames / 10);
    const ends = [pair.transmitter, pair.receiver];
    const before = await Promise.all(ends.map(memoryOf));
    const parts = 10;
    for (let part = 0; part < parts; part++) {
      bench.progress(`${this.name}: ${part * 10} %`);
      await closedLoop(pair, frames / parts);
    }
    const after = await Promise.all(ends.map(memoryOf));
    return ["transmitter", "receiver"].map((end, index) => {
      const growth = ((after[index] ?? NaN) - (before[index] ?? NaN)) / MIB;
      return {
        figure: `${end}, growth over ${frames} frames`,
        unit: "MiB",
        ours: growth,
        target: "< 1 MB",
        met: growth * MIB < 1e6,
      };
    });
  },
};

/** The bridge's figures. */
export const BRIDGE: readonly Figure[] = [
  latency(SIZES["10 kB"]),
  latency(SIZES["1 MB"]),
  ownWire(SIZES["10 kB"], "staged", PACED, 1.1),
  ownWire(SIZES["32 MB"], "staged", ONE_AT_A_TIME, 0.85),
  ownWire(SIZES["32 MB"], "direct", ONE_AT_A_TIME, 0.6),
  memory,
  throughput(SIZES["10 kB"], 5000),
  throughput(SIZES["1 MB"], 500),
  throughput(SIZES["32 MB"], 25),
];
