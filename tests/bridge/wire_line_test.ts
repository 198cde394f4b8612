/** Our own wire over lines that are slow, cut, or change what crosses. */

import { assert, assertEquals } from "@std/assert";
import { flat } from "../_support/bridge.ts";
import { until } from "../_support/cli.ts";
import { Ends } from "./_ends.ts";

const LARGE = 4 * 2 ** 20;

Deno.test("every frame crosses a slow line through the queue, what it cannot hold is counted", async () => {
  await using ends = new Ends({ size: [256, 256], type: "u8", keywords: 0 });
  const { source } = ends;
  const { receiving, relay, transmitting } = ends.relayed({
    bytesPerSecond: 2e6,
  }, { policy: "every", queue: 4 });
  await transmitting.events.said(/connected/);
  const { receiver } = receiving;
  const { transmitter } = transmitting;
  const frame = new Uint8Array(65536);
  let produced = 0;
  const produce = async (): Promise<void> => {
    source.write(frame.fill(++produced));
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await until("a full queue", async () => {
    await produce();
    return (transmitter.status().wire?.queueFull ?? 0) > 0;
  });
  for (let i = 0; i < 20; i++) await produce();
  assert((transmitter.status().wire?.queued ?? 0) >= 3);
  relay.options = {};
  await transmitting.events.said(/line is slower than "cam"/);
  await until(
    () => `the last frame, ${receiver.status().lastCnt0} came`,
    () => receiver.status().lastCnt0 === BigInt(produced),
  );
  const came = receiver.status();
  assertEquals(came.frames + came.skipped, produced);
  assert(came.skipped > 0);
  await until("its count", () => transmitter.status().frames === came.frames);
  assertEquals(transmitter.status().skipped, came.skipped);
  using copy = ends.copy();
  assertEquals(copy.read().pixels[0], produced & 0xff);
});

Deno.test("the newest frame crosses a slow line, the others are counted", async () => {
  await using ends = new Ends({ size: [100, 100], type: "u8", keywords: 0 });
  const { source } = ends;
  const { receiving, relay, transmitting } = ends.relayed({
    bytesPerSecond: 1e6,
  });
  await transmitting.events.said(/connected/);
  const { receiver } = receiving;
  const { transmitter } = transmitting;
  const frame = new Uint8Array(10_000);
  let produced = 0;
  await until("a frame that is dropped", async () => {
    source.write(frame.fill(++produced));
    await new Promise((resolve) => setTimeout(resolve, 1));
    return transmitter.status().skipped > 0;
  });
  relay.options = {};
  await until(
    () => `the last frame, ${receiver.status().lastCnt0} came`,
    () => receiver.status().lastCnt0 === BigInt(produced),
  );
  const came = receiver.status();
  assertEquals(came.frames + came.skipped, produced);
  assert(came.skipped > 0, "nothing was dropped");
});

Deno.test("after a reconnect what was missed is counted exactly, on both sides", async () => {
  await using ends = new Ends();
  const { source } = ends;
  const { receiving, relay, transmitting } = ends.relayed();
  await transmitting.events.said(/connected/);
  for (let i = 1; i <= 3; i++) {
    source.write(flat(i));
    await receiving.frames(i);
  }
  relay.cut();
  await until(
    "the end of the connection",
    () => !receiving.receiver.status().connected,
  );
  for (let i = 4; i <= 10; i++) source.write(flat(i));
  await receiving.frames(4);
  source.write(flat(11));
  await receiving.frames(5);
  const [sent, came] = [
    transmitting.transmitter.status(),
    receiving.receiver.status(),
  ];
  assertEquals([came.skipped, came.lastCnt0], [6, 11n]);
  assertEquals([sent.frames, sent.skipped, sent.lastCnt0], [5, 6, 11n]);
  assertEquals([sent.reconnects, came.reconnects], [1, 1]);
});

Deno.test("a frame that is overwritten on its way is given up and sent anew", async () => {
  await using ends = new Ends({ size: [LARGE / 4], type: "u32", keywords: 0 });
  const { source } = ends;
  const { receiving, transmitting } = ends.relayed({ bytesPerSecond: 60e6 });
  await transmitting.events.said(/connected/);
  const frame = new Uint32Array(LARGE / 4);
  const status = () => transmitting.transmitter.status();
  let i = 0;
  await until("a frame that is given up", () => {
    source.write(frame.fill(++i));
    return (status().wire?.aborted ?? 0) > 0;
  });
  const last = source.cnt0;
  await until(
    "the newest frame",
    () => receiving.receiver.status().lastCnt0 === last,
  );
  using copy = ends.copy();
  const { pixels } = copy.read();
  assert((pixels as Uint32Array).every((value) => value === i));
  const came = receiving.receiver.status();
  assertEquals(came.wire?.damaged, 0);
  assertEquals(BigInt(came.frames + came.skipped), last);
});

Deno.test("half a frame of --direct stays marked until the next whole one", async () => {
  await using ends = new Ends({ size: [LARGE], type: "u8", keywords: 0 });
  const { source } = ends;
  const { receiving, relay, transmitting } = ends.relayed({}, {}, {
    direct: true,
  });
  await transmitting.events.said(/connected/);
  source.write(new Uint8Array(LARGE).fill(1));
  await receiving.frames(1);
  using copy = ends.copy();
  relay.options = { bytesPerSecond: 4e6 };
  source.write(new Uint8Array(LARGE).fill(2));
  const begun = () => receiving.receiver.status().wire?.incomplete;
  await until("half a frame", begun);
  await until(
    "its first pixels",
    () => copy.read({ tries: 1 }).pixels[0] === 2,
  );
  relay.cut();
  await receiving.events.said(/broke off inside a frame/);
  assertEquals([copy.cnt0, copy.fields().writing], [1n, true]);
  assertEquals(copy.read({ tries: 1 }).torn, true);
  relay.options = {};
  await receiving.frames(2);
  assertEquals([copy.cnt0, copy.fields().writing], [2n, false]);
  assert(copy.read().pixels.every((value) => value === 2));
});

Deno.test("staged, the last good frame stays readable when the line breaks", async () => {
  await using ends = new Ends({ size: [LARGE], type: "u8", keywords: 0 });
  const { source } = ends;
  const { receiving, relay, transmitting } = ends.relayed({}, {
    reconnect: false,
  });
  await transmitting.events.said(/connected/);
  source.write(new Uint8Array(LARGE).fill(1));
  await receiving.frames(1);
  relay.options = { bytesPerSecond: 4e6 };
  const before = receiving.receiver.status().bytes;
  source.write(new Uint8Array(LARGE).fill(2));
  await until(
    "half a frame",
    () => receiving.receiver.status().bytes > before + LARGE / 4,
  );
  relay.cut();
  await receiving.events.said(/broke off inside a frame/);
  using copy = ends.copy();
  assertEquals([copy.cnt0, copy.fields().writing], [1n, false]);
  assert(copy.read().pixels.every((value) => value === 1));
});

Deno.test("a frame that was changed on its way is told by its sum and dropped", async () => {
  await using ends = new Ends({ size: [64, 64], type: "u8", keywords: 0 });
  const { source } = ends;
  const { receiving, relay, transmitting } = ends.relayed();
  await transmitting.events.said(/connected/);
  source.write(new Uint8Array(4096).fill(1));
  await receiving.frames(1);
  relay.options = {
    change: (chunk) => {
      if (chunk.length > 4000) chunk[2000] = 99;
    },
  };
  source.write(new Uint8Array(4096).fill(2));
  const wire = () => receiving.receiver.status().wire;
  await until("a damaged frame", () => wire()?.damaged === 1);
  relay.options = {};
  source.write(new Uint8Array(4096).fill(3));
  await receiving.frames(2);
  using copy = ends.copy();
  assertEquals([copy.cnt0, copy.read().pixels[2000]], [3n, 3]);
  assertEquals(receiving.receiver.status().skipped, 1);
});
