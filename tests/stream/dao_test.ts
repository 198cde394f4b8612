/** DAO streams written, read and waited for, with a plain C program. */

import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { semaphoreBase } from "../../src/stream/dao.ts";
import { describeStream } from "../../src/stream/describe.ts";
import { StreamExistsError } from "../../src/stream/format.ts";
import type { Keyword } from "../../src/stream/keywords.ts";
import { removeStream } from "../../src/stream/remove.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { DataType } from "../../src/stream/types.ts";
import {
  DAO_FILES,
  DAO_LAYOUT,
  DaoFolder,
  daoOffset,
} from "../_support/dao.ts";
import { CODE, Peer, peer, peerCreates } from "../_support/dao_peer.ts";
import { elementsOf, fixtureBytes, pixelsFrom } from "../_support/fixtures.ts";

const TYPES = Object.keys(CODE) as (keyof typeof CODE)[];
const RECORD = DAO_LAYOUT.structs.metadata?.size ?? 0;

/** Blanks what differs from run to run: name and times of every record. */
function comparable(bytes: Uint8Array, depth: number): Uint8Array {
  const copy = bytes.slice();
  for (let k = 0; k < depth; k++) {
    const at = (name: string): number => k * RECORD + daoOffset(name);
    copy.fill(0, at("name"), at("name") + 80);
    copy.fill(0, at("creation_time"), at("atime") + 16);
  }
  return copy;
}

for (const file of DAO_FILES) {
  const [first] = file.expected.metadata;
  assert(first !== undefined);
  // Before the FIFO, and one axis: neither is made any more.
  if (first.fifo_size === undefined || first.naxis === 1) continue;
  const depth = first.fifo_size;
  Deno.test(`a new stream has the bytes of ${file.path}`, () => {
    using folder = new DaoFolder();
    const bytes = fixtureBytes(file.path);
    const type = TYPES[first.atype - 1] as DataType;
    using stream = Stream.create(folder.dao("made"), {
      format: "dao",
      type,
      size: first.size.slice(0, first.naxis).toReversed(),
      depth,
      keywords: first.NBkw,
    });
    stream.setKeywords(
      file.expected.keywords.map((one) =>
        (one.type === "L"
          ? { ...one, value: BigInt(one.value) }
          : one) as Keyword
      ),
    );
    const last = Math.max(...file.expected.metadata.map(({ cnt0 }) => cnt0));
    const value = (i: number): number => (i * 7 + 3) % 251;
    for (let n = 1; n <= last; n++) {
      const pixels = pixelsFrom(
        type,
        elementsOf(type, stream.size),
        (i) => value(i) + (depth > 1 ? 1000 * n : 0),
      );
      if (first.packetTotal === 0) {
        stream.write(pixels);
        continue;
      }
      for (const packet of [0, 1]) {
        stream.writePacket(pixels.slice(packet * 8, packet * 8 + 8), {
          position: packet * 8,
          packet,
          packets: 2,
          frame: BigInt(100 + n),
        });
      }
      stream.finishPackets();
    }
    assertEquals(
      comparable(Deno.readFileSync(stream.path), depth),
      comparable(bytes, depth),
    );
  });
}

Deno.test("every type of 1 to 3 axes goes to a C program and comes back", async () => {
  using folder = new DaoFolder();
  for (const [index, type] of TYPES.entries()) {
    const size = [[5, 3, 2], [5, 3], [5]][index % 3] ?? [];
    using stream = Stream.create(folder.dao(type), {
      format: "dao",
      type,
      size,
    });
    const count = elementsOf(type, size);
    const pixels = pixelsFrom(type, count, (i) => i < 2 ? 11 : 22);
    stream.write(pixels);
    const [line = ""] = await peer("read", stream.path);
    assertEquals(line.split(" ").slice(0, 3), ["1", "11", "22"], type);
    await peer("write", stream.path, 1, 7, 0);
    const frame = stream.read();
    assertEquals(frame.cnt0, 2n);
    assertEquals(
      Array.from(frame.pixels, Number).slice(0, 1),
      [7],
      type,
    );
    assert(stream.layout.storedSize.length > 1, "one axis ends DAO's readers");
    removeStream(stream.path, { force: true });
  }
});

