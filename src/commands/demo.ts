/** `shmim demo`: a stream crosses a bridge on this machine. @module */

import { Receiver } from "../bridge/receive.ts";
import { Transmitter } from "../bridge/transmit.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { columns } from "../cli/output.ts";
import { patternFrame } from "../image/pattern.ts";
import { drawPicture } from "../image/picture.ts";
import { CLOCK, clockNs, pause, sleepUntil } from "../../ffi/clock.ts";
import type { Frame } from "../stream/frames.ts";
import { Stream } from "../stream/stream.ts";

interface Options {
  readonly seconds: number;
  readonly rate: number;
}

const NAME = "demo";
const SIZE = [64, 48];
const TYPE = "f32";
const FOLDER = "/tmp";

/** A frame that can be worked out again from its number. */
function demoFrame(number: number): Float32Array<ArrayBuffer> {
  const pixels = patternFrame("sine", TYPE, SIZE, number);
  pixels[0] = number;
  return pixels as Float32Array<ArrayBuffer>;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** What the far end saw. */
class Inspector {
  received = 0;
  different = 0;
  last: Frame | undefined;
  readonly #sentNs: ReadonlyMap<number, bigint>;
  readonly #latenciesUs: number[] = [];

  constructor(sentNs: ReadonlyMap<number, bigint>) {
    this.#sentNs = sentNs;
  }

  take(frame: Frame): void {
    const number = Number(frame.pixels[0]);
    const expected = new Uint8Array(demoFrame(number).buffer);
    const sent = this.#sentNs.get(number);
    this.received++;
    this.last = frame;
    if (sent === undefined || !sameBytes(frame.bytes, expected)) {
      this.different++;
    } else {
      this.#latenciesUs.push(Number(frame.writetimeNs - sent) / 1000);
    }
  }

  latency(fraction: number): string {
    const sorted = this.#latenciesUs.sort((a, b) => a - b);
    const at = Math.min(
      sorted.length - 1,
      Math.floor(fraction * sorted.length),
    );
    const value = sorted[at];
    return value === undefined ? "-" : `${value.toFixed(0)} µs`;
  }
}

/** Writes frames at the wanted rate and notes when each was published. */
async function feed(
  source: Stream,
  sentNs: Map<number, bigint>,
  { seconds, rate }: Options,
  signal: AbortSignal,
  progress: (sent: number) => void,
): Promise<void> {
  const interval = BigInt(Math.round(1e9 / rate));
  const total = Math.max(1, Math.round(seconds * rate));
  let due = clockNs(CLOCK.MONOTONIC);
  for (let n = 1; n <= total && !signal.aborted; n++) {
    const frame = demoFrame(n);
    await sleepUntil(due, signal);
    sentNs.set(n, source.write(frame).writetimeNs);
    progress(n);
    // Late frames are not made up for: a camera would not, either.
    const now = clockNs(CLOCK.MONOTONIC);
    due = due + interval > now ? due + interval : now + interval;
  }
}

async function run(options: Options, { out, signal }: Io): Promise<number> {
  const here = await Deno.makeTempDir({ dir: FOLDER, prefix: "shmim-here-" });
  const there = await Deno.makeTempDir({ dir: FOLDER, prefix: "shmim-there-" });
  using cleanup = new DisposableStack();
  cleanup.defer(() => {
    for (const dir of [here, there]) Deno.removeSync(dir, { recursive: true });
  });
  out.say(
    `Two stream folders, ${here} and ${there}, and a bridge between them`,
  );
  const source = cleanup.use(
    Stream.create(NAME, { dir: here, size: SIZE, type: TYPE }),
  );
  const destination = cleanup.use(
    Stream.create(NAME, { dir: there, size: SIZE, type: TYPE }),
  );
  const warn = (
    { level, message }: { level: string; message: string },
  ): void => {
    if (level === "warning") out.say(`shmim demo: ${message}`);
  };
  const receiver = Receiver.listen({ port: 0, dir: there, onEvent: warn });
  const transmitter = Transmitter.start({
    stream: NAME,
    dir: here,
    hostname: "127.0.0.1",
    port: receiver.port,
    onEvent: warn,
  });
  const sentNs = new Map<number, bigint>();
  const inspector = new Inspector(sentNs);
  const watching = new AbortController();
  const watch = (async () => {
    const frames = destination.frames({ signal: watching.signal, since: 0n });
    for await (const frame of frames) inspector.take(frame);
  })();
  await connected(transmitter, signal);
  await feed(source, sentNs, options, signal, (sent) => {
    if (sent % 8 !== 0) return;
    const total = Math.round(options.seconds * options.rate);
    const bar = "█".repeat(Math.round(20 * sent / total)).padEnd(20, "·");
    out.live(
      `${bar} sent ${sent} of ${total}, received ${receiver.status().frames}, ` +
        `checked ${inspector.received}`,
    );
  });
  await settled(transmitter, receiver, inspector);
  watching.abort();
  transmitter.stop();
  await transmitter.done;
  receiver.stop();
  await receiver.done;
  await watch;
  return report(out, transmitter, receiver, inspector, sentNs.size);
}

/** Waits until the bridge stands. */
async function connected(
  transmitter: Transmitter,
  signal: AbortSignal,
): Promise<void> {
  while (!transmitter.status().connected && !signal.aborted) {
    await pause(10);
  }
}

/** Waits until the last frame has come, but not for ever. */
async function settled(
  transmitter: Transmitter,
  receiver: Receiver,
  inspector: Inspector,
): Promise<void> {
  const end = performance.now() + 2000;
  const done = (): boolean =>
    receiver.status().frames >= transmitter.status().frames &&
    inspector.last?.cnt0 === BigInt(receiver.status().frames);
  while (!done() && performance.now() < end) {
    await pause(10);
  }
}

function report(
  out: Io["out"],
  transmitter: Transmitter,
  receiver: Receiver,
  inspector: Inspector,
  written: number,
): number {
  const sent = transmitter.status();
  const received = receiver.status();
  out.endLive();
  if (inspector.last !== undefined) {
    const { pixels, size } = inspector.last;
    const shown = pixels.slice();
    shown[0] = shown[1] as never; // the frame's number is no brightness
    out.line("The last frame at the far end:");
    const lines = drawPicture(shown, size, {
      columns: Math.min(out.columns, 64),
      rows: Math.min(out.rows - 4, 24),
      depth: out.color ? "true" : "none",
    });
    for (const line of lines) out.line(line);
  }
  const rows = [
    ["written", String(written)],
    ["sent", String(sent.frames)],
    ["received", String(received.frames)],
    ["skipped", String(sent.skipped)],
    ["torn", String(sent.torn)],
    ["checked", String(inspector.received)],
    ["different", String(inspector.different)],
    ["latency p50", inspector.latency(0.5)],
    ["latency p99", inspector.latency(0.99)],
    ["latency max", inspector.latency(1)],
  ];
  out.line();
  for (const line of columns(rows, [1])) out.line(line);
  const good = inspector.different === 0 && inspector.received > 0 &&
    received.frames === sent.frames;
  out.say(
    good
      ? "Every frame that was checked arrived as it was sent"
      : "shmim demo: the far end differs from what was sent",
  );
  return good ? EXIT.done : EXIT.failed;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["demo [OPTIONS]"],
  description: "Makes two stream folders under /tmp and a bridge between " +
    "them on 127.0.0.1, sends frames for a few seconds, compares what " +
    "arrives, draws the last frame and tells the latency from the source's " +
    "write to the destination's. Removes everything again. Ends with 1 if " +
    "any frame differs.",
  options: [
    { name: "seconds", value: "S", help: "how long (default 3)" },
    { name: "rate", value: "HZ", help: "frames a second (default 200)" },
  ],
  examples: [["demo", "see a stream cross a bridge"]],
  samples: [[]],
  parse(args): Options {
    args.exactly();
    return {
      seconds: args.number("seconds", 0.1, 3600) ?? 3,
      rate: args.number("rate", 1, 5000) ?? 200,
    };
  },
  needs(): Needs {
    return { read: [FOLDER], write: [FOLDER], net: ["127.0.0.1"] };
  },
  run,
});
