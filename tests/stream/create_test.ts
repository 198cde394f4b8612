/** New streams: the bytes of the original library, and refusals. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { SystemError } from "../../ffi/errno.ts";
import { StreamExistsError } from "../../src/stream/format.ts";
import type { Keyword } from "../../src/stream/keywords.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { CreateOptions } from "../../src/stream/stream_options.ts";
import { Waiter } from "../../src/stream/wait.ts";
import type { DataType } from "../../src/stream/types.ts";
import {
  currentFixtures,
  elementsOf,
  expectedOf,
  fixtureBytes,
  LAYOUT,
  type ManifestFile,
  member,
  pattern,
  pixelsFrom,
  typeOfCode,
} from "../_support/fixtures.ts";
import { DaoFolder } from "../_support/dao.ts";
import { Folder } from "../_support/folder.ts";
import { Foreign } from "../_support/foreign.ts";
import { flush } from "../_support/semaphores.ts";
import { all, program, reportSkip, root, testWhere } from "../_support/skip.ts";
import { moduleUrl, run, runCode } from "../_support/child.ts";

function params(file: ManifestFile): NonNullable<ManifestFile["params"]> {
  if (file.params === undefined) throw new Error(`${file.path}: no params`);
  return file.params;
}

function createLike(folder: Folder, file: ManifestFile): Stream {
  const p = params(file);
  return Stream.create(p.name, {
    dir: folder.path,
    size: p.size,
    type: typeOfCode(p.datatypeCode),
    keywords: p.NBkw,
    semaphores: p.NBsem,
    circularBuffer: p.CBsize,
    imageType: BigInt(p.imagetype),
  });
}

/** The updates that the manifest describes. */
async function updateLike(stream: Stream, file: ManifestFile): Promise<void> {
  const p = params(file);
  const { type, size } = stream;
  const rolling = (p.imagetype & 0xF) === 1;
  const slice = elementsOf(type, size.slice(0, 2));
  const first = file.path.includes("temporal") ? 0 : 1;
  for (let u = 1; u <= p.updates; u++) {
    if (rolling) {
      const k = first + u - 1;
      stream.write(
        pixelsFrom(type, slice, (index) => pattern(k * slice + index)),
        {
          slice: k,
          ...first === 0
            ? {
              atimeNs: BigInt(1_700_000_000 + k) * 1_000_000_000n + 123456789n,
            }
            : {},
        },
      );
    } else {
      const add = file.path.includes("cb4") ? 1000 * u : 0;
      stream.write(
        pixelsFrom(type, elementsOf(type, size), (i) => pattern(i) + add),
      );
    }
    if (file.path.includes("semposted") && u === 5) await flush(stream, 4);
  }
  if (!file.path.includes("semposted")) {
    for (let i = 0; i < p.NBsem; i++) await flush(stream, i);
  }
}

function keywordsLike(file: ManifestFile): Keyword[] {
  return file.expected.keywords.filter(({ type }) => "LDS".includes(type)).map(
    ({ name, type, value, comment }): Keyword =>
      type === "L"
        ? { name, type, value: BigInt(value ?? 0), comment }
        : type === "D"
        ? { name, type, value: Number(value), comment }
        : { name, type: "S", value: String(value), comment },
  );
}

/**
 * Blanks what no two runs share: times, the inode, the log semaphore (which
 * the original does not initialise) and, after an update, the newest entry
 * of the process trace (which the original's caller fills). Pids become 1.
 */
