/** Several processes on one stream: whole frames, two writers. */

import { assert, assertEquals } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import type { Frame } from "../../src/stream/frames.ts";
import { Child, moduleUrl } from "../_support/child.ts";
import { Folder, until } from "../_support/cli.ts";

/** A test that gets nowhere ends after this, as a failure. */
const LONG_MS = 30_000;
const SIDE = 256;

/**
 * Publishes frames that hold their own number in every pixel; `backwards`
 * stores them in pieces from the end, against the direction of a copy.
 */
function writer(path: string, pauseEvery: number, backwards = false): Child {
  return Child.start(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    const stream = Stream.open("${path}");
    const pixels = new Uint32Array(${SIDE * SIDE});
    const bytes = new Uint8Array(pixels.buffer);
    const { data, writeFlag } = stream.layout.table;
    const up = new Uint8Array([1]);
    const piece = bytes.length / 16;
    const pause = new Int32Array(new SharedArrayBuffer(4));
    console.log("writing");
    for (let n = 1; n < 2 ** 31; n++) {
      pixels.fill(n);
      if (${backwards}) {
        stream.mapping.store(writeFlag, up);
        for (let at = bytes.length - piece; at >= 0; at -= piece) {
          stream.mapping.store(data + at, bytes.subarray(at, at + piece));
        }
        stream.poke();
      } else {
        stream.write(pixels);
      }
      if (n % ${pauseEvery} === 0) Atomics.wait(pause, 0, 0, 2);
    }
  `);
}

/** A frame that is not called torn holds one number only: its own. */
function requireWhole(frame: Frame): void {
  const number = Number(frame.cnt0);
  const wrong = (frame.pixels as Uint32Array).findIndex((pixel) =>
    pixel !== number
  );
  assertEquals(wrong, -1, `pixel ${wrong} is not of frame ${number}`);
}

const SETUPS = [
  { what: "a writer with pauses", pauseEvery: 10, circularBuffer: 0 },
  {
    what: "a writer that begins at the end",
    pauseEvery: 10,
    circularBuffer: 0,
    backwards: true,
  },
  { what: "a restless writer", pauseEvery: 2 ** 30, circularBuffer: 0 },
  {
    what: "a restless writer with a circular buffer",
    pauseEvery: 2 ** 30,
    circularBuffer: 4,
  },
];

for (const { what, pauseEvery, circularBuffer, backwards } of SETUPS) {
  Deno.test(`Stream.read() never takes a torn frame of ${what} for whole`, async () => {
    using folder = new Folder();
    using stream = Stream.create("cam", {
      dir: folder.path,
      size: [SIDE, SIDE],
      type: "u32",
      circularBuffer,
    });
    await using child = writer(stream.path, pauseEvery, backwards);
    assertEquals(await child.line(), "writing");
    assertEquals(await stream.wait({ timeoutMs: LONG_MS }), true);
    const into = new Uint8Array(SIDE * SIDE * 4);
    const deadline = performance.now() + LONG_MS;
    // A writer that never pauses may leave nothing but torn frames.
    const wanted = pauseEvery > 1000 && circularBuffer === 0 ? 0 : 30;
    let whole = 0;
    for (let reads = 0; reads < 300 || whole < wanted; reads++) {
      assert(performance.now() < deadline, `${whole} of ${reads} are whole`);
      const frame = stream.read({ into, tries: 1 + reads % 3 });
      if (frame.torn) continue;
      requireWhole(frame);
      whole++;
    }
  });
}

Deno.test("Stream.frames() gives whole frames of a busy writer in order", async () => {
  using folder = new Folder();
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [SIDE, SIDE],
    type: "u32",
  });
  await using _child = writer(stream.path, 3);
  let last = 0n;
  let count = 0;
  const options = { reuseBuffer: true, timeoutMs: LONG_MS };
  for await (const frame of stream.frames(options)) {
    if (!frame.torn) requireWhole(frame);
    assert(frame.cnt0 > last);
    if (count > 0) assertEquals(frame.missed, frame.cnt0 - last - 1n);
    last = frame.cnt0;
    if (++count === 100) break;
  }
  assertEquals(count, 100);
});

Deno.test("Stream.read() in another process gives what was written here", async () => {
  using folder = new Folder();
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [3, 2],
    type: "i64",
    keywords: 2,
  });
  stream.setKeywords([{ name: "N", type: "L", value: 2n ** 62n, comment: "" }]);
  stream.write(BigInt64Array.from([1n, -1n, 2n ** 62n, 0n, 5n, 6n]));
  await using child = Child.start(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    using stream = Stream.open("cam", { dir: "${folder.path}" });
    const frame = stream.read();
    console.log([...frame.pixels].join(" "));
    console.log(frame.cnt0, stream.keywords()[0].value, stream.trace()[0].pid);
  `);
  assertEquals(await child.line(), "1 -1 4611686018427387904 0 5 6");
  assertEquals(
    await child.line(),
    `1n 4611686018427387904n ${Deno.pid}`,
  );
  assertEquals(await child.ended(), 0);
});

