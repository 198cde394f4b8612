/** A mapped file that loses its memory is an error, never a dead process. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { isSystemError, SystemError } from "../../ffi/errno.ts";
import { OpenFile } from "../../ffi/files.ts";
import { Mapping } from "../../ffi/mapping.ts";
import { Stream } from "../../src/stream/stream.ts";
import { moduleUrl, runCode } from "../_support/child.ts";
import { Folder } from "../_support/folder.ts";

/** Small: one page. Large: several. */
const SIZES = [[4, 4], [200, 200]] as const;

function made(folder: Folder, size: readonly number[]): Stream {
  const stream = Stream.create("cam", { dir: folder.path, size, type: "u16" });
  const pixels = size.reduce((a, b) => a * b, 1);
  stream.write(new Uint16Array(pixels).fill(7));
  return stream;
}

const USES: readonly [string, (stream: Stream) => unknown][] = [
  ["read", (stream) => stream.read()],
  ["write", (stream) =>
    stream.write(
      new Uint16Array(stream.layout.table.dataBytes / 2),
    )],
  ["poke", (stream) => stream.poke()],
  ["fields", (stream) => stream.fields()],
  ["keywords", (stream) => stream.keywords()],
  ["setKeywords", (stream) => stream.setKeywords([])],
  ["semaphores", (stream) => stream.semaphores()],
  ["trace", (stream) => stream.trace()],
];

for (const size of SIZES) {
  for (const left of [0, 100, 500, 4096]) {
    if (left === 4096 && size[0] === 4) continue; // that is longer
    for (const [name, use] of USES) {
      Deno.test(`Stream.${name}() reports that a ${size.join("x")} stream shrank to ${left} bytes`, () => {
        using folder = new Folder();
        using stream = made(folder, size);
        Deno.truncateSync(stream.path, left);
        const error = assertThrows(() => use(stream), SystemError);
        assertEquals(error.code, "EBADFD");
        // And it stays so, even where the file grows again.
        Deno.truncateSync(stream.path, stream.layout.bytes);
        assertThrows(() => use(stream), SystemError);
      });
    }
  }
}

Deno.test("Stream.wait() reports that the file shrank meanwhile", async () => {
  using folder = new Folder();
  using stream = made(folder, [200, 200]);
  const waits = (["semaphore", "spin", "poll", "adaptive"] as const).map(
    (mode) => stream.wait({ mode, timeoutMs: 10_000 }).catch((error) => error),
  );
  Deno.truncateSync(stream.path, 0);
  for (const outcome of await Promise.all(waits)) {
    assert(isSystemError(outcome, "EBADFD"), String(outcome));
  }
});

Deno.test("Stream.frames() reports that the file shrank", async () => {
  using folder = new Folder();
  using stream = made(folder, [200, 200]);
  const frames = stream.frames({ first: true });
  assertEquals((await frames.next()).done, false);
  Deno.truncateSync(stream.path, 4096);
  let failure: unknown;
  try {
    await frames.next();
  } catch (error) {
    failure = error;
  }
  assert(isSystemError(failure, "EBADFD"), String(failure));
});

Deno.test("Stream.view() of a file that shrank shows zeros", () => {
  using folder = new Folder();
  using stream = made(folder, [200, 200]);
  const view = stream.view();
  Deno.truncateSync(stream.path, 0);
  assertEquals(view[30_000], 0);
  assertThrows(() => stream.read(), SystemError);
});

Deno.test("Stream.close() works on a file that shrank, and others live on", () => {
  using folder = new Folder();
  using other = Stream.create("other", {
    dir: folder.path,
    size: [4],
    type: "u8",
  });
  const stream = made(folder, [200, 200]);
  Deno.truncateSync(stream.path, 0);
  assertThrows(() => stream.read(), SystemError);
  stream.close();
  assertEquals(other.write(new Uint8Array(4)).cnt0, 1n);
});

Deno.test("Stream.read() goes on after the file was removed", () => {
  using folder = new Folder();
  using stream = made(folder, [4, 4]);
  Deno.removeSync(stream.path);
  assertEquals(stream.presence(), "gone");
  assertEquals(stream.write(new Uint16Array(16)).cnt0, 2n);
  assertEquals(stream.read().cnt0, 2n);
});

Deno.test("Mapping.map() refuses more bytes than the file has", () => {
  using folder = new Folder();
  const path = `${folder.path}/short`;
  Deno.writeFileSync(path, new Uint8Array(10));
  using file = OpenFile.open(path, { writable: false });
  const error = assertThrows(
    () => Mapping.map(file, 11, false),
    SystemError,
  );
  assertEquals(error.code, "EBADFD");
});

// In a process of its own: the table of mappings is one for all tests here.
Deno.test("Mapping.map() takes thousands of mappings and then says EMFILE", async () => {
  using folder = new Folder();
  const path = `${folder.path}/file`;
  Deno.writeFileSync(path, new Uint8Array(10));
  const { stdout, stderr } = await runCode(`
    import { OpenFile } from "${moduleUrl("ffi/files.ts")}";
    import { Mapping } from "${moduleUrl("ffi/mapping.ts")}";
    const file = OpenFile.open("${path}", { writable: false });
    const mappings = [];
    try {
      for (let i = 0; i < 5000; i++) mappings.push(Mapping.map(file, 10, false));
    } catch (error) {
      console.log(error.code, mappings.length > 200);
    }
    for (const mapping of mappings) mapping.close();
    Mapping.map(file, 10, false).close();
    console.log("done");
  `);
  assertEquals([stdout, stderr], ["EMFILE true\ndone\n", ""]);
});

Deno.test("Mapping.load() stays inside the file", () => {
  using folder = new Folder();
  const path = `${folder.path}/file`;
  Deno.writeFileSync(path, new Uint8Array([1, 2, 3, 4]));
  using file = OpenFile.open(path, { writable: true });
  using mapping = Mapping.map(file, 4, true);
  const two = new Uint8Array(2);
  mapping.load(2, two);
  assertEquals(two, new Uint8Array([3, 4]));
  for (const offset of [3, 4, 5, 2 ** 40]) {
    assertThrows(() => mapping.load(offset, two), SystemError, "ERANGE");
    assertThrows(() => mapping.store(offset, two), SystemError, "ERANGE");
  }
});

Deno.test("Mapping.useTable() refuses a table that leads out of the file", () => {
  using folder = new Folder();
  using stream = made(folder, [4, 4]);
  const { table, bytes } = stream.layout;
  const outside: Partial<typeof table>[] = [
    { data: bytes - 31 },
    { dataBytes: 2 ** 52 },
    { slices: 0 },
    { slices: 2 ** 52 },
    { cnt0: 265 },
    { cnt0: bytes },
    { semCount: 2 ** 52 },
    { sems: bytes - 8 },
    { logSem: bytes - 8 },
    { traceCount: 11 },
    { keywordBytes: bytes },
    { ringSlots: 2, ringData: bytes - 8, ringIndex: 296, ringCycle: 304 },
    { sliceCounters: bytes - 4 },
    { writeFlag: bytes },
    { readerPids: bytes - 36 },
  ];
  using file = OpenFile.open(stream.path, { writable: true });
  for (const change of outside) {
    using mapping = Mapping.map(file, bytes, true);
    const error = assertThrows(
      () => mapping.useTable({ ...table, ...change }),
      SystemError,
    );
    assertEquals(error.code, "ERANGE", JSON.stringify(change));
  }
});
