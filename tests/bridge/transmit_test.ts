/** The transmitter: what goes out, when, and what it does about trouble. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { WireError } from "../../src/bridge/milk_wire.ts";
import { Transmitter } from "../../src/bridge/transmit.ts";
import { StreamChangedError } from "../../src/stream/format.ts";
import { type CreateOptions, Stream } from "../../src/stream/stream.ts";
import type { DataType } from "../../src/stream/types.ts";
import {
  flat,
  framesOf,
  freePort,
  HANDSHAKE,
  Receiving,
  Recorder,
  type Recording,
  type TakenFrame,
  Transmitting,
} from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";

function source(folder: Folder, options: Partial<CreateOptions> = {}): Stream {
  return Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
    keywords: 0,
    ...options,
  });
}

/** Waits for so many frames of a connection. */
async function frames(
  recording: Recording,
  count: number,
): Promise<TakenFrame[]> {
  await until(
    () => `${count} frames, ${framesOf(recording.bytes).length} came`,
    () =>
      recording.length >= HANDSHAKE &&
      framesOf(recording.bytes).length >= count,
  );
  return framesOf(recording.bytes);
}

const indices = (taken: readonly TakenFrame[]): number[] =>
  taken.map(({ slice }) => Number(slice));

Deno.test("Transmitter.start() sends what is there at once", async () => {
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(7));
  cam.write(flat(8));
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port);
  const [frame] = await frames(await recorder.connection(), 1);
  assertEquals([frame?.cnt0, frame?.slice], [2n, 0n]);
  assertEquals(frame?.pixels, new Uint8Array(flat(8).buffer));
});

Deno.test("Transmitter.start() sends nothing of a stream without a frame", async () => {
  using folder = new Folder();
  using cam = source(folder);
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
  await until("it waits", () => transmitting.transmitter.state === "waiting");
  cam.write(flat(1));
  const [frame] = await frames(recording, 1);
  assertEquals(frame?.cnt0, 1n);
});

Deno.test("Transmitter.start() repeats the first frame after a second, as no frame", async () => {
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(7));
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
  const taken = await frames(await recorder.connection(), 2);
  assertEquals(taken[0], taken[1]);
  await until("the count", () => transmitting.transmitter.status().repeats);
  const { frames: sent, repeats, skipped } = transmitting.transmitter.status();
  assertEquals([sent, repeats, skipped], [1, 1, 0]);
  cam.write(flat(8));
  const [, , next] = await frames(await recorder.connection(), 3);
  assertEquals(next?.cnt0, 2n);
});

Deno.test("Transmitter.start() claims a free semaphore and gives it back", async () => {
  using folder = new Folder();
  using cam = source(folder);
  await using recorder = new Recorder();
  const readers = () => cam.semaphores().map(({ readerPid }) => readerPid);
  {
    await using _ = new Transmitting(folder, "cam", recorder.port);
    await until("a claim", () => readers().includes(Deno.pid));
    assert(readers()[6] !== Deno.pid, "6 is the one that milk uses");
  }
  assert(!readers().includes(Deno.pid));
});

const COMPLEX: DataType[] = ["c64", "c128"];

Deno.test.each(COMPLEX)(
  "Transmitter.start() refuses %s before it connects",
  async (type) => {
    using folder = new Folder();
    using _ = source(folder, { type });
    await using recorder = new Recorder();
    assertThrows(
      () =>
        Transmitter.start({
          stream: "cam",
          dir: folder.path,
          hostname: "127.0.0.1",
          port: recorder.port,
        }),
      WireError,
      "complex pixels",
    );
    assertEquals(recorder.recordings.length, 0);
  },
);

function withKeywords(folder: Folder): Stream {
  const cam = source(folder, { keywords: 5 });
  cam.setKeywords([
    { name: "A", type: "L", value: 1n, comment: "first" },
    { name: "B", type: "D", value: 2.5, comment: "" },
  ]);
  cam.write(flat(1));
  return cam;
}

Deno.test.each([["all", 5], ["used", 2], ["none", 0]] as const)(
  "Transmitter.start() with keywords %s announces and sends %s records",
  async (keywords, count) => {
    using folder = new Folder();
    using cam = withKeywords(folder);
    await using recorder = new Recorder();
    await using _ = new Transmitting(folder, "cam", recorder.port, {
      keywords,
    });
    const recording = await recorder.connection();
    const [frame] = await frames(recording, 1);
    const view = new DataView(recording.bytes.buffer);
    assertEquals(view.getUint16(290, true), count);
    const raw = new Uint8Array(5 * 128);
    cam.mapping.load(cam.layout.table.keywords, raw);
    assertEquals(frame?.keywords, raw.slice(0, count * 128));
  },
);

