/**
 * The second act of the demonstration: two partitions, a stream that is found
 * by name, a line that breaks, and the bridge that comes back by itself.
 * @module
 */

import type { Io } from "../cli/command.ts";
import { CommandError, EXIT } from "../cli/errors.ts";
import { columns } from "../cli/output.ts";
import { pause } from "../../ffi/clock.ts";
import { Stream } from "../stream/stream.ts";
import { feed, Inspector, NAME, SIZE, TYPE } from "./demo_frames.ts";
import { DemoSegment } from "./demo_segment.ts";
import { DemoPartition, type Tell } from "./demo_partition.ts";
import { openStage, type Stage } from "./demo_stage.ts";

/** How long anything may take, ms. */
const PATIENCE_MS = 20_000;
const RATE = 100;
const SETTLE_MS = 300;
/** How long the line is broken after that was noticed, ms. */
const AWAY_MS = 4000;

/** Waits until something is so. */
async function until(
  what: string,
  signal: AbortSignal,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!await condition()) {
    if (signal.aborted) throw new CommandError("interrupted");
    if (performance.now() > end) {
      throw new CommandError(`In ${PATIENCE_MS / 1000} s ${what}`);
    }
    await pause(20, signal);
  }
}

/** A stream with a camera at one end and somebody who checks at the other. */
class Crossing implements AsyncDisposable {
  readonly #source: Stream;
  readonly #dir: string;
  readonly #camera = new AbortController();
  readonly #reader = new AbortController();
  readonly #sentNs = new Map<number, bigint>();
  readonly #feeding: Promise<void>;
  #watching: Promise<void> = Promise.resolve();
  #gap = 0n;
  readonly inspector: Inspector;

