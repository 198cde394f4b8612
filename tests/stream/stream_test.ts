/** Reading, writing, keywords, slices, views and the life of a stream. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { SystemError } from "../../ffi/errno.ts";
import type { Keyword } from "../../src/stream/keywords.ts";
import { Stream } from "../../src/stream/stream.ts";
import { placeFixture } from "../_support/fixtures.ts";
import { Folder } from "../_support/folder.ts";
import { Foreign } from "../_support/foreign.ts";

function camera(
  folder: Folder,
  size: readonly number[] = [4, 3],
  circularBuffer = 0,
): Stream {
  return Stream.create("cam", {
    dir: folder.path,
    size,
    type: "u16",
    keywords: 4,
    circularBuffer,
  });
}

Deno.test("Stream.write() publishes pixels, counter, times and posts", () => {
  using folder = new Folder();
  using stream = camera(folder);
  const facts = stream.write(new Uint16Array(12).fill(7));
  using file = new Foreign(stream.path);
  assertEquals([facts.cnt0, file.get("cnt0"), file.get("write")], [1n, 1n, 0n]);
  assertEquals(facts.writetimeNs, stream.fields().writetimeNs);
  assertEquals(facts.atimeNs, facts.writetimeNs);
  assert(facts.writetimeNs >= stream.fields().creationNs);
  assertEquals(
    stream.semaphores().map(({ value }) => value),
    Array(10).fill(1),
  );
});

Deno.test("Stream.write() stores a given acquisition time exactly", () => {
  using folder = new Folder();
  using stream = camera(folder);
  const atimeNs = 1_700_000_000_123_456_789n;
  assertEquals(stream.write(new Uint16Array(12), { atimeNs }).atimeNs, atimeNs);
  assertEquals(stream.fields().atimeNs, atimeNs);
});

Deno.test("Stream.write() holds every semaphore at 10", () => {
  using folder = new Folder();
  using stream = camera(folder);
  for (let i = 0; i < 25; i++) stream.write(new Uint16Array(12));
  assertEquals(
    [...stream.mapping.semaphores.values(11)],
    Array(11).fill(10),
  );
});

Deno.test("Stream.write() leaves a foreign writer pid where it does not post", () => {
  using folder = new Folder();
  using stream = camera(folder);
  for (let i = 0; i < 10; i++) stream.write(new Uint16Array(12));
  using file = new Foreign(stream.path);
  file.setInt32(stream.layout.table.writerPids, 4242);
  stream.write(new Uint16Array(12));
  assertEquals(stream.semaphores()[0]?.writerPid, 4242);
});

Deno.test("Stream.write() fills the newest entry of the process trace", () => {
  using folder = new Folder();
  using stream = camera(folder);
  const { writetimeNs } = stream.write(new Uint16Array(12));
  const [entry, ...others] = stream.trace();
  assertEquals(others, []);
  assertEquals(entry?.pid, Deno.pid);
  assertEquals([entry?.semaphore, entry?.triggerInode], [-1, 0n]);
  assertEquals(entry?.updatedNs, writetimeNs);
  assert((entry?.startedNs ?? 0n) <= writetimeNs);
});

Deno.test("Stream.write() refuses too few and too many pixels", () => {
  using folder = new Folder();
  using stream = camera(folder);
  for (const pixels of [0, 11, 13]) {
    assertThrows(() => stream.write(new Uint16Array(pixels)), RangeError);
  }
  assertEquals(stream.cnt0, 0n);
});

Deno.test("Stream.write() refuses pixels of another type", () => {
  using folder = new Folder();
  using stream = camera(folder);
  assertThrows(
    () => stream.write(new Int16Array(12)),
    TypeError,
    "holds u16, not Int16Array",
  );
});

Deno.test("Stream.write() takes pixels as bytes", () => {
  using folder = new Folder();
  using stream = camera(folder);
  const pixels = Uint16Array.from({ length: 12 }, (_, i) => i * 300);
  stream.write(new Uint8Array(pixels.buffer));
  assertEquals(stream.read().pixels, pixels);
});

Deno.test("Stream.write() takes a part of a larger array", () => {
  using folder = new Folder();
  using stream = camera(folder);
  const all = Uint16Array.from({ length: 20 }, (_, i) => i);
  stream.write(all.subarray(3, 15));
  assertEquals(stream.read().pixels, all.slice(3, 15));
});

Deno.test("Stream.write() is refused on a stream opened for reading", () => {
  using folder = new Folder();
  using _made = camera(folder);
  using stream = Stream.open("cam", { dir: folder.path, writable: false });
  const error = assertThrows(
    () => stream.write(new Uint16Array(12)),
    SystemError,
  );
  assertEquals(error.code, "EACCES");
  assertThrows(() => stream.poke(), SystemError);
  assertThrows(() => stream.setKeywords([]), SystemError);
});

Deno.test("Stream.poke() counts without touching the pixels", () => {
  using folder = new Folder();
  using stream = camera(folder);
  stream.write(new Uint16Array(12).fill(5));
  assertEquals(stream.poke().cnt0, 2n);
  assertEquals(stream.read().pixels, new Uint16Array(12).fill(5));
});

Deno.test("Stream.write() counts what another writer counted in between", () => {
  using folder = new Folder();
  using one = camera(folder);
  using two = Stream.open("cam", { dir: folder.path });
  one.write(new Uint16Array(12));
  two.write(new Uint16Array(12));
  two.write(new Uint16Array(12));
  assertEquals([one.foreignWrites, two.foreignWrites], [0n, 0n]);
  assertEquals(one.write(new Uint16Array(12)).cnt0, 4n);
  assertEquals(two.write(new Uint16Array(12)).cnt0, 5n);
  assertEquals([one.foreignWrites, two.foreignWrites], [2n, 1n]);
});

Deno.test("Stream.write() does not take the frames before it for foreign ones", () => {
  using folder = new Folder();
  using stream = Stream.open(placeFixture(folder, "isio/u16_2d_12x8.im.shm"));
  stream.write(new Uint16Array(96));
  assertEquals([stream.cnt0, stream.foreignWrites], [4n, 0n]);
});

Deno.test("Stream.write() puts a slice of a cube and its index", () => {
  using folder = new Folder();
  using stream = camera(folder, [2, 2, 3]);
  const facts = stream.write(new Uint16Array([1, 2, 3, 4]), { slice: 2 });
  assertEquals(facts.cnt1, 2n);
  assertEquals(
    stream.read().pixels,
    new Uint16Array([0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
  );
  const slice = stream.read({ slice: 2 });
  assertEquals(slice.pixels, new Uint16Array([1, 2, 3, 4]));
  assertEquals([slice.size, slice.slice, slice.cnt1], [[2, 2], 2, 2n]);
});

Deno.test("Stream.write() of a whole cube leaves cnt1 alone", () => {
  using folder = new Folder();
  using stream = camera(folder, [2, 2, 3]);
  stream.write(new Uint16Array(4), { slice: 1 });
  assertEquals(stream.write(new Uint16Array(12)).cnt1, 1n);
});

for (const slice of [-1, 3, 1.5, NaN]) {
  Deno.test(`Stream.read() and write() refuse slice ${slice} of three`, () => {
    using folder = new Folder();
    using stream = camera(folder, [2, 2, 3]);
    assertThrows(() => stream.read({ slice }), RangeError, "has 3 slices");
    assertThrows(
      () => stream.write(new Uint16Array(4), { slice }),
      RangeError,
      "has 3 slices",
    );
  });
}

Deno.test("Stream.read() fills the caller's array", () => {
  using folder = new Folder();
  using stream = camera(folder);
  stream.write(new Uint16Array(12).fill(9));
  const into = new Uint8Array(24);
  const frame = stream.read({ into });
  assert(frame.bytes === into && frame.pixels.buffer === into.buffer);
  assertEquals(frame.pixels[11], 9);
});

Deno.test("Stream.read() refuses an array of another size", () => {
  using folder = new Folder();
  using stream = camera(folder);
  assertThrows(() => stream.read({ into: new Uint8Array(23) }), RangeError);
});

Deno.test("Stream.read() gives a copy that later frames leave alone", () => {
  using folder = new Folder();
  using stream = camera(folder);
  stream.write(new Uint16Array(12).fill(1));
  const frame = stream.read();
  stream.write(new Uint16Array(12).fill(2));
  assertEquals(frame.pixels, new Uint16Array(12).fill(1));
});

Deno.test("Stream.read() says torn and stalled where the write flag stays up", () => {
  using folder = new Folder();
  using stream = camera(folder);
  stream.write(new Uint16Array(12));
  using file = new Foreign(stream.path);
  file.set("write", 1);
  const frame = stream.read({ tries: 3 });
  assertEquals([frame.torn, frame.stalled, frame.tries], [true, true, 3]);
  assertEquals(stream.fields().writing, true);
  file.set("write", 0);
  assertEquals(stream.read().torn, false);
});

Deno.test("Stream.read() takes the frame from the circular buffer meanwhile", () => {
  using folder = new Folder();
  using stream = camera(folder, [4, 3], 3);
  for (let i = 1; i <= 4; i++) stream.write(new Uint16Array(12).fill(i));
  using file = new Foreign(stream.path);
  file.set("write", 1);
  file.put(stream.layout.table.data, new Uint8Array(24).fill(0xEE));
  const frame = stream.read();
  assertEquals([frame.torn, frame.cnt0], [false, 4n]);
  assertEquals(frame.pixels, new Uint16Array(12).fill(4));
});

Deno.test("Stream.read() does not trust a circular buffer that others skip", () => {
  using folder = new Folder();
  using stream = camera(folder, [4, 3], 3);
  stream.write(new Uint16Array(12).fill(1));
  using file = new Foreign(stream.path);
  file.set("cnt0", 2n);
  file.set("write", 1);
  assertEquals(stream.read({ tries: 1 }).torn, true);
});

Deno.test("Stream.read() survives a circular-buffer index out of range", () => {
  using folder = new Folder();
  using stream = camera(folder, [4, 3], 3);
  using file = new Foreign(stream.path);
  file.set("CBindex", 0xFFFF_FFFF);
  file.set("CBcycle", 2n ** 64n - 1n);
  file.set("write", 1);
  assertEquals(stream.read({ tries: 1 }).torn, true);
  stream.write(new Uint16Array(12).fill(3));
  assertEquals(file.get("CBindex"), 0n);
});

Deno.test("Stream.read() does not take a cnt1 beyond the cube for an error", () => {
  using folder = new Folder();
  using stream = camera(folder, [2, 2, 3]);
  using file = new Foreign(stream.path);
  file.set("cnt1", 2n ** 63n);
  assertEquals(stream.read().cnt1, 2n ** 63n);
});

const KEYWORDS: Keyword[] = [
  { name: "BIG", type: "L", value: -(2n ** 63n), comment: "the least" },
  { name: "GAIN", type: "D", value: 0.1, comment: "" },
  { name: "OBJECT", type: "S", value: "β Pic", comment: "µ" },
];

Deno.test("Stream.setKeywords() stores what keywords() reads", () => {
  using folder = new Folder();
  using stream = camera(folder);
  stream.setKeywords(KEYWORDS);
  using other = Stream.open("cam", { dir: folder.path });
  assertEquals(other.keywords(), KEYWORDS);
});

Deno.test("Stream.setKeywords() leaves nothing of the old list", () => {
  using folder = new Folder();
  using stream = camera(folder);
  stream.setKeywords(KEYWORDS);
  stream.setKeywords(KEYWORDS.slice(0, 1));
  assertEquals(stream.keywords(), KEYWORDS.slice(0, 1));
  const bytes = new Uint8Array(3 * 128);
  stream.mapping.load(stream.layout.table.keywords + 128, bytes);
  const unused = new Uint8Array(128);
  unused[16] = "N".charCodeAt(0);
  for (let i = 0; i < 3; i++) {
    assertEquals(bytes.subarray(i * 128, (i + 1) * 128), unused);
  }
});

Deno.test("Stream.setKeywords() refuses more than there is room for", () => {
  using folder = new Folder();
  using stream = camera(folder);
  const five = Array.from({ length: 5 }, (_, i): Keyword => ({
    name: `K${i}`,
    type: "L",
    value: 0n,
    comment: "",
  }));
  assertThrows(
    () => stream.setKeywords(five),
    RangeError,
    "5 keywords do not fit into 4 records",
  );
  assertEquals(stream.keywords(), []);
});

Deno.test("Stream.view() is the memory itself", () => {
  using folder = new Folder();
  using stream = camera(folder);
  const view = stream.view();
  stream.write(new Uint16Array(12).fill(8));
  assertEquals(view[5], 8);
  view[5] = 9;
  assertEquals(stream.read().pixels[5], 9);
});

Deno.test("Stream.close() empties every view", () => {
  using folder = new Folder();
  const stream = camera(folder);
  const views = [stream.view(), stream.view()];
  stream.close();
  assertEquals(views.map((view) => [view.length, view[0]]), [
    [0, undefined],
    [0, undefined],
  ]);
});

Deno.test("Stream.close() may be called twice and keeps the file", () => {
  using folder = new Folder();
  const stream = camera(folder);
  stream.close();
  stream.close();
  assertEquals(stream.closed, true);
  assert(Deno.statSync(stream.path).isFile);
});

const AFTER: readonly [string, (stream: Stream) => unknown][] = [
  ["read", (stream) => stream.read()],
  ["write", (stream) => stream.write(new Uint16Array(12))],
  ["poke", (stream) => stream.poke()],
  ["keywords", (stream) => stream.keywords()],
  ["setKeywords", (stream) => stream.setKeywords([])],
  ["fields", (stream) => stream.fields()],
  ["semaphores", (stream) => stream.semaphores()],
  ["trace", (stream) => stream.trace()],
  ["view", (stream) => stream.view()],
];

for (const [name, use] of AFTER) {
  Deno.test(`Stream.${name}() after close() says that it is closed`, () => {
    using folder = new Folder();
    const stream = camera(folder);
    stream.close();
    assertThrows(() => use(stream), TypeError, "it is closed");
  });
}

Deno.test("Stream closes at the end of a using block", () => {
  using folder = new Folder();
  let outside: Stream;
  {
    using stream = camera(folder);
    outside = stream;
  }
  assertEquals([outside.closed, outside.cnt0], [true, 0n]);
});

Deno.test("Stream.presence() tells the same, a new and no file", () => {
  using folder = new Folder();
  using stream = camera(folder);
  assertEquals(stream.presence(), "same");
  Deno.removeSync(stream.path);
  assertEquals(stream.presence(), "gone");
  camera(folder).close();
  assertEquals(stream.presence(), "replaced");
});

Deno.test("Stream.reopen() opens what the name leads to now", () => {
  using folder = new Folder();
  using stream = camera(folder);
  Deno.removeSync(stream.path);
  using other = camera(folder, [2, 2]);
  using again = stream.reopen();
  assertEquals(again.size, [2, 2]);
  assertEquals([again.sameShape(other), again.sameShape(stream)], [
    true,
    false,
  ]);
});

Deno.test("Stream.presence() notices a link that points elsewhere", () => {
  using folder = new Folder();
  using one = camera(folder);
  using two = Stream.create("two", { dir: folder.path, size: [4], type: "u8" });
  Deno.symlinkSync(one.path, folder.stream("alias"));
  using stream = Stream.open("alias", { dir: folder.path });
  Deno.removeSync(folder.stream("alias"));
  Deno.symlinkSync(two.path, folder.stream("alias"));
  assertEquals(stream.presence(), "replaced");
});

Deno.test("Stream.open() leaves the file as it is", () => {
  using folder = new Folder();
  const path = placeFixture(folder, "isio/u8_2d_2x2_semposted.im.shm");
  const before = Deno.readFileSync(path);
  {
    using stream = Stream.open(path);
    stream.read();
    stream.keywords();
    stream.semaphores();
    stream.trace();
  }
  assertEquals(Deno.readFileSync(path), before);
});