Deno.test("Transmitter.start() with keywords used counts what no longer fits", async () => {
  using folder = new Folder();
  using cam = withKeywords(folder);
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port, {
    keywords: "used",
  });
  const recording = await recorder.connection();
  await frames(recording, 1);
  cam.setKeywords(["A", "B", "C"].map((name) => ({
    name,
    type: "L",
    value: 5n,
    comment: "",
  })));
  cam.write(flat(2));
  const taken = await frames(recording, 2);
  assertEquals(taken.at(-1)?.keywords.length, 2 * 128);
  await until(
    "the count",
    () => transmitting.transmitter.status().droppedKeywords > 0,
  );
});

Deno.test("Transmitter.start() sends every new slice of a declared ring in order", async () => {
  using folder = new Folder();
  using cam = source(folder, { size: [4, 3, 4], circular: true });
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port);
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
  for (let n = 1; n <= 9; n++) {
    cam.write(flat(n), { slice: n % 4 });
    await frames(recording, n);
  }
  const taken = framesOf(recording.bytes);
  assertEquals(indices(taken), [1, 2, 3, 0, 1, 2, 3, 0, 1]);
  assertEquals(taken.map(({ pixels }) => pixels[0]), [
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
  ]);
  assertEquals(taken.map(({ cnt0 }) => Number(cnt0)), [
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
  ]);
});

Deno.test("Transmitter.start() follows cnt1 of a cube that is not declared as a ring", async () => {
  using folder = new Folder();
  using cam = source(folder, { size: [4, 3, 3] });
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port);
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
  const slices = [1, 2, 0, 1];
  for (const [n, slice] of slices.entries()) {
    cam.write(flat(n), { slice });
    await frames(recording, n + 1);
  }
  assertEquals(indices(framesOf(recording.bytes)), slices);
});

Deno.test("Transmitter.start() sends a cube whose cnt1 stays as all its slices", async () => {
  using folder = new Folder();
  using cam = source(folder, { size: [4, 3, 3] });
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port);
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
  const cube = (n: number) =>
    new Uint16Array([...flat(n), ...flat(n + 1), ...flat(n + 2)]);
  cam.write(cube(10));
  await frames(recording, 1);
  cam.write(cube(20));
  const second = () =>
    framesOf(recording.bytes).filter(({ cnt0 }) => cnt0 === 2n);
  await until("the second cube", () => second().length === 3);
  assertEquals(indices(second()), [0, 1, 2]);
  assertEquals(second().map(({ pixels }) => pixels[0]), [20, 21, 22]);
});

Deno.test("Transmitter.start() sends whole cubes also where it missed as many as there are slices", async () => {
  using folder = new Folder();
  using cam = source(folder, { size: [4, 3, 3] });
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port, {
    wait: { mode: "poll" },
  });
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
  cam.poke();
  await frames(recording, 3);
  const four = new Uint8Array(new BigUint64Array([4n]).buffer);
  cam.mapping.store(cam.layout.table.cnt0, four); // three at once
  const later = () => framesOf(recording.bytes).filter(({ cnt0 }) => cnt0 > 1n);
  await until("something of it", () => later().length > 1);
  cam.poke();
  await until("the next one", () => later().some(({ cnt0 }) => cnt0 === 5n));
  const fourth = later().filter(({ cnt0 }) => cnt0 < 5n);
  assertEquals(indices(fourth), [0, 1, 2]);
  assertEquals(fourth.map(({ cnt0 }) => cnt0), [4n, 4n, 4n]);
});

Deno.test("Transmitter.start() sends a cube whose cnt1 is out of range as a whole", async () => {
  using folder = new Folder();
  using cam = source(folder, { size: [4, 3, 3] });
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port);
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
  const { cnt1 } = cam.layout.table;
  const beyond = new Uint8Array(new BigUint64Array([1n << 31n]).buffer);
  cam.mapping.store(cnt1, beyond);
  cam.poke();
  assertEquals(indices(await frames(recording, 3)), [0, 1, 2]);
});