function comparable(
  bytes: Uint8Array<ArrayBuffer>,
  file: ManifestFile,
): Uint8Array<ArrayBuffer> {
  const masked = bytes.slice();
  const view = new DataView(masked.buffer);
  const { blocks } = file.expected;
  const blank = (offset: number, size: number): void => {
    masked.fill(0xAA, offset, offset + size);
  };
  const at = (name: string): number => blocks[name]?.offset ?? -1;
  const updates = params(file).updates;
  for (const name of ["creationtime", "lastaccesstime", "inode"]) {
    blank(member(name).offset, member(name).size);
  }
  const givenAtime = file.path.includes("temporal");
  if (updates > 0) {
    blank(member("writetime").offset, member("writetime").size);
    if (!givenAtime) blank(member("atime").offset, member("atime").size);
    blank(at("streamproctrace"), LAYOUT.structs.procTrace?.size ?? 0);
  }
  blank(at("semlog"), LAYOUT.structs.semaphore?.size ?? 0);
  const times = file.expected.writetimearray ?? [];
  times.forEach(({ sec }, index) => {
    if (sec !== 0) blank(at("writetimearray") + 16 * index, 16);
  });
  const pid = view.getInt32(member("creatorPID").offset, true);
  const slots = [member("creatorPID").offset];
  for (const block of ["semReadPID", "semWritePID"]) {
    for (let i = 0; i < params(file).NBsem; i++) slots.push(at(block) + 4 * i);
  }
  for (const slot of slots) {
    if (view.getInt32(slot, true) === pid) view.setInt32(slot, 1, true);
  }
  return masked;
}

function assertSameBytes(
  found: Uint8Array<ArrayBuffer>,
  expected: Uint8Array<ArrayBuffer>,
): void {
  assertEquals(found.length, expected.length);
  const differing: string[] = [];
  found.forEach((byte, offset) => {
    if (byte !== expected[offset]) {
      differing.push(`${offset}: ${byte} instead of ${expected[offset]}`);
    }
  });
  assertEquals(differing.slice(0, 20), []);
}

for (const file of currentFixtures()) {
  Deno.test(`Stream.create() makes ${file.path} byte by byte`, async () => {
    using folder = new Folder();
    using stream = createLike(folder, file);
    const registered = file.expected.semaphores.semReadPID.findIndex((pid) =>
      pid > 0
    );
    using _reader = registered < 0
      ? undefined
      : new Waiter(stream.mapping, { semaphore: registered }, stream.name);
    if (keywordsLike(file).length > 0) stream.setKeywords(keywordsLike(file));
    await updateLike(stream, file);
    assertSameBytes(
      comparable(Deno.readFileSync(stream.path), file),
      comparable(fixtureBytes(file.path), file),
    );
  });
}

Deno.test("Stream.create() stores the facts of the moment", () => {
  using folder = new Folder();
  const before = BigInt(Date.now() - 1000) * 1_000_000n;
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [4, 2],
    type: "u16",
  });
  const fields = stream.fields();
  assertEquals(fields.inode, BigInt(Deno.statSync(stream.path).ino ?? 0));
  assertEquals([fields.creatorPid, fields.ownerPid], [Deno.pid, 0]);
  assertEquals([fields.atimeNs, fields.writetimeNs], [0n, 0n]);
  assert(fields.creationNs > before, "the time is TAI or UTC, never earlier");
  assert(
    fields.creationNs < before + 100_000_000_000n,
    "and at most 37 s and a bit later",
  );
});

Deno.test("Stream.create() makes the log semaphore shared between processes", () => {
  using folder = new Folder();
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [4, 2],
    type: "u16",
  });
  using file = new Foreign(stream.path);
  const { offset } = member("futexFlag", "semaphore");
  assertEquals(file.int32(stream.layout.table.logSem + offset), 128);
});