  constructor(from: string, to: string) {
    this.#source = Stream.create(NAME, { dir: from, size: SIZE, type: TYPE });
    this.#dir = to;
    this.inspector = new Inspector(this.#sentNs);
    const forEver = { seconds: Number.MAX_SAFE_INTEGER / RATE, rate: RATE };
    const { signal } = this.#camera;
    this.#feeding = feed(this.#source, this.#sentNs, forEver, signal, () => {});
  }

  /** Number of the last frame that was written. */
  get written(): bigint {
    return this.#source.cnt0;
  }

  /** Number of the last frame that arrived. */
  get arrived(): bigint {
    return this.inspector.last?.cnt0 ?? 0n;
  }

  /** The most frames in a row that were missed; asking begins anew. */
  takeGap(): bigint {
    const gap = this.#gap;
    this.#gap = 0n;
    return gap;
  }

  /**
   * Looks at what arrives, from now on.
   *
   * @returns Whether the stream is there.
   */
  watch(): boolean {
    let opened: Stream;
    try {
      opened = Stream.open(NAME, { dir: this.#dir });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
    this.#watching = (async (): Promise<void> => {
      using destination = opened;
      const { signal } = this.#reader;
      for await (const frame of destination.frames({ signal, since: 0n })) {
        const missed = frame.cnt0 - this.arrived - 1n;
        if (missed > this.#gap) this.#gap = missed;
        this.inspector.take(frame);
      }
    })();
    this.#watching.catch(() => {}); // told by `end`
    return true;
  }

  /**
   * Ends the camera, and waits for its last frame.
   *
   * @returns Its number.
   */
  async end(signal: AbortSignal): Promise<bigint> {
    this.#camera.abort();
    await this.#feeding;
    const last = this.written;
    await until(
      "the last frame did not arrive",
      signal,
      () => this.arrived >= last,
    );
    this.#reader.abort();
    await this.#watching;
    return last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#camera.abort();
    this.#reader.abort();
    await this.#feeding;
    await this.#watching.catch(() => {});
    this.#source.close();
  }
}

/** What came of it. */
interface Result {
  readonly written: bigint;
  readonly received: number;
  readonly different: number;
  readonly last: bigint;
  readonly updates: number;
  readonly away: bigint;
  readonly backSeconds: number;
}

/** Breaks the line, sees that it is noticed, mends it, and looks on. */
async function breakAndMend(
  stage: Stage,
  [one, two]: readonly [DemoPartition, DemoPartition],
  crossing: Crossing,
  tell: Tell,
  signal: AbortSignal,
): Promise<{ away: bigint; backSeconds: number }> {
  if (stage.cable === undefined) {
    tell("demo", "Partition 1 dies: its daemon, and what carries its streams");
    await one.crash();
  } else {
    tell("demo", "The cable is pulled");
    await stage.cable("down");
  }
  await until(
    "nobody noticed",
    signal,
    async () => (await two.mount())?.state === "waiting",
  );
  await pause(SETTLE_MS, signal); // what had arrived is looked at
  const before = crossing.arrived;
  crossing.takeGap();
  await pause(AWAY_MS, signal);
  if (crossing.arrived !== before) {
    throw new CommandError("Frames crossed a line that is broken");
  }
  tell(
    "demo",
    `Frame ${before} was the last to arrive; the camera is at ` +
      `${crossing.written}, and readers have what they had`,
  );
  if (stage.cable === undefined) {
    tell("demo", "Partition 1 is started again; nobody mounts anything");
    await one.start();
  } else {
    tell("demo", "The cable is back; nobody types anything");
    await stage.cable("up");
  }
  const mended = performance.now();
  // What was under way when it broke may come first.
  const { written } = crossing;
  await until(
    "the bridge did not come back",
    signal,
    () => crossing.arrived > written,
  );
  const backSeconds = (performance.now() - mended) / 1000;
  const away = crossing.takeGap();
  tell(
    "demo",
    `Frame ${crossing.arrived} arrived, ${backSeconds.toFixed(1)} s later; ` +
      `${away} in a row were missed, as their counter says`,
  );
  await until(
    "the mount did not come back",
    signal,
    async () => (await two.mount())?.state === "received",
  );
  return { away, backSeconds };
}

async function play(
  stage: Stage,
  partitions: readonly [DemoPartition, DemoPartition],
  tell: Tell,
  signal: AbortSignal,
): Promise<Result> {
  const [one, two] = partitions;
  await Promise.all([one.start(), two.start()]);
  await using crossing = new Crossing(one.dir, two.dir);
  tell("demo", `A camera writes "${NAME}" in partition 1, ${RATE} Hz`);
  await one.shmim("share", NAME, "--with", "2");
  await two.shmim("mount", `1:${NAME}`);
  await until("no stream appeared", signal, () => crossing.watch());
  const { inspector } = crossing;
  await until("no frames arrived", signal, () => inspector.received > RATE);
  tell("demo", `${inspector.received} frames arrived, as they were sent`);
  using segment = new DemoSegment(one.run, two.run);
  const updated = async (times: number): Promise<void> => {
    segment.update(times);
    await until("the segment did not get the same", signal, () => segment.same);
    tell(
      "demo",
      `A segment of partition 1 was updated ${segment.made} times, by both in ` +
        "turn: their bytes are the same",
    );
  };
  await updated(100);
  const broken = await breakAndMend(
    stage,
    partitions,
    crossing,
    tell,
    signal,
  );
  const back = inspector.received;
  await until(
    "no more arrived",
    signal,
    () => inspector.received > back + RATE,
  );
  await updated(50);
  const written = await crossing.end(signal);
  return {
    written,
    received: inspector.received,
    different: inspector.different,
    last: crossing.arrived,
    updates: segment.made,
    ...broken,
  };
}

/**
 * Plays it.
 *
 * @returns The exit code: 0 only where everything happened.
 */
export async function demoPartitions({ out, signal }: Io): Promise<number> {
  const begun = performance.now();
  const tell: Tell = (who, text) => {
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    out.say(`${seconds.padStart(5)} s  ${who}: ${text}`);
  };
  let result: Result;
  {
    await using stage = await openStage();
    tell("demo", stage.told);
    const [first, second] = stage.places;
    const key = crypto.randomUUID();
    const partitions = [
      new DemoPartition(first, second, key, tell),
      new DemoPartition(second, first, key, tell),
    ] as const;
    try {
      result = await play(stage, partitions, tell, signal);
    } finally {
      for (const one of partitions.toReversed()) await one.stop();
    }
    await until(
      "processes did not end",
      new AbortController().signal,
      () => partitions.every(({ running }) => running.length === 0),
    );
  }
  tell("demo", "Both are shut down; nothing of them is left");
  return report(out, result);
}

function report(out: Io["out"], result: Result): number {
  const rows = [
    ["written", String(result.written)],
    ["checked", String(result.received)],
    ["different", String(result.different)],
    ["updates of the segment", String(result.updates)],
    ["missed while it was broken", String(result.away)],
    ["back after", `${result.backSeconds.toFixed(1)} s`],
  ];
  for (const line of columns(rows, [1])) out.line(line);
  const good = result.different === 0 && result.last === result.written;
  out.say(
    good
      ? "Every frame that was checked arrived as it was sent"
      : "shmim demo: the far end differs from what was sent",
  );
  return good ? EXIT.done : EXIT.failed;
}
