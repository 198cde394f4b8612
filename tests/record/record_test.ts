/** Recording in this process: every frame, exactly, in whole files. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FrameRing, startCapture } from "../../ffi/ring.ts";
import { makeTrigger, parseTrigger } from "../../src/record/trigger.ts";
import { GZIP, packFile } from "../../src/record/pack.ts";
import { Recording } from "../../src/record/recording.ts";
import { recordStreams } from "../../src/record/record.ts";
import { replay } from "../../src/record/replay.ts";
import { record } from "../../src/record/session.ts";
import { StreamNotFoundError } from "../../src/stream/format.ts";
import { Stream } from "../../src/stream/stream.ts";
import { type DataType, TYPES } from "../../src/stream/types.ts";
import { Folder, until } from "../_support/cli.ts";
import { contentOf, Session } from "./_record.ts";

const u16 = (n: number, count: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(new Uint16Array(count).fill(n).buffer);

Deno.test("recordStreams() puts every frame into cubes with their counters and times", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", {
    dir: folder.path,
    size: [5, 3],
    type: "u16",
  });
  cam.setKeywords([{ name: "GAIN", type: "D", value: 2.5, comment: "e/adu" }]);
  const session = new Session([cam.reopen()], [cam], {
    dir: folder.file("log"),
    frames: 4,
    cubes: 3,
  });
  await session.write(12, (n) => u16(n, 15));
  const [recorded] = await session.done;
  assertEquals([recorded?.frames, recorded?.missed], [12, 0]);
  assertEquals(recorded?.files.length, 3);
  let n = 0;
  let before = 0n;
  for (const file of recorded?.files ?? []) {
    assert(
      /\/cam_\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\.fits$/.test(file),
      file,
    );
    const { size, pixels, cnt0, arrived } = await contentOf(file);
    assertEquals(size, [5, 3, 4]);
    for (let k = 0; k < 4; k++, n++) {
      assertEquals([pixels[k * 15], pixels[k * 15 + 14]], [n, n]);
      assertEquals(cnt0[k], BigInt(n + 1));
      assert((arrived[k] ?? 0n) > before);
      before = arrived[k] ?? 0n;
    }
    using recording = await Recording.open(file);
    assertEquals(recording.keywords().map(({ name }) => name), ["GAIN"]);
  }
  assertEquals(
    [...Deno.readDirSync(folder.file("log"))].filter(({ name }) =>
      name.startsWith(".")
    ),
    [],
  );
});

Deno.test("a capture that finds its ring full loses nothing that it has, and counts the rest", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", {
    dir: folder.path,
    size: [4],
    type: "u16",
  });
  const ring = new FrameRing(4, 8);
  const pump = startCapture(cam.mapping, ring, {
    wait: { mode: 2, semaphore: -1, pollUs: 50, spinUs: 0 },
    schedule: { priority: 0, cpus: [] },
  });
  await until("the pump", () => ring.ready);
  const write = async (n: number): Promise<void> => {
    const seen = pump.counters().frames + pump.counters().repeats;
    cam.write(u16(n, 4));
    await until(
      `frame ${n}`,
      () => pump.counters().frames + pump.counters().repeats > seen,
    );
  };
  for (let n = 1; n <= 10; n++) await write(n);
  assertEquals([ring.head, ring.tail, ring.missedSince], [4, 0, 6]);
  assertEquals(
    [0, 1, 2, 3].map((i) => ring.frames(i, 1)[0]),
    [1, 2, 3, 4],
  );
  ring.release(2);
  await write(11);
  const { cnt0, missed, overflow } = ring.caught(4);
  assertEquals([cnt0, missed, overflow], [11n, 0n, 6n]);
  assertEquals(ring.missedSince, 0);
  pump.stop();
  assertEquals((await pump.done).reason, "stopped");
});

Deno.test("recordStreams() counts frames that passed unseen as missed", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", {
    dir: folder.path,
    size: [4],
    type: "u16",
  });
  const session = new Session([cam.reopen()], [cam], {
    dir: folder.path,
    frames: 3,
    cubes: 1,
  });
  await session.write(2, (n) => u16(n, 4));
  const { table } = cam.layout;
  const counter = new Uint8Array(new BigUint64Array([9n]).buffer);
  cam.mapping.beginFrame(); // seven frames in one blow
  cam.mapping.store(table.cnt0, counter);
  cam.mapping.endFrame();
  const [recorded] = await session.done;
  assertEquals([recorded?.frames, recorded?.missed], [3, 7]);
});

Deno.test("streams begin at the trigger and end with the last frame of the first", async () => {
  using folder = new Folder();
  const make = (name: string): Stream =>
    Stream.create(name, { dir: folder.path, size: [2], type: "u16" });
  using a = make("a");
  using b = make("b");
  const session = new Session([a.reopen(), b.reopen()], [a, b], {
    dir: folder.file("log"),
    frames: 5,
    cubes: 1,
    trigger: (recorders) =>
      makeTrigger(parseTrigger("counter:4"), recorders, {}),
  });
  await session.write(9, (n) => u16(n + 1, 2)); // a, b, a, b, …
  const [one, two] = await session.done;
  assertEquals((await contentOf(one?.files[0] ?? "")).cnt0, [
    4n,
    5n,
    6n,
    7n,
    8n,
  ]);
  assertEquals((await contentOf(two?.files[0] ?? "")).cnt0, [4n, 5n, 6n, 7n]);
});

Deno.test("a keyword, or another stream's frame, begins a recording", async () => {
  for (const trigger of ["SHUTTER=open", "gate"]) {
    using folder = new Folder();
    const make = (name: string): Stream =>
      Stream.create(name, { dir: folder.path, size: [2], type: "u16" });
    using cam = make("cam");
    using gate = make("gate");
    await using held = new AsyncDisposableStack();
    const begun = Promise.withResolvers<void>();
    const session = new Session([cam.reopen()], [cam], {
      dir: folder.file("log"),
      frames: 2,
      cubes: 1,
      trigger: (recorders) =>
        held.use(
          makeTrigger(parseTrigger(trigger), recorders, { dir: folder.path }),
        ),
      onStart: begun.resolve,
    });
    await session.write(3, (n) => u16(n, 2));
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (trigger === "gate") gate.write(u16(1, 2));
    else {
      cam.setKeywords([
        { name: "SHUTTER", type: "S", value: "open", comment: "" },
      ]);
    }
    await begun.promise;
    await session.write(2, (n) => u16(n, 2));
    const [recorded] = await session.done;
    assertEquals(
      (await contentOf(recorded?.files[0] ?? "")).cnt0,
      [4n, 5n],
      trigger,
    );
  }
});

Deno.test("recordStreams() goes on with another file where a stream is re-created", async () => {
  using folder = new Folder();
  const make = (size: number): Stream =>
    Stream.create("cam", {
      dir: folder.path,
      size: [size],
      type: "u16",
      existing: "replace",
    });
  using first = make(2);
  const end = new AbortController();
  const warnings: string[] = [];
  const session = new Session([first.reopen()], [first], {
    dir: folder.file("log"),
    signal: end.signal,
    onWarning: (message) => warnings.push(message),
  });
  await session.write(3, (n) => u16(n, 2));
  const [recorder] = await session.ready();
  using second = make(3);
  second.write(u16(7, 3));
  await until("the new one", () => (recorder?.recorded.frames ?? 0) === 4);
  end.abort();
  const [recorded] = await session.done;
  assertEquals([recorded?.frames, recorded?.missed], [4, 0]);
  const files = recorded?.files ?? [];
  assertEquals((await contentOf(files[0] ?? "")).cnt0, [1n, 2n, 3n]);
  assertEquals([...(await contentOf(files[1] ?? "")).pixels as number[]], [
    7,
    7,
    7,
  ]);
  assert(warnings.some((line) => line.includes("re-created")), `${warnings}`);
});

Deno.test("recordStreams() of a stream made anew that counts on misses what lies between", async () => {
  using folder = new Folder();
  const make = (cnt0: bigint): Stream => {
    const stream = Stream.create("cam", {
      dir: folder.path,
      size: [2],
      type: "u16",
      existing: "replace",
    });
    stream.mapping.store(
      stream.layout.table.cnt0,
      new Uint8Array(new BigUint64Array([cnt0]).buffer),
    );
    return stream;
  };
  using first = make(5_000_000n);
  const end = new AbortController();
  const session = new Session([first.reopen()], [first], {
    dir: folder.file("log"),
    signal: end.signal,
  });
  await session.write(3, (n) => u16(n, 2));
  const [recorder] = await session.ready();
  using second = make(5_000_005n);
  second.write(u16(7, 2));
  await until("the new one", () => (recorder?.recorded.frames ?? 0) === 4);
  end.abort();
  const [recorded] = await session.done;
  assertEquals([recorded?.frames, recorded?.missed], [4, 2]);
});

Deno.test("what is recorded and replayed is the same, for every type and axis", async () => {
  using folder = new Folder();
  const sizes = [[5], [3, 2], [2, 2, 3]];
  for (const [i, type] of (Object.keys(TYPES) as DataType[]).entries()) {
    for (const size of type === "u16" ? sizes : [sizes[i % 3] ?? [1]]) {
      const dir = { dir: folder.path };
      using cam = Stream.create("cam", {
        ...dir,
        size,
        type,
        existing: "replace",
      });
      const bytes = cam.layout.table.dataBytes;
      const frame = (n: number): Uint8Array<ArrayBuffer> =>
        new Uint8Array(bytes).map((_, i) => (i * 7 + n * 31) % 120);
      const session = new Session([cam.reopen()], [cam], {
        dir: folder.file("log"),
        frames: 3,
        cubes: 1,
      });
      await session.write(3, frame);
      const [recorded] = await session.done;
      let file = recorded?.files[0] ?? "";
      if (size.length === 2) ({ file } = await packFile(file, GZIP));
      using recording = await Recording.open(file);
      assertEquals(
        [recording.type, recording.size, recording.frames],
        [type, size, 3],
      );
      const into = new Uint8Array(3 * bytes);
      await recording.read(0, into);
      for (let n = 0; n < 3; n++) {
        assertEquals(into.slice(n * bytes, (n + 1) * bytes), frame(n), type);
      }
      using copy = Stream.create("copy", {
        ...dir,
        size,
        type,
        existing: "replace",
      });
      const { frames } = await replay(copy, [recording], { rateHz: 2000 });
      assertEquals([frames, copy.cnt0, copy.read().bytes], [
        3,
        3n,
        frame(2),
      ]);
    }
  }
});

Deno.test("recordStreams() fails where the folder cannot be made, and lets go of everything", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", { dir: folder.path, size: [2], type: "u8" });
  Deno.writeTextFileSync(folder.file("log"), "a file");
  const session = new Session([cam.reopen()], [cam], {
    dir: folder.file("log"),
  });
  await session.write(1, () => new Uint8Array(2));
  await assertRejects(() => session.done);
  assertEquals(cam.semaphores().filter(({ readerPid }) => readerPid > 0), []);
});

/** Semaphores of a stream that somebody has claimed. */
function claims(stream: Stream): number {
  return stream.semaphores().filter(({ readerPid }) => readerPid > 0).length;
}