Deno.test("Stream.write() of two processes loses no count and notices the other", async () => {
  using folder = new Folder();
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [4],
    type: "u8",
  });
  stream.write(new Uint8Array(4));
  await using child = Child.start(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    using stream = Stream.open("${stream.path}");
    stream.write(new Uint8Array(4));
    console.log("one");
    await Deno.stdin.read(new Uint8Array(8));
    for (let n = 0; n < 5000; n++) stream.write(new Uint8Array(4));
    console.log(stream.foreignWrites);
  `);
  assertEquals(await child.line(), "one");
  assertEquals(stream.write(new Uint8Array(4)).cnt0, 3n);
  assertEquals(stream.foreignWrites, 1n);
  await child.say("go");
  for (let n = 0; n < 5000; n++) stream.write(new Uint8Array(4));
  const noticedThere = BigInt((await child.line()).replace("n", ""));
  assertEquals(stream.cnt0, 10_003n);
  // The child's first frame lies before ours, its last one behind all of
  // ours or the other way round: each has noticed the other.
  assert(stream.foreignWrites >= 1n && stream.foreignWrites <= 5001n);
  assert(noticedThere >= 1n && noticedThere <= 5001n);
});

Deno.test("Stream.wait() of two processes on one stream both hear a frame", async () => {
  using folder = new Folder();
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [4],
    type: "u8",
  });
  await using child = Child.start(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    using stream = Stream.open("${stream.path}");
    const wait = stream.wait({ timeoutMs: ${LONG_MS} });
    console.log("waiting");
    console.log(await wait);
  `);
  assertEquals(await child.line(), "waiting");
  const wait = stream.wait({ timeoutMs: LONG_MS });
  assertEquals(
    stream.semaphores().slice(0, 2).map(({ readerPid }) => readerPid),
    [child.pid, Deno.pid],
  );
  stream.write(new Uint8Array(4));
  assertEquals([await wait, await child.line()], [true, "true"]);
});

Deno.test("two processes answer each other frame by frame", async () => {
  using folder = new Folder();
  const options = { dir: folder.path, size: [4], type: "u8" } as const;
  using there = Stream.create("there", options);
  using back = Stream.create("back", options);
  await using child = Child.start(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    using there = Stream.open("${there.path}");
    using back = Stream.open("${back.path}");
    console.log("ready");
    for await (const frame of there.frames({ since: 0n, timeoutMs: ${LONG_MS} })) {
      back.write(frame.bytes.map((byte) => byte + 1));
      if (frame.cnt0 === 50n) break;
    }
  `);
  const frames = back.frames({ timeoutMs: LONG_MS });
  assertEquals(await child.line(), "ready");
  // Its reader has claimed a semaphore when it follows the stream.
  await until(
    "its claim",
    () => (there.semaphores()[0]?.readerPid ?? 0) > 0,
  );
  for (let n = 1; n <= 50; n++) {
    const next = frames.next();
    there.write(new Uint8Array(4).fill(n));
    const { value } = await next;
    assertEquals(value?.pixels, new Uint8Array(4).fill(n + 1));
  }
  await frames.return();
  assertEquals(await child.ended(), 0);
});
