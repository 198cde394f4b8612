/** Following a stream: every frame, stalled writers, re-creations. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { StreamChangedError } from "../../src/stream/format.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { CreateOptions } from "../../src/stream/stream_options.ts";
import { WAIT_MODES } from "../../src/stream/wait.ts";
import { Child, moduleUrl } from "../_support/child.ts";
import { fixtureBytes } from "../_support/fixtures.ts";
import { Folder } from "../_support/folder.ts";
import { Foreign } from "../_support/foreign.ts";
import { post } from "../_support/semaphores.ts";

/** Long enough for any machine: a test that needs it has failed. */
const LONG_MS = 30_000;

function camera(
  folder: Folder,
  change: Partial<CreateOptions> = {},
): Stream {
  return Stream.create("cam", {
    dir: folder.path,
    size: [4],
    type: "u8",
    ...change,
  });
}

function filled(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(4).fill(value);
}

for (const mode of WAIT_MODES) {
  Deno.test(`Stream.frames() in mode ${mode} gives every frame of a patient writer`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    await using child = Child.start(`
      import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
      using stream = Stream.open("${stream.path}");
      for await (const _ of Deno.stdin.readable) {
        stream.write(new Uint8Array(4).fill(Number(stream.cnt0) + 1));
      }
    `);
    const frames = stream.frames({ mode, timeoutMs: LONG_MS });
    for (let n = 1; n <= 20; n++) {
      const next = frames.next();
      await child.say("one more");
      const { value } = await next;
      assertEquals([value?.cnt0, value?.missed], [BigInt(n), 0n]);
      assertEquals([value?.pixels, value?.torn], [filled(n), false]);
    }
    await frames.return();
  });
}

Deno.test("Stream.frames() gives the newest frame and counts the missed ones", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const frames = stream.frames({ since: 0n, timeoutMs: LONG_MS });
  for (let n = 1; n <= 5; n++) stream.write(filled(n));
  const { value } = await frames.next();
  assertEquals([value?.cnt0, value?.missed], [5n, 4n]);
  assertEquals(value?.pixels, filled(5));
  await frames.return();
});

Deno.test("Stream.frames() begins with the frame that is there, on request", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  for (let n = 1; n <= 3; n++) stream.write(filled(n));
  for await (const frame of stream.frames({ first: true })) {
    assertEquals([frame.cnt0, frame.missed], [3n, 0n]);
    break;
  }
});

Deno.test("Stream.frames() does not begin with the frame that is there", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  stream.write(filled(1));
  for await (const _ of stream.frames({ timeoutMs: 30 })) {
    throw new Error("nothing new was written");
  }
});

Deno.test("Stream.frames() ends after its timeout", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const frames = stream.frames({ timeoutMs: 20 });
  assertEquals(await frames.next(), { value: undefined, done: true });
});

Deno.test("Stream.frames() ends with its signal", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const controller = new AbortController();
  const frames = stream.frames({ signal: controller.signal });
  const next = frames.next();
  controller.abort();
  assertEquals((await next).done, true);
});

Deno.test("Stream.frames() claims a semaphore and gives it back at its end", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  for await (const _ of stream.frames({ first: true, since: 9n })) {
    assertEquals(stream.semaphores()[0]?.readerPid, Deno.pid);
    break;
  }
  assertEquals(stream.semaphores()[0]?.readerPid, 0);
});

Deno.test("Stream.frames() gives two readers of one stream all frames each", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const readers = [1, 2].map(() => stream.frames({ timeoutMs: LONG_MS }));
  for (let n = 1; n <= 10; n++) {
    const nexts = readers.map((reader) => reader.next());
    stream.write(filled(n));
    for (const { value } of await Promise.all(nexts)) {
      assertEquals([value?.cnt0, value?.missed], [BigInt(n), 0n]);
    }
  }
  for (const reader of readers) await reader.return();
});

Deno.test("Stream.frames() gives one slice of a cube", async () => {
  using folder = new Folder();
  using stream = camera(folder, { size: [2, 2, 3] });
  stream.write(filled(7), { slice: 1 });
  for await (const frame of stream.frames({ first: true, slice: 1 })) {
    assertEquals([frame.pixels, frame.size], [filled(7), [2, 2]]);
    break;
  }
});

Deno.test("Stream.frames() refuses a slice that is not there", async () => {
  using folder = new Folder();
  using stream = camera(folder, { size: [2, 2, 3] });
  await assertRejects(
    () => stream.frames({ slice: 3 }).next(),
    RangeError,
    "there is no slice 3",
  );
  assertEquals(stream.semaphores()[0]?.readerPid, 0);
});

