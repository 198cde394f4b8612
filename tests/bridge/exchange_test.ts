/** Frames between processes: none lost, none torn, both ends in our hands. */

import { assert, assertEquals } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import {
  flat,
  framesOf,
  HANDSHAKE,
  handshake,
  join,
  Receiving,
  Recorder,
  Sender,
  Transmitting,
  wireFrame,
} from "../_support/bridge.ts";
import { Folder, PATIENCE_MS, ROOT, Running, until } from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";
import { Meanwhile } from "../_support/meanwhile.ts";
import type { LoopResult, LoopTask } from "./_closed_loop.ts";

/** Frames in a closed loop from one folder's stream to the other's. */
async function runLoop(
  here: Folder,
  there: Folder,
  frames: number,
): Promise<void> {
  const task: LoopTask = {
    here: here.path,
    there: there.path,
    frames,
    patienceMs: PATIENCE_MS,
  };
  const worker = new Worker(new URL("./_closed_loop.ts", import.meta.url), {
    type: "module",
  });
  try {
    const result = await new Promise<LoopResult>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(task);
    });
    assertEquals(result, { good: frames, error: "" });
  } finally {
    worker.terminate();
  }
}

Deno.test("two processes exchange 100,000 checksummed frames without a loss", async () => {
  const frames = 100_000;
  using here = new Folder();
  using there = new Folder();
  const spec = { type: "u32", size: [32, 1], keywords: 0 } as const;
  using _source = Stream.create("loop", { dir: here.path, ...spec });
  using destination = Stream.create("loop", { dir: there.path, ...spec });
  await using receiver = new Running(["receive", "0"], { folder: there });
  const [, port] = await receiver.says(/listening on 127\.0\.0\.1:(\d+)/);
  await using transmitting = new Transmitting(here, "loop", Number(port));
  await receiver.says(/sends "loop" 32x1 u32/);
  await runLoop(here, there, frames);
  await until(
    "the last count",
    () => transmitting.transmitter.status().frames >= frames,
  );
  // `torn` counts copies that were begun too early and made again: a matter
  // of the machine's load.
  const { frames: sent, skipped, lastCnt0 } = transmitting.transmitter
    .status();
  assertEquals([sent, skipped, lastCnt0], [frames, 0, 100_000n]);
  assertEquals(destination.cnt0, 100_000n);
  assertEquals(await receiver.end("SIGTERM"), 143);
  assert(receiver.err.includes(`${frames} frames, 0 skipped, 0 torn`));
});

testWhere(
  "frames that are read are not acknowledged one by one",
  program("ss", "iproute2"),
  async () => {
    const frames = 1000;
    using here = new Folder();
    using there = new Folder();
    const spec = { type: "u32", size: [1024, 1], keywords: 0 } as const;
    using _source = Stream.create("loop", { dir: here.path, ...spec });
    using _destination = Stream.create("loop", { dir: there.path, ...spec });
    await using receiving = new Receiving(there);
    const { port } = receiving;
    await using _transmitting = new Transmitting(here, "loop", port);
    await receiving.events.said(/sends "loop"/);
    await runLoop(here, there, frames);
    const sockets = await new Deno.Command("ss", {
      args: ["-Htin", "state", "established", `sport = :${port}`],
    }).output();
    const text = new TextDecoder().decode(sockets.stdout);
    const packets = Number(/segs_out:(\d+)/.exec(text)?.[1] ?? NaN);
    assert(packets < 0.75 * frames, `${packets} packets: ${text}`);
  },
);

Deno.test("no destination frame is torn while a writer never pauses", async () => {
  using here = new Folder();
  using there = new Folder();
  const spec = { type: "u32", size: [64, 64], keywords: 0 } as const;
  using source = Stream.create("fast", { dir: here.path, ...spec });
  using destination = Stream.create("fast", { dir: there.path, ...spec });
  await using receiving = new Receiving(there);
  const writer = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-qA",
      `${ROOT}tests/bridge/_flat_out.ts`,
      here.stream("fast"),
    ],
    stdout: "null",
  }).spawn();
  try {
    await until("the writer writes", () => source.cnt0 > 100n);
    await using _ = new Transmitting(here, "fast", receiving.port);
    const into = new Uint8Array(64 * 64 * 4);
    const pixels = new Uint32Array(into.buffer);
    let last = 0;
    let seen = 0;
    await until(() => `300 frames, ${seen} came`, () => {
      for (let i = 0; i < 50; i++) {
        const { torn } = destination.read({ into });
        const [first = 0] = pixels;
        if (torn || first === last) continue;
        assert(first > last, "frames go forward");
        assert(pixels.every((pixel) => pixel === first), "one frame, not two");
        last = first;
        seen++;
      }
      return seen >= 300;
    });
  } finally {
    writer.kill("SIGKILL");
    await writer.status;
  }
});