Deno.test("a stream that a C program makes is understood", async () => {
  using folder = new DaoFolder();
  const path = folder.dao("foreign");
  await peerCreates(path, "i16", [5, 3], { depth: 4, keywords: 2 });
  await peer("write", path, 6, -3, 0);
  using stream = Stream.open(path);
  assertEquals(stream.type, "i16");
  assertEquals(stream.size, [3, 5]);
  assertEquals(stream.read().cnt0, 6n);
  assertEquals(stream.history(4).map(({ pixels }) => pixels[14]), [
    -1,
    0,
    1,
    2,
  ]);
  assertThrows(() => stream.history(5), RangeError, "fewer than 5");
  assertEquals(
    stream.keywords().map(({ name, value, comment }) => [name, value, comment]),
    [["KEY0", -40n, "comment 0"], ["KEY1", -41n, "comment 1"]],
  );
  using c = Stream.open(path, { axisOrder: "c" });
  assertEquals([c.size, c.layout.storedSize], [[5, 3], [5, 3]]);
});

Deno.test("semaphores are posted up to 1, all and the log's", async () => {
  using folder = new DaoFolder();
  using stream = Stream.create(folder.dao("posts"), {
    format: "dao",
    type: "u8",
    size: [2, 2],
  });
  const values = async (): Promise<string> =>
    (await peer("semaphores", stream.path))[0]?.trim() ?? "";
  assertEquals(await values(), "0 0 0 0 0 0 0 0 0 0 0");
  for (let k = 0; k < 3; k++) stream.write(new Uint8Array(4));
  assertEquals(await values(), "1 1 1 1 1 1 1 1 1 1 1");
  assertEquals(
    describeStream(stream).semaphores.map(({ value }) => value),
    Array(10).fill(1),
  );
});

for (const how of [["wait", 3], ["spin"]] as const) {
  Deno.test(`a C program that does ${how[0]} gets every frame of ours`, async () => {
    using folder = new DaoFolder();
    using stream = Stream.create(folder.dao("ours"), {
      format: "dao",
      type: "f32",
      size: [8, 8],
      depth: how[0] === "spin" ? 1 : 3,
    });
    const [what, ...more] = how;
    await using reader = new Peer(what, stream.path, ...more, 5);
    assertEquals(await reader.line(), "ready");
    for (let k = 1; k <= 5; k++) {
      stream.write(new Float32Array(64).fill(k));
      const [counter, first, last] = (await reader.line()).split(" ");
      assertEquals([counter, first, last], [`${k}`, `${k}`, `${k}`]);
    }
  });
}

for (const mode of ["semaphore", "spin", "adaptive", "poll"] as const) {
  for (const depth of [1, 4]) {
    Deno.test(`frames of a C program arrive whole by ${mode}, depth ${depth}`, async () => {
      using folder = new DaoFolder();
      const path = folder.dao("theirs");
      await peerCreates(path, "u32", [64, 64], { depth });
      using stream = Stream.open(path);
      const frames = stream.frames({ mode, timeoutMs: 20_000 });
      const next = frames.next();
      await using writer = new Peer("write", path, 400, 1, 200);
      let last = 0n;
      for (
        let { value } = await next;
        value !== undefined;
        { value } = await frames.next()
      ) {
        assert(value.cnt0 > last, `${value.cnt0} after ${last}`);
        last = value.cnt0;
        const [first] = value.pixels;
        assert(!value.torn);
        assert(value.pixels.every((pixel: unknown) => pixel === first));
        // The original counts after it has lowered the flag: until then a
        // single frame's number is that of the one before.
        const late = Number(first) - Number(value.cnt0);
        assert(late === 0 || (late === 1 && depth === 1), `late by ${late}`);
        if (last === 400n) break;
      }
      await frames.return();
      assertEquals(last, 400n);
      await writer.ended();
    });
  }
}

