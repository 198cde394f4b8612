/** `shmim demo`: a stream crosses a bridge on this machine. @module */

import { Receiver } from "../bridge/receive.ts";
import { Transmitter } from "../bridge/transmit.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import { type Needs, union } from "../cli/needs.ts";
import { columns } from "../cli/output.ts";
import { SEGMENT_NEEDS } from "../cli/partition_options.ts";
import { drawPicture } from "../image/picture.ts";
import { pause } from "../../ffi/clock.ts";
import { Stream } from "../stream/stream.ts";
import { demoPartitions } from "./demo_partitions.ts";
import { feed, Inspector, NAME, SIZE, TYPE } from "./demo_frames.ts";

interface Options {
  readonly partitions: boolean;
  readonly seconds: number;
  readonly rate: number;
}

const FOLDER = "/tmp";

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
    "any frame differs. With --partitions two daemons share a stream by name, " +
    "on two network namespaces where root runs it and the kernel lets it, " +
    "the line between them breaks, and the bridge comes back by itself.",
  options: [
    { name: "partitions", help: "the second act: two partitions" },
    { name: "seconds", value: "S", help: "how long (default 3)" },
    { name: "rate", value: "HZ", help: "frames a second (default 200)" },
  ],
  examples: [
    ["demo", "see a stream cross a bridge"],
    ["demo --partitions", "and come back after a broken line"],
  ],
  samples: [[], ["--partitions"]],
  parse(args): Options {
    args.exactly();
    const partitions = args.flag("partitions");
    const other = ["seconds", "rate"].find((name) =>
      args.text(name) !== undefined
    );
    if (partitions && other !== undefined) {
      throw new UsageError(`--${other} belongs to the first act`);
    }
    return {
      partitions,
      seconds: args.number("seconds", 0.1, 3600) ?? 3,
      rate: args.number("rate", 1, 5000) ?? 200,
    };
  },
  needs({ partitions }, scope): Needs {
    const first = { read: [FOLDER], write: [FOLDER], net: ["127.0.0.1"] };
    const run = [...scope.self(), "ip"];
    return partitions ? union([first, SEGMENT_NEEDS, { run }]) : first;
  },
  run: (options, io) =>
    options.partitions ? demoPartitions(io) : run(options, io),
});