Deno.test("Stream.create() leaves the umask alone and sets the mode itself", async () => {
  using folder = new Folder();
  // In a process of its own: this one's is that of other tests, too.
  const { code, stdout, stderr } = await runCode(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    Deno.umask(0o077);
    const of = { dir: "${folder.path}", size: [4], type: "u8" };
    using stream = Stream.create("cam", of);
    const { mode } = Deno.statSync(stream.path);
    console.log((mode & 0o777).toString(8), Deno.umask().toString(8));
  `);
  assertEquals([code, stdout], [0, "666 77\n"], stderr);
});

Deno.test("Stream.create() leaves nothing but the stream behind", () => {
  using folder = new Folder();
  Stream.create("cam", { dir: folder.path, size: [4], type: "u8" }).close();
  assertEquals(
    [...Deno.readDirSync(folder.path)].map(({ name }) => name),
    ["cam.im.shm"],
  );
});

Deno.test("Stream.create() refuses an existing stream and leaves it alone", () => {
  using folder = new Folder();
  const options = { dir: folder.path, size: [4], type: "u8" } as const;
  using stream = Stream.create("cam", options);
  stream.write(new Uint8Array([1, 2, 3, 4]));
  assertThrows(() => Stream.create("cam", options), StreamExistsError);
  assertEquals(stream.read().pixels, new Uint8Array([1, 2, 3, 4]));
  assertEquals(stream.presence(), "same");
});

Deno.test("Stream.create() reuses a stream of the same type and size", () => {
  using folder = new Folder();
  const options = { dir: folder.path, size: [4], type: "u8" } as const;
  using stream = Stream.create("cam", options);
  stream.write(new Uint8Array([1, 2, 3, 4]));
  using again = Stream.create("cam", { ...options, existing: "reuse" });
  assertEquals([again.cnt0, stream.presence()], [1n, "same"]);
});

Deno.test("Stream.create() reuses a DAO stream by the axes that were asked for", () => {
  using folder = new DaoFolder();
  const options = {
    format: "dao",
    size: [4, 3],
    type: "u8",
    axisOrder: "c",
    existing: "reuse",
  } as const;
  const path = folder.dao("order");
  using made = Stream.create(path, options);
  using again = Stream.create(path, options);
  assertEquals([made.size, again.size], [[4, 3], [4, 3]]);
  using reopened = again.reopen();
  assertEquals(reopened.size, [4, 3]);
});

Deno.test("Stream.create() makes no semaphore for a stream that it refuses", () => {
  using folder = new DaoFolder();
  const path = folder.dao("refused");
  Stream.create(path, { size: [4], type: "u8" }).close();
  assertThrows(
    () =>
      Stream.create(path, {
        format: "dao",
        size: [4],
        type: "u8",
        existing: "reuse",
      }),
    StreamExistsError,
    "of format imagestreamio",
  );
  assertEquals(folder.semaphores("refused"), []);
});

Deno.test("Stream.create() does not reuse a stream of another size", () => {
  using folder = new Folder();
  const options = { dir: folder.path, size: [4], type: "u8" } as const;
  using _stream = Stream.create("cam", options);
  assertThrows(
    () => Stream.create("cam", { ...options, size: [5], existing: "reuse" }),
    StreamExistsError,
    "exists already as 4 u8",
  );
});

Deno.test("Stream.create() replaces a stream and leaves the old to its readers", () => {
  using folder = new Folder();
  const options = { dir: folder.path, size: [4], type: "u8" } as const;
  using old = Stream.create("cam", options);
  old.write(new Uint8Array([1, 2, 3, 4]));
  using fresh = Stream.create("cam", {
    ...options,
    size: [2],
    existing: "replace",
  });
  assertEquals(fresh.size, [2]);
  assertEquals(old.presence(), "replaced");
  assertEquals(old.read().pixels, new Uint8Array([1, 2, 3, 4]));
});

Deno.test("Stream.create() replaces a link, never the stream it points to", () => {
  using folder = new Folder();
  const options = { dir: folder.path, size: [4], type: "u8" } as const;
  using target = Stream.create("target", options);
  Deno.symlinkSync(target.path, folder.stream("alias"));
  Stream.create("alias", { ...options, existing: "replace" }).close();
  assertEquals(Deno.lstatSync(folder.stream("alias")).isSymlink, false);
  assertEquals(target.presence(), "same");
});

const REFUSED: readonly [string, Partial<CreateOptions>][] = [
  ["no axes", { size: [] }],
  ["four axes", { size: [2, 2, 2, 2] }],
  ["an axis of 0", { size: [4, 0] }],
  ["a negative axis", { size: [-4] }],
  ["half a pixel", { size: [1.5] }],
  ["an axis beyond 32 bits", { size: [2 ** 32] }],
  ["more pixels than the original opens", { size: [100_000, 100_001] }],
  ["an axis product beyond 64 bits", {
    size: [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF],
  }],
  ["too many keywords", { keywords: 65536 }],
  ["a negative number of keywords", { keywords: -1 }],
  ["too many semaphores", { semaphores: 65536 }],
  ["a circular buffer beyond all memory", {
    size: [100_000, 1000],
    circularBuffer: 0xFFFF_FFFF,
  }],
  ["a rolling stream of two axes", { size: [4, 3], circular: true }],
];

for (const [what, change] of REFUSED) {
  Deno.test(`Stream.create() refuses ${what}`, () => {
    using folder = new Folder();
    assertThrows(
      () =>
        Stream.create("cam", {
          dir: folder.path,
          size: [4],
          type: "u8",
          ...change,
        }),
      RangeError,
    );
    assertEquals([...Deno.readDirSync(folder.path)], []);
  });
}

Deno.test("Stream.create() keeps 64-bit pixels and counters exact", () => {
  using folder = new Folder();
  using stream = Stream.create("big", {
    dir: folder.path,
    size: [2],
    type: "i64",
  });
  using file = new Foreign(stream.path);
  file.set("cnt0", 2n ** 63n + 1n);
  const pixels = new BigInt64Array([-(2n ** 63n), 2n ** 53n + 1n]);
  const { cnt0 } = stream.write(pixels);
  assertEquals(cnt0, 2n ** 63n + 2n);
  assertEquals(stream.read().pixels, pixels);
  assertEquals(file.get("cnt0"), 2n ** 63n + 2n);
});

for (const semaphores of [0, 1, 3, 100]) {
  Deno.test(`Stream.create() makes ${semaphores} semaphores`, () => {
    using folder = new Folder();
    using stream = Stream.create("cam", {
      dir: folder.path,
      size: [7],
      type: "u8",
      semaphores,
    });
    stream.write(new Uint8Array(7));
    assertEquals(
      stream.semaphores(),
      Array.from({ length: semaphores }, () => ({
        value: 1,
        readerPid: -1,
        writerPid: Deno.pid,
      })),
    );
  });
}

const TYPES = LAYOUT.datatypes.map(({ code }) => typeOfCode(code));
assertEquals(TYPES.length, 13);

const SIZES: readonly (readonly number[])[] = [[5], [5, 3], [5, 3, 2]];

for (const type of TYPES) {
  for (const size of SIZES) {
    Deno.test(`Stream.create() makes ${size.join("x")} ${type} that opens again`, () => {
      using folder = new Folder();
      const elements = elementsOf(type as DataType, size);
      const pixels = pixelsFrom(type, elements, (i) => pattern(i) % 100);
      using made = Stream.create("cam", { dir: folder.path, size, type });
      made.write(pixels);
      using stream = Stream.open("cam", { dir: folder.path });
      assertEquals([stream.type, stream.size], [type, size]);
      assertEquals(stream.read().pixels, pixels);
    });
  }
}

Deno.test("Stream.create() gives a ring its times for each slice", () => {
  using folder = new Folder();
  using stream = Stream.create("ring", {
    dir: folder.path,
    size: [2, 2, 3],
    type: "u8",
    circular: true,
  });
  const golden = expectedOf("isio/f32_3d_6x5x8_circ_temporal.im.shm");
  assertEquals(
    stream.fields().other.imageType,
    `0x${golden.expected.metadata.imagetype.toString(16)}`,
  );
  assert(stream.layout.rolling && stream.layout.table.sliceCounters > 0);
});

testWhere(
  "Stream.create() reports a full folder and leaves nothing behind",
  all(root, program("mount", "mount"), program("umount", "mount")),
  async () => {
    using folder = new Folder();
    const args = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.path];
    const mounted = await run("mount", args);
    if (mounted.code !== 0) {
      reportSkip("a full folder", `no mount: ${mounted.stderr.trim()}`);
      return;
    }
    try {
      const error = assertThrows(
        () =>
          Stream.create("big", {
            dir: folder.path,
            size: [400, 400],
            type: "f32",
          }),
        SystemError,
      );
      assertEquals(error.code, "ENOSPC");
      assertEquals(error.path, folder.stream("big"));
      assertEquals([...Deno.readDirSync(folder.path)], []);
      using small = Stream.create("small", {
        dir: folder.path,
        size: [4],
        type: "u8",
      });
      assertEquals(small.write(new Uint8Array(4)).cnt0, 1n);
    } finally {
      await run("umount", [folder.path]);
    }
  },
);