for (const depth of [1, 3]) {
  Deno.test(`no frame of a restless C program is torn, depth ${depth}`, async () => {
    using folder = new DaoFolder();
    const path = folder.dao("restless");
    await peerCreates(path, "u32", [128, 64], { depth });
    using stream = Stream.open(path);
    await using writer = new Peer("write", path, 20_000, 1, 0);
    let running = true;
    const ended = writer.ended().then(() => running = false);
    let whole = 0;
    while (running) {
      for (let k = 0; k < 50; k++) {
        const { torn, pixels } = stream.read();
        if (torn) continue;
        whole++;
        assertEquals(pixels[0], pixels[pixels.length - 1]);
        assert(new Set(pixels as Uint32Array).size === 1);
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await ended;
    assert(whole > 0);
    assertEquals(stream.read().pixels[0], 20_000);
  });
}

Deno.test("packets of a C program become a frame", async () => {
  using folder = new DaoFolder();
  const path = folder.dao("packets");
  await peerCreates(path, "u16", [4, 2], { depth: 2 });
  await peer("packets", path, 77, 5);
  using stream = Stream.open(path);
  assertEquals(Array.from(stream.read().pixels, Number), [
    ...[5, 5, 5, 5],
    ...[6, 6, 6, 6],
  ]);
  const { other } = stream.fields();
  assertEquals(
    [other.lastPos, other.lastNb, other.packetNb, other.packetTotal],
    [4, 4, 1, 2],
  );
  const part = { position: 0, packet: 0, packets: 2, frame: 78n };
  assertThrows(
    () => stream.writePacket(new Uint16Array(4), { ...part, packet: 512 }),
    RangeError,
    "512 packets",
  );
  assertThrows(
    () => stream.writePacket(new Uint16Array(4), { ...part, position: 5 }),
    RangeError,
    "ends at byte 18",
  );
});

Deno.test("a slice of a FIFO's cube leaves the other slices as they were", () => {
  using folder = new DaoFolder();
  using stream = Stream.create(folder.dao("cube"), {
    format: "dao",
    type: "u8",
    size: [2, 1, 2],
    depth: 2,
  });
  stream.write(Uint8Array.of(1, 2, 3, 4));
  stream.write(Uint8Array.of(9, 8), { slice: 1 });
  assertEquals([...stream.read().bytes], [1, 2, 9, 8]);
  stream.poke();
  assertEquals([...stream.read().bytes], [1, 2, 9, 8]);
  assertEquals(stream.cnt0, 3n);
});

Deno.test("a reader goes on where a stream is made anew in its file", async () => {
  using folder = new DaoFolder();
  const path = folder.dao("anew");
  await peerCreates(path, "u8", [3, 2]);
  await peer("write", path, 5, 1, 0);
  using stream = Stream.open(path);
  const frames = stream.frames({ timeoutMs: 20_000 });
  const next = frames.next();
  const { ino } = Deno.statSync(path);
  await peerCreates(path, "u8", [3, 2]);
  assertEquals(Deno.statSync(path).ino, ino, "the same file");
  assertEquals(stream.presence(), "replaced");
  await using _writer = new Peer("write", path, 2000, 100, 5000);
  // Its creation is a frame of zeros, which a slow machine sees first.
  let { value } = await next;
  while (value?.pixels[0] === 0) ({ value } = await frames.next());
  assert((value?.pixels[0] ?? 0) >= 100);
  await frames.return();
});

Deno.test("the base name ends at the first dot, leading ones skipped", () => {
  assertEquals(semaphoreBase("/tmp/a.b.im.shm"), "a");
  assertEquals(semaphoreBase("/tmp/wfs.im.shm"), "wfs");
  assertEquals(semaphoreBase("/tmp/..hidden.im.shm"), "hidden");
});

Deno.test("Stream.create() warns where semaphores are shared, names them by a link's target", () => {
  using folder = new DaoFolder();
  const told: string[] = [];
  const make = (path: string, existing: "refuse" | "replace"): void =>
    Stream.create(path, {
      format: "dao",
      type: "u8",
      size: [2, 2],
      existing,
      onWarning: (message) => told.push(message),
    }).close();
  make(folder.dao("one"), "refuse");
  make(folder.dao("one"), "replace");
  assertEquals(told, [], "the same stream again shares nothing");
  const other = folder.dao("one.more");
  make(other, "refuse");
  assertEquals(told.length, 1);
  assertStringIncludes(told[0] ?? "", `sem.${folder.base("one")}_sem00`);

  const link = folder.dao("alias");
  Deno.symlinkSync(other, link);
  using stream = Stream.open(link);
  stream.write(new Uint8Array(4));
  assertEquals(stream.semaphores()[0]?.value, 1);
  assertEquals(folder.semaphores("alias"), []);

  assertEquals(folder.semaphores("one").length, 11);
  removeStream(other);
  assertEquals(folder.semaphores("one").length, 11, "the first still has them");
  removeStream(folder.dao("one"));
  assertEquals(folder.semaphores("one"), []);
});

Deno.test("readers poll, and writers go on, where semaphores are missing or damaged", async () => {
  using folder = new DaoFolder();
  const path = folder.dao("bare");
  Stream.create(path, { format: "dao", type: "u8", size: [2, 2] }).close();
  const [first = "", second = "", ...others] = folder.semaphores("bare");
  Deno.truncateSync(first, 4);
  Deno.removeSync(second);
  Deno.mkdirSync(second);
  for (const file of others) Deno.removeSync(file);
  using stream = Stream.open(path);
  assertEquals(stream.semaphores().map(({ missing }) => missing), [
    ...Array(10).fill(true),
  ]);
  const told: string[] = [];
  const waiting = stream.wait({
    onWarning: (message) => told.push(message),
    timeoutMs: 10_000,
  });
  stream.write(new Uint8Array(4));
  assertEquals(await waiting, true);
  assertStringIncludes(told[0] ?? "", "polling instead");
  Deno.removeSync(second, { recursive: true });
  Deno.removeSync(first);
  Stream.create(path, {
    format: "dao",
    type: "u8",
    size: [2, 2],
    existing: "reuse",
  }).close();
  assertEquals(folder.semaphores("bare").length, 11, "made complete again");
});

Deno.test("a semaphore that shrinks under its users ends nobody", async () => {
  using folder = new DaoFolder();
  using stream = Stream.create(folder.dao("short"), {
    format: "dao",
    type: "u8",
    size: [2, 2],
  });
  for (const file of folder.semaphores("short")) Deno.truncateSync(file, 0);
  stream.write(new Uint8Array(4).fill(3));
  const waiting = stream.wait({ timeoutMs: 10_000 });
  stream.write(new Uint8Array(4).fill(4));
  assertEquals(await waiting, true);
  assertEquals(stream.read().pixels[3], 4);
});

Deno.test("readers of ours have semaphores of their own, from the highest down", async () => {
  using folder = new DaoFolder();
  using stream = Stream.create(folder.dao("many"), {
    format: "dao",
    type: "u8",
    size: [2, 2],
  });
  const { mapping } = stream;
  using same = Stream.open(stream.path);
  assertEquals(mapping.semaphores.claim(-1), 9);
  assertEquals(same.mapping.semaphores.claim(-1), 8);
  assertEquals(same.mapping.semaphores.claim(5), 5);
  assertEquals(mapping.semaphores.claim(5), 7, "5 is taken");
  mapping.semaphores.release(9);
  assertEquals(same.mapping.semaphores.claim(-1), 9);
  await Promise.resolve();
});

Deno.test("Stream.create() refuses what no DAO stream can be", () => {
  using folder = new DaoFolder();
  const make = (
    name: string,
    options: Partial<Parameters<typeof Stream.create>[1]>,
  ) =>
  () =>
    Stream.create(name, {
      format: "dao",
      type: "u8",
      size: [2, 2],
      ...options,
    }).close();
  const path = folder.dao("no");
  const room = 79 - folder.stream("").length;
  const longest = folder.stream(folder.base("x").padEnd(room, "x"));
  assertEquals(longest.length, 79);
  make(longest, {})();
  removeStream(longest);
  assertThrows(
    make(longest.replace("x.im.shm", "xx.im.shm"), {}),
    RangeError,
    "at most 79 bytes",
  );
  assertThrows(make(path, { type: "f16" }), RangeError, "cannot hold f16");
  assertThrows(make(path, { semaphores: 3 }), RangeError, "10 semaphores");
  assertThrows(make(path, { circularBuffer: 3 }), RangeError, "FIFO");
  assertThrows(make(path, { depth: 0 }), RangeError, "1 to");
  assertThrows(make(path, { depth: 70_000 }), RangeError, "at most 65536");
  make(path, { size: [3, 2] })();
  assertThrows(
    make(path, { size: [2, 3], existing: "reuse" }),
    StreamExistsError,
    "as 3x2 u8",
  );
  assertThrows(
    make(path, { size: [3, 2], existing: "reuse", depth: 2 }),
    StreamExistsError,
  );
  assertThrows(
    make(path, { size: [3, 2], existing: "reuse", format: "isio" }),
    StreamExistsError,
    "of format dao",
  );
});