Deno.test("a recording whose trigger does not exist leaves no thread and no claim", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", { dir: folder.path, size: [2], type: "u8" });
  await assertRejects(
    () =>
      record(["cam"], {
        streamDir: folder.path,
        dir: folder.file("log"),
        bufferFrames: 16,
        wait: { mode: "semaphore" },
        trigger: { kind: "stream", name: "gate" },
      }),
    StreamNotFoundError,
    "gate",
  );
  assertEquals(claims(cam), 0);
});

Deno.test("a buffer for which there is no memory is named, and the other streams are let go", async () => {
  using folder = new Folder();
  const make = (name: string, size: number[]): Stream =>
    Stream.create(name, { dir: folder.path, size, type: "u8" });
  using small = make("small", [2]);
  using large = make("large", [4096, 4096]);
  const error = await assertRejects(
    () =>
      recordStreams([small.reopen(), large.reopen()], {
        dir: folder.file("log"),
        bufferFrames: 2 ** 20, // 16 TiB of the large ones
        wait: { mode: "semaphore" },
      }),
    RangeError,
  );
  assertMatch(
    error.message,
    /^Cannot record "large": No memory for a buffer of 17592186 MB$/,
  );
  assertEquals([claims(small), claims(large)], [0, 0]);
});

Deno.test("recordStreams() ends at a signal that came before it began", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", { dir: folder.path, size: [2], type: "u8" });
  const [recorded] = await recordStreams([cam.reopen()], {
    dir: folder.file("log"),
    signal: AbortSignal.abort(),
    bufferFrames: 16,
  });
  assertEquals([recorded?.frames, recorded?.files], [0, []]);
});