Deno.test("Transmitter.start() sends whole cubes of a ring with slices whole", async () => {
  using folder = new Folder();
  using cam = source(folder, { size: [4, 3, 3], circular: true });
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port, {
    slices: "whole",
  });
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
  cam.write(flat(5), { slice: 1 });
  const taken = await frames(recording, 3);
  assertEquals(indices(taken).slice(0, 3), [0, 1, 2]);
  assertEquals(taken.map(({ pixels }) => pixels[0]).slice(0, 3), [0, 5, 0]);
});

Deno.test("Transmitter.start() sends one slice a frame with slices rolling", async () => {
  using folder = new Folder();
  using cam = source(folder, { size: [4, 3, 3] });
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port, {
    slices: "rolling",
  });
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
  for (let n = 1; n <= 3; n++) {
    cam.write(flat(n), { slice: 2 }); // the writer's ring is one slice
    await until(
      "the frame",
      () => framesOf(recording.bytes).at(-1)?.cnt0 === BigInt(n),
    );
  }
  const sent = framesOf(recording.bytes).filter(({ cnt0 }, i, all) =>
    i === 0 || cnt0 !== all[i - 1]?.cnt0
  );
  assertEquals(indices(sent), [2, 2, 2]);
});

Deno.test("Transmitter.start() counts the frames that it never saw", async () => {
  using folder = new Folder();
  using cam = source(folder);
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
  for (let n = 0; n < 2000; n++) cam.write(flat(n));
  await until(
    "the last frame",
    () => transmitting.transmitter.status().lastCnt0 === 2000n,
  );
  const { frames: sent, skipped } = transmitting.transmitter.status();
  assertEquals(sent + skipped, 2000);
});

Deno.test.each(["semaphore", "spin", "poll", "adaptive"] as const)(
  "Transmitter.start() waits for the source by %s",
  async (mode) => {
    using folder = new Folder();
    using cam = source(folder);
    await using recorder = new Recorder();
    await using _ = new Transmitting(folder, "cam", recorder.port, {
      wait: { mode },
    });
    const recording = await recorder.connection();
    await recording.take(HANDSHAKE);
    for (let n = 1; n <= 5; n++) {
      cam.write(flat(n));
      await until(
        "the frame",
        () => framesOf(recording.bytes).at(-1)?.cnt0 === BigInt(n),
      );
    }
    if (mode === "spin" || mode === "poll") {
      const readers = cam.semaphores().map(({ readerPid }) => readerPid);
      assert(!readers.includes(Deno.pid), "the stream stays untouched");
    }
  },
);

Deno.test("Transmitter.start() polls where all semaphores are taken, with a warning", async () => {
  using folder = new Folder();
  using cam = source(folder, { semaphores: 0 });
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
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
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
  const first = await recorder.connection(0);
  await frames(first, 1);
  await first.close();
  await transmitting.events.said(/closed the connection|reset/);
  const [frame] = await frames(await recorder.connection(1), 1);
  assertEquals(frame?.cnt0, 1n);
  assertEquals(transmitting.transmitter.status().reconnects, 1);
});

Deno.test("Transmitter.start() ends with the connection with reconnect false", async () => {
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port, {
    reconnect: false,
  });
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
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
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

Deno.test("Transmitter.start() fails where the source is re-created in another shape", async () => {
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
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
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "cam", recorder.port, {
    reopen: "any",
  });
  await frames(await recorder.connection(), 1);
  using next = source(folder, { existing: "replace", size: [7], type: "u8" });
  next.write(new Uint8Array(7).fill(9));
  const [frame] = await frames(await recorder.connection(1), 1);
  assertEquals(frame?.pixels, new Uint8Array(7).fill(9));
});

Deno.test("Transmitter.start() fails at any re-creation with reopen never", async () => {
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port, {
    reopen: "never",
  });
  await frames(await recorder.connection(), 1);
  using _ = source(folder, { existing: "replace" });
  await transmitting.ended();
  assertInstanceOf(transmitting.error, StreamChangedError);
});

Deno.test("Transmitter.start() names a writer that holds its write flag up, and sends its frame late", async () => {
  using folder = new Folder();
  using cam = source(folder);
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE);
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
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
  await frames(await recorder.connection(), 1);
  Deno.truncateSync(folder.stream("cam"), 0);
  await transmitting.ended();
  assert(transmitting.error !== undefined);
});

Deno.test("Transmitter.start() goes on while its source is removed and made anew", async () => {
  using folder = new Folder();
  using cam = source(folder);
  cam.write(flat(3));
  await using recorder = new Recorder();
  await using transmitting = new Transmitting(folder, "cam", recorder.port);
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