Deno.test("transmit is understood by milk's receiver, early flush included", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
    keywords: 1,
  });
  cam.setKeywords([{ name: "N", type: "L", value: 3n, comment: "" }]);
  cam.write(flat(1));
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port);
  const recording = await recorder.connection();
  // milk's receiver makes the stream from the announcement, and then throws
  // away whole frames until none is waiting: here, the first one.
  const announced = new DataView((await recording.take(HANDSHAKE)).buffer);
  const frameBytes = 4 * 3 * 2 + 16 + 128 * announced.getUint16(290, true);
  await recording.take(frameBytes, HANDSHAKE);
  let at = HANDSHAKE +
    Math.floor((recording.length - HANDSHAKE) / frameBytes) * frameBytes;
  const next = async () => {
    await recording.take(frameBytes, at);
    at += frameBytes;
    const [frame] = framesOf(
      join(
        recording.bytes.subarray(0, HANDSHAKE),
        recording.bytes.subarray(at - frameBytes, at),
      ),
    );
    return frame;
  };
  // The frame that was thrown away comes once more.
  const repeat = await next();
  assertEquals([repeat?.cnt0, repeat?.pixels], [
    1n,
    new Uint8Array(flat(1).buffer),
  ]);
  cam.write(flat(2));
  const frame = await next();
  assertEquals([frame?.cnt0, frame?.slice, frame?.pixels], [
    2n,
    0n,
    new Uint8Array(flat(2).buffer),
  ]);
  assertEquals(frame?.keywords.length, 128);
});

Deno.test("receive understands milk's transmitter, which repeats nothing", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using milk = await Sender.connect(receiving.port);
  // milk announces the cube, then sends one slice for each wake-up.
  await milk.send(handshake({ name: "cube", size: [4, 3, 3], keywords: 0 }));
  for (const [n, slice] of [1, 2, 0, 1].entries()) {
    await milk.send(wireFrame(flat(n + 1), BigInt(n + 1), BigInt(slice)));
  }
  await receiving.frames(4);
  using stream = Stream.open("cube", { dir: folder.path });
  assertEquals(
    stream.read().pixels,
    new Uint16Array([...flat(3), ...flat(4), ...flat(2)]),
  );
  milk.close();
  await receiving.events.said(/closed/);
});

Deno.test("transmit and receive carry every type that crosses", async () => {
  using here = new Folder();
  using there = new Folder();
  await using receiving = new Receiving(there);
  const types = [
    "u8",
    "i8",
    "u16",
    "i16",
    "u32",
    "i32",
    "u64",
    "i64",
    "f16",
    "f32",
    "f64",
  ] as const;
  const links: Transmitting[] = [];
  try {
    for (const [index, type] of types.entries()) {
      using stream = Stream.create(type, {
        dir: here.path,
        size: [5, 3],
        type,
        keywords: 0,
      });
      const bytes = new Uint8Array(stream.layout.table.dataBytes);
      bytes.forEach((_, i) => bytes[i] = (i * 7 + index) % 120);
      stream.write(bytes);
      links.push(new Transmitting(here, type, receiving.port));
    }
    await receiving.frames(types.length);
    for (const type of types) {
      using sent = Stream.open(type, { dir: here.path });
      using arrived = Stream.open(type, { dir: there.path });
      assertEquals(arrived.type, type);
      assertEquals(arrived.read().bytes, sent.read().bytes);
    }
  } finally {
    for (const link of links) await link[Symbol.asyncDispose]();
  }
});

Deno.test("transmit and receive carry one axis into a stream of one axis", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = Stream.create("slopes", {
    dir: here.path,
    size: [7],
    type: "f32",
    keywords: 0,
  });
  using destination = Stream.create("slopes", {
    dir: there.path,
    size: [7],
    type: "f32",
    keywords: 0,
  });
  const pixels = new Float32Array([1, 2, 3, 4, 5, 6, 7.5]);
  source.write(pixels);
  await using receiving = new Receiving(there);
  await using _ = new Transmitting(here, "slopes", receiving.port);
  await receiving.frames(1);
  assertEquals(destination.presence(), "same", "its readers go on");
  assertEquals(destination.read().pixels, pixels);
});

Deno.test("transmit goes on after the receiver was restarted", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = Stream.create("cam", {
    dir: here.path,
    size: [4, 3],
    type: "u16",
  });
  source.write(flat(1));
  const first = new Receiving(there);
  const { port } = first;
  await using transmitting = new Transmitting(here, "cam", port);
  await first.frames(1);
  await first[Symbol.asyncDispose]();
  source.write(flat(2));
  await using second = new Receiving(there, { port });
  await until("a frame", () => second.receiver.status().frames > 0);
  using destination = Stream.open("cam", { dir: there.path });
  assertEquals([destination.cnt0, destination.read().pixels], [2n, flat(2)]);
  assertEquals(transmitting.transmitter.status().reconnects, 1);
});

Deno.test("the second of two transmitters to one destination is refused", async () => {
  using one = new Folder();
  using two = new Folder();
  using there = new Folder();
  const spec = { size: [4, 3], type: "u16" } as const;
  using first = Stream.create("cam", { dir: one.path, ...spec });
  using second = Stream.create("cam", { dir: two.path, ...spec });
  first.write(flat(1));
  second.write(flat(2));
  await using receiving = new Receiving(there);
  await using _first = new Transmitting(one, "cam", receiving.port);
  await receiving.frames(1);
  // A silent one would have to make room.
  await using busy = new Meanwhile(50, () => first.write(flat(1)));
  await using _second = new Transmitting(two, "cam", receiving.port);
  await receiving.events.said(/refused: "cam" is fed by/);
  await busy.end();
  using destination = Stream.open("cam", { dir: there.path });
  assertEquals(destination.read().pixels, flat(1));
});
