/** The transmitter: what it does about trouble, with its peer and its source. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { StreamChangedError } from "../../src/stream/format.ts";
import {
  flat,
  framesOf,
  Receiving,
  Recorder,
  Transmitting,
} from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";
import { frames, Outlet, outOfSight, source } from "./_outlet.ts";
import { freePort } from "../_support/ports.ts";

Deno.test("Transmitter.start() polls where all semaphores are taken, with a warning", async () => {
  await using outlet = new Outlet({ semaphores: 0 });
  const { cam, recorder, transmitting } = outlet;
  const recording = await recorder.connection();
  await transmitting.events.said(/all semaphores are taken; polling instead/);
  cam.write(flat(3));
  await frames(recording, 1);
});

Deno.test("Transmitter.start() starts before its receiver", async () => {
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  const port = freePort();
  await using transmitting = new Transmitting(folder, "cam", port);
  await transmitting.events.said(/no receiver at .* \(refused\); trying again/);
  await using recorder = new Recorder(port);
  await frames(await recorder.connection(), 1);
  assertEquals(transmitting.events.count(/trying again/), 1, "said once");
  assertEquals(transmitting.transmitter.status().reconnects, 0);
});

Deno.test("Transmitter.start() connects again and sends the frame that is there", async () => {
  await using outlet = new Outlet({ first: 3 });
  const { recorder, transmitting } = outlet;
  const first = await recorder.connection(0);
  await frames(first, 1);
  await first.close();
  await transmitting.events.said(/closed the connection|reset/);
  const [frame] = await frames(await recorder.connection(1), 1);
  assertEquals(frame?.cnt0, 1n);
  assertEquals(transmitting.transmitter.status().reconnects, 1);
});

Deno.test("Transmitter.start() ends with the connection with reconnect false", async () => {
  await using outlet = new Outlet({ first: 3 }, {
    reconnect: false,
  });
  const { recorder, transmitting } = outlet;
  const first = await recorder.connection(0);
  await frames(first, 1);
  await first.close();
  await transmitting.ended();
  assertInstanceOf(transmitting.error, Deno.errors.ConnectionReset);
});

Deno.test("Transmitter.start() with reconnect false fails where nobody listens", async () => {
  using folder = new Folder();
  using _ = source(folder);
  await using transmitting = new Transmitting(folder, "cam", freePort(), {
    reconnect: false,
  });
  await transmitting.ended();
  assertInstanceOf(transmitting.error, Deno.errors.ConnectionRefused);
});

Deno.test("Transmitter.start() goes on with a source re-created in the same shape", async () => {
  await using outlet = new Outlet({ first: 3 });
  const { folder, recorder, transmitting } = outlet;
  const recording = await recorder.connection();
  await frames(recording, 1);
  using next = source(folder, { existing: "replace" });
  await transmitting.events.said(/was re-created; going on/);
  next.write(flat(55));
  await until(
    "the new one's frame",
    () => framesOf(recording.bytes).at(-1)?.pixels[0] === 55,
  );
  assertEquals(recorder.recordings.length, 1, "on the same connection");
});

Deno.test("Transmitter.start() skips nothing of a re-created source that goes on with other counters", async () => {
  for (const wire of ["milk", "shmim"] as const) {
    using folder = new Folder();
    using there = new Folder();
    using cam = source(folder);
    cam.write(flat(1));
    await using receiving = new Receiving(there);
    await using transmitting = new Transmitting(
      folder,
      "cam",
      receiving.port,
      { wire },
    );
    await receiving.frames(1);
    using next = source(folder, { existing: "replace" });
    const put = (cnt0: bigint) => next.copyFrom({ ...cam.read(), cnt0 }, 0);
    put(5_000_000n);
    await transmitting.events.said(/re-created and is at frame 5000000: /);
    await receiving.frames(2);
    put(5_000_003n);
    await receiving.frames(3);
    const { skipped } = transmitting.transmitter.status();
    assertEquals(skipped, 2, wire);
    if (wire === "shmim") {
      assertEquals(receiving.receiver.status().skipped, 2);
    }
  }
});

Deno.test("Transmitter.start() fails where the source is re-created in another shape", async () => {
  await using outlet = new Outlet({ first: 3 });
  const { folder, recorder, transmitting } = outlet;
  await frames(await recorder.connection(), 1);
  using _ = source(folder, { existing: "replace", size: [7, 2], type: "f32" });
  await transmitting.ended();
  assertInstanceOf(transmitting.error, StreamChangedError);
  assertEquals(
    transmitting.error.message,
    'Stream "cam" was re-created as 7x2 f32, it was 4x3 u16 (--reopen any ' +
      "follows)",
  );
});

Deno.test("Transmitter.start() follows another shape on a new connection with reopen any", async () => {
  await using outlet = new Outlet({ first: 3 }, {
    reopen: "any",
  });
  const { folder, recorder } = outlet;
  await frames(await recorder.connection(), 1);
  using next = source(folder, { existing: "replace", size: [7], type: "u8" });
  next.write(new Uint8Array(7).fill(9));
  const [frame] = await frames(await recorder.connection(1), 1);
  assertEquals(frame?.pixels, new Uint8Array(7).fill(9));
});

Deno.test("Transmitter.start() fails at any re-creation with reopen never", async () => {
  await using outlet = new Outlet({ first: 3 }, {
    reopen: "never",
  });
  const { folder, recorder, transmitting } = outlet;
  await frames(await recorder.connection(), 1);
  using _ = source(folder, { existing: "replace" });
  await transmitting.ended();
  assertInstanceOf(transmitting.error, StreamChangedError);
});

Deno.test("Transmitter.start() names a writer that holds its write flag up, and sends its frame late", async () => {
  await using outlet = new Outlet();
  const { cam, transmitting } = outlet;
  const recording = await outlet.begun();
  const { writeFlag } = cam.layout.table;
  cam.write(flat(5));
  await frames(recording, 1);
  cam.mapping.store(writeFlag, new Uint8Array([1]));
  const cnt0 = new Uint8Array(new BigUint64Array([2n]).buffer);
  cam.mapping.store(cam.layout.table.cnt0, cnt0);
  await transmitting.events.said(
    new RegExp(`writer of "cam" \\(pid ${Deno.pid}\\) holds its write flag up`),
  );
  assert(framesOf(recording.bytes).every((frame) => frame.cnt0 === 1n));
  cam.mapping.store(writeFlag, new Uint8Array([0]));
  await until(
    "the late frame",
    () => framesOf(recording.bytes).at(-1)?.cnt0 === 2n,
  );
});

Deno.test("Transmitter.start() reaches ::1", async () => {
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  await using recorder = new Recorder(0, "::1");
  await using _ = new Transmitting(folder, "cam", recorder.port, {
    hostname: "::1",
  });
  await frames(await recorder.connection(), 1);
});

Deno.test("Transmitter.start() reaches a host by its name", async () => {
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  using there = new Folder();
  await using receiving = new Receiving(there);
  await using _ = new Transmitting(folder, "cam", receiving.port, {
    hostname: "localhost",
  });
  await receiving.frames(1);
});

Deno.test("Transmitter.stop() ends it though the peer takes nothing", async () => {
  using folder = new Folder();
  using cam = source(folder, { size: [1024, 1024, 16], type: "u8" });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using transmitting = new Transmitting(
    folder,
    "cam",
    (listener.addr as Deno.NetAddr).port,
    { slices: "whole" },
  );
  using _ = await listener.accept(); // and never reads
  cam.poke();
  await transmitting.events.said(/takes nothing at the moment/);
  transmitting.transmitter.stop();
  await transmitting.ended();
  assertEquals(transmitting.error, undefined);
});

Deno.test("Transmitter.start() that is told to end before it connects does", async () => {
  using folder = new Folder();
  using _ = source(folder);
  await using transmitting = new Transmitting(folder, "cam", freePort(), {
    signal: AbortSignal.abort(),
  });
  await transmitting.ended();
  assertEquals(transmitting.error, undefined);
});

Deno.test("Transmitter.start() survives a source that shrinks, and fails clearly", async () => {
  await using outlet = new Outlet({ first: 3 });
  const { folder, recorder, transmitting } = outlet;
  await frames(await recorder.connection(), 1);
  Deno.truncateSync(folder.stream("cam"), 0);
  await transmitting.ended();
  assert(transmitting.error !== undefined);
});

Deno.test("Transmitter.start() goes on while its source is removed and made anew", async () => {
  await using outlet = new Outlet({ first: 3 });
  const { folder, recorder, transmitting } = outlet;
  const recording = await recorder.connection();
  await frames(recording, 1);
  Deno.removeSync(folder.stream("cam"));
  await new Promise((resolve) => setTimeout(resolve, 600));
  using next = source(folder);
  await transmitting.events.said(/was re-created; going on/);
  next.write(flat(77));
  await until(
    "the new one's frame",
    () => framesOf(recording.bytes).at(-1)?.pixels[0] === 77,
  );
});

Deno.test("Transmitter.start() goes on where its source cannot be looked at, and says so once", async () => {
  await using outlet = new Outlet({ first: 3 });
  const { cam, folder, recorder, transmitting } = outlet;
  const recording = await recorder.connection();
  await frames(recording, 1);
  {
    using _ = outOfSight(folder);
    await transmitting.events.said(/cannot look after "cam".*ELOOP/);
    cam.write(flat(4));
    await frames(recording, 2);
    await recording.close();
    await frames(await recorder.connection(1), 1);
  }
  assertEquals(transmitting.error, undefined);
  await using next = new Transmitting(folder, "cam", recorder.port);
  await frames(await recorder.connection(2), 1);
  assertEquals(next.error, undefined);
});

Deno.test("Transmitter.start() names no process where nobody wrote, and its flag is up", async () => {
  await using outlet = new Outlet();
  const { cam, transmitting } = outlet;
  await outlet.begun();
  const { writeFlag } = cam.layout.table;
  cam.mapping.store(writeFlag, new Uint8Array([1]));
  const cnt0 = new Uint8Array(new BigUint64Array([1n]).buffer);
  cam.mapping.store(cam.layout.table.cnt0, cnt0);
  await transmitting.events.said(/writer of "cam" \(pid unknown\) holds/);
});