for (const reuseBuffer of [false, true]) {
  Deno.test(`Stream.frames() with reuseBuffer ${reuseBuffer} gives ${reuseBuffer ? "one buffer" : "copies"}`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    const frames = stream.frames({ reuseBuffer, since: 99n });
    const first = (await frames.next()).value;
    stream.write(filled(5));
    const second = (await frames.next()).value;
    assertEquals(first?.bytes === second?.bytes, reuseBuffer);
    await frames.return();
  });
}

Deno.test("Stream.frames() of a stream that is closed says so", async () => {
  using folder = new Folder();
  const stream = camera(folder);
  const next = stream.frames().next();
  stream.close();
  await assertRejects(() => next, TypeError, "it is closed");
});

Deno.test("Stream.frames() takes a writer that posts before it counts", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  using file = new Foreign(stream.path);
  const frames = stream.frames({ mode: "semaphore", timeoutMs: LONG_MS });
  for (let n = 1; n <= 20; n++) {
    const next = frames.next();
    file.set("write", 1);
    file.put(stream.layout.table.data, filled(n));
    await post(stream, -1);
    // The reader is awake now and sees the flag up and the old counter.
    if (n % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    file.set("write", 0);
    file.set("cnt0", BigInt(n));
    const { value } = await next;
    assertEquals([value?.cnt0, value?.missed], [BigInt(n), 0n]);
    assertEquals([value?.pixels, value?.torn], [filled(n), false]);
  }
  await frames.return();
});

Deno.test("Stream.frames() takes a frame that comes long after its post", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  using file = new Foreign(stream.path);
  const frames = stream.frames({ mode: "semaphore", timeoutMs: LONG_MS });
  const next = frames.next();
  await post(stream, -1);
  await new Promise((resolve) => setTimeout(resolve, 30));
  file.set("cnt0", 1n);
  assertEquals((await next).value?.cnt0, 1n);
  await frames.return();
});

