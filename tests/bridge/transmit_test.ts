/** The transmitter: what goes out, and when. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { WireError } from "../../src/bridge/milk_wire.ts";
import { Transmitter } from "../../src/bridge/transmit.ts";
import type { Stream } from "../../src/stream/stream.ts";
import type { DataType } from "../../src/stream/types.ts";
import {
  flat,
  framesOf,
  HANDSHAKE,
  Recorder,
  type TakenFrame,
  Transmitting,
} from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";
import { frames, Outlet, source } from "./_outlet.ts";

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
  await using outlet = new Outlet();
  const { cam, transmitting } = outlet;
  const recording = await outlet.begun();
  await until("it waits", () => transmitting.transmitter.state === "waiting");
  cam.write(flat(1));
  const [frame] = await frames(recording, 1);
  assertEquals(frame?.cnt0, 1n);
});

Deno.test("Transmitter.start() repeats the first frame after a second, as no frame", async () => {
  await using outlet = new Outlet({ first: 7 });
  const { cam, recorder, transmitting } = outlet;
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
  await using outlet = new Outlet({ size: [4, 3, 4], circular: true });
  const { cam } = outlet;
  const recording = await outlet.begun();
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
  await using outlet = new Outlet({ size: [4, 3, 3] });
  const { cam } = outlet;
  const recording = await outlet.begun();
  const slices = [1, 2, 0, 1];
  for (const [n, slice] of slices.entries()) {
    cam.write(flat(n), { slice });
    await frames(recording, n + 1);
  }
  assertEquals(indices(framesOf(recording.bytes)), slices);
});

Deno.test("Transmitter.start() sends a cube whose cnt1 stays as all its slices", async () => {
  await using outlet = new Outlet({ size: [4, 3, 3] });
  const { cam } = outlet;
  const recording = await outlet.begun();
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
  await using outlet = new Outlet({ size: [4, 3, 3] }, {
    wait: { mode: "poll" },
  });
  const { cam } = outlet;
  const recording = await outlet.begun();
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
  await using outlet = new Outlet({ size: [4, 3, 3] });
  const { cam } = outlet;
  const recording = await outlet.begun();
  const { cnt1 } = cam.layout.table;
  const beyond = new Uint8Array(new BigUint64Array([1n << 31n]).buffer);
  cam.mapping.store(cnt1, beyond);
  cam.poke();
  assertEquals(indices(await frames(recording, 3)), [0, 1, 2]);
});

Deno.test("Transmitter.start() sends whole cubes of a ring with slices whole", async () => {
  await using outlet = new Outlet({ size: [4, 3, 3], circular: true }, {
    slices: "whole",
  });
  const { cam } = outlet;
  const recording = await outlet.begun();
  cam.write(flat(5), { slice: 1 });
  const taken = await frames(recording, 3);
  assertEquals(indices(taken).slice(0, 3), [0, 1, 2]);
  assertEquals(taken.map(({ pixels }) => pixels[0]).slice(0, 3), [0, 5, 0]);
});

Deno.test("Transmitter.start() sends one slice a frame with slices rolling", async () => {
  await using outlet = new Outlet({ size: [4, 3, 3] }, {
    slices: "rolling",
  });
  const { cam } = outlet;
  const recording = await outlet.begun();
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
  await using outlet = new Outlet();
  const { cam, transmitting } = outlet;
  await outlet.begun();
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