/** A writer that wrote one frame and holds the flag up for another. */
function stallingWriter(path: string): Child {
  return Child.start(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    import { Foreign } from "${moduleUrl("tests/_support/foreign.ts")}";
    const stream = Stream.open("${path}");
    stream.write(new Uint8Array(4).fill(1));
    new Foreign(stream.path).set("write", 1);
    console.log("flag is up");
    await Deno.stdin.read(new Uint8Array(8));
  `);
}

Deno.test("Stream.frames() names a writer that died with its flag up, once", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  await using child = stallingWriter(stream.path);
  assertEquals(await child.line(), "flag is up");
  await child.kill();
  const warnings: string[] = [];
  const warned = Promise.withResolvers<void>();
  const frames = stream.frames({
    timeoutMs: LONG_MS,
    onWarning: (message) => {
      warnings.push(message);
      warned.resolve();
    },
  });
  const next = frames.next();
  await warned.promise;
  assertEquals(stream.read({ tries: 1 }).stalled, true);
  // Another writer repairs the stream, the frame comes late but whole.
  stream.write(filled(2));
  const { value } = await next;
  assertEquals([value?.cnt0, value?.torn], [2n, false]);
  assertEquals(value?.pixels, filled(2));
  await frames.return();
  assertEquals(warnings, [
    `The writer of "cam" (pid ${child.pid}) holds its write flag up: its ` +
    "frame is late",
  ]);
});

Deno.test("Stream.frames() names a writer that counted and stays busy", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  await using child = stallingWriter(stream.path);
  assertEquals(await child.line(), "flag is up");
  const warned = Promise.withResolvers<string>();
  const frames = stream.frames({ first: true, onWarning: warned.resolve });
  const next = frames.next();
  assert((await warned.promise).includes(`(pid ${child.pid})`));
  using file = new Foreign(stream.path);
  file.set("write", 0);
  assertEquals((await next).value?.pixels, filled(1));
  await frames.return();
});

Deno.test("Stream.frames() goes on in a stream that was re-created alike", async () => {
  using folder = new Folder();
  using old = camera(folder);
  old.write(filled(1));
  using stream = Stream.open("cam", { dir: folder.path });
  const frames = stream.frames({ timeoutMs: LONG_MS });
  const next = frames.next();
  using fresh = camera(folder, { existing: "replace" });
  fresh.write(filled(9));
  const { value } = await next;
  assertEquals([value?.cnt0, value?.pixels], [1n, filled(9)]);
  await frames.return();
  assertEquals(fresh.semaphores()[0]?.readerPid, 0);
  assertEquals(old.semaphores()[0]?.readerPid, 0);
});

Deno.test("Stream.frames() counts what it missed in a re-created stream of its own counters", async () => {
  using folder = new Folder();
  using _old = camera(folder);
  using stream = Stream.open("cam", { dir: folder.path });
  const frames = stream.frames({ timeoutMs: LONG_MS });
  const next = frames.next();
  using fresh = camera(folder, { existing: "replace" });
  for (let n = 1; n <= 4; n++) fresh.write(filled(n));
  const { value } = await next;
  assertEquals([value?.cnt0, value?.missed], [4n, 3n]);
  await frames.return();
});

Deno.test("Stream.frames() misses nothing of a re-created stream that goes on with its source's counters", async () => {
  using folder = new Folder();
  using old = camera(folder);
  old.write(filled(1));
  using stream = Stream.open("cam", { dir: folder.path });
  const warnings: string[] = [];
  const frames = stream.frames({
    timeoutMs: LONG_MS,
    onWarning: (message) => warnings.push(message),
  });
  const next = frames.next();
  using fresh = camera(folder, { existing: "replace" });
  const put = (cnt0: bigint) =>
    fresh.copyFrom({ ...old.read(), cnt0, cnt1: 0n }, 0);
  put(5_000_000n);
  const first = (await next).value;
  assertEquals([first?.cnt0, first?.missed], [5_000_000n, 0n]);
  assertEquals(warnings, [
    'Stream "cam" was re-created and is at frame 5000000: how many came ' +
    "before cannot be known, none is counted as missed",
  ]);
  put(5_000_003n);
  const second = (await frames.next()).value;
  assertEquals([second?.cnt0, second?.missed], [5_000_003n, 2n]);
  await frames.return();
});

Deno.test("Stream.frames() ends with an error where the new stream differs", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const next = stream.frames({ timeoutMs: LONG_MS }).next();
  using _fresh = camera(folder, { size: [5], existing: "replace" });
  await assertRejects(
    () => next,
    StreamChangedError,
    'Stream "cam" was re-created as 5 u8, it was 4 u8',
  );
  assertEquals(stream.semaphores()[0]?.readerPid, 0);
});

Deno.test('Stream.frames() with reopen "any" follows whatever comes', async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const frames = stream.frames({ reopen: "any", timeoutMs: LONG_MS });
  const next = frames.next();
  using fresh = camera(folder, {
    size: [2],
    type: "u16",
    existing: "replace",
  });
  fresh.write(new Uint16Array([1, 2]));
  const { value } = await next;
  assertEquals([value?.type, value?.size], ["u16", [2]]);
  assertEquals(value?.pixels, new Uint16Array([1, 2]));
  await frames.return();
});

Deno.test('Stream.frames() with reopen "never" ends with an error', async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const frames = stream.frames({ reopen: "never", timeoutMs: LONG_MS });
  const next = frames.next();
  using _fresh = camera(folder, { existing: "replace" });
  await assertRejects(() => next, StreamChangedError, "was re-created");
});

Deno.test("Stream.frames() waits for a stream that is gone to come back", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const frames = stream.frames({ timeoutMs: LONG_MS });
  const next = frames.next();
  Deno.removeSync(stream.path);
  await new Promise((resolve) => setTimeout(resolve, 700)); // one look
  using fresh = camera(folder);
  fresh.write(filled(3));
  assertEquals((await next).value?.pixels, filled(3));
  await frames.return();
});

Deno.test("Stream.frames() is patient with a stream that is being made", async () => {
  using folder = new Folder();
  const whole = fixtureBytes("isio/u8_1d_7.im.shm");
  const path = folder.stream("cam");
  Deno.writeFileSync(path, whole);
  using stream = Stream.open(path);
  const frames = stream.frames({ timeoutMs: LONG_MS });
  const next = frames.next();
  // As the original library makes one: empty, zeros, everything but version.
  const unversioned = whole.slice();
  unversioned.fill(0, 0, 32);
  const stages = [
    whole.subarray(0, 0),
    new Uint8Array(whole.length),
    unversioned,
    whole,
  ];
  for (const stage of stages) {
    const fresh = `${folder.path}/fresh`;
    Deno.writeFileSync(fresh, stage);
    Deno.renameSync(fresh, path);
    await new Promise((resolve) => setTimeout(resolve, 700)); // one look
  }
  assertEquals((await next).value?.cnt0, 3n);
  await frames.return();
});

Deno.test("Stream.frames() begins with the call, not with the first look", async () => {
  using folder = new Folder();
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [2],
    type: "u8",
  });
  const frames = stream.frames({ timeoutMs: 30_000 });
  stream.write(new Uint8Array([1, 2]));
  const { value } = await frames.next();
  assertEquals(value?.cnt0, 1n);
  await frames.return();
});
