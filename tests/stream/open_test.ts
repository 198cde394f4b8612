/** What is no stream, or a damaged one, is refused in one line. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { SystemError } from "../../ffi/errno.ts";
import {
  StreamFormatError,
  StreamNotFoundError,
} from "../../src/stream/format.ts";
import { Stream } from "../../src/stream/stream.ts";
import { moduleUrl, run, runCode } from "../_support/child.ts";
import { fixtureBytes, member, placeFixture } from "../_support/fixtures.ts";
import { Folder } from "../_support/folder.ts";
import { root, testWhere } from "../_support/skip.ts";
import { sparseStream } from "../_support/sparse.ts";

const GOOD = "isio/f32_3d_6x5x8_circ_temporal.im.shm";

type Change = (view: DataView<ArrayBuffer>, bytes: Uint8Array) => void;

const at = (name: string): number => member(name).offset;

/** Opening fails with a message of one line that says this. */
function refuses(path: string, says: string): void {
  const error = assertThrows(() => Stream.open(path), StreamFormatError);
  assertStringIncludes(error.message, says);
  assertEquals(error.message.includes("\n"), false);
  assertStringIncludes(error.message, `"${path}"`);
}

const DAMAGED: readonly [string, Change, string][] = [
  ["0 axes", (v) => v.setUint8(at("naxis"), 0), "number of axes is 0"],
  ["4 axes", (v) => v.setUint8(at("naxis"), 4), "number of axes is 4"],
  ["255 axes", (v) => v.setUint8(at("naxis"), 255), "number of axes is 255"],
  [
    "an axis of length 0",
    (v) => v.setUint32(at("size") + 4, 0, true),
    "the length of axis 1 is 0",
  ],
  [
    "an axis product that overflows 64 bits",
    (v) => {
      for (let i = 0; i < 3; i++) {
        v.setUint32(at("size") + 4 * i, 0xFFFF_FFFF, true);
      }
    },
    "the number of pixels is 240",
  ],
  [
    "an axis product that overflows to the stored number",
    (v) => {
      // 2^31 * 2^31 * 4 = 2^64: 0 in 64 bits.
      v.setUint32(at("size"), 2 ** 31, true);
      v.setUint32(at("size") + 4, 2 ** 31, true);
      v.setUint32(at("size") + 8, 4, true);
      v.setBigUint64(at("nelement"), 0n, true);
      v.setBigUint64(at("imdatamemsize"), 0n, true);
    },
    "expected 18446744073709551616",
  ],
  [
    "more pixels than any stream has",
    (v) => {
      const product = 100_000n * 100_000n * 8n;
      v.setUint32(at("size"), 100_000, true);
      v.setUint32(at("size") + 4, 100_000, true);
      v.setBigUint64(at("nelement"), product, true);
      v.setBigUint64(at("imdatamemsize"), product * 4n, true);
    },
    "expected at most 10000000000",
  ],
  [
    "a pixel count that is not the product",
    (v) => v.setBigUint64(at("nelement"), 241n, true),
    "the number of pixels is 241, expected 240",
  ],
  [
    "a data size that is not the pixels'",
    (v) => v.setBigUint64(at("imdatamemsize"), 961n, true),
    "the size of the pixels in bytes is 961, expected 960",
  ],
  ["data type 0", (v) => v.setUint8(at("datatype"), 0), "code is 0"],
  ["data type 14", (v) => v.setUint8(at("datatype"), 14), "code is 14"],
  ["event records", (v) => v.setUint8(at("datatype"), 20), "code is 20"],
  ["data type 255", (v) => v.setUint8(at("datatype"), 255), "code is 255"],
  [
    "a stream that is not shared",
    (v) => v.setUint8(at("shared"), 0),
    'the "shared" mark is 0',
  ],
  [
    "pixels in a GPU",
    (v) => v.setInt8(at("location"), 2),
    "in the memory of GPU 2",
  ],
  [
    "one keyword too many",
    (v) => v.setUint16(at("NBkw"), 1, true),
    "the file is 2816 bytes, its header asks for 2944 (truncated)",
  ],
  [
    "a semaphore too few",
    (v) => v.setUint16(at("sem"), 9, true),
    "the file is 2816 bytes, its header asks for",
  ],
  [
    "65535 semaphores",
    (v) => v.setUint16(at("sem"), 0xFFFF, true),
    "(truncated)",
  ],
  [
    "65535 trace entries",
    (v) => v.setUint16(at("NBproctrace"), 0xFFFF, true),
    "(truncated)",
  ],
  [
    "a circular buffer that is not there",
    (v) => v.setUint32(at("CBsize"), 0xFFFF_FFFF, true),
    "(truncated)",
  ],
  [
    "a type of another size",
    (v) => {
      v.setUint8(at("datatype"), 10);
      v.setBigUint64(at("imdatamemsize"), 1920n, true);
    },
    "(truncated)",
  ],
  [
    "no slice arrays",
    (v) => v.setBigUint64(at("imagetype"), 2n, true),
    "the file is 2816 bytes, its header asks for 2496",
  ],
  [
    "a version that is not there yet",
    (_, b) => b.fill(0, 0, 32),
    "it has no version yet",
  ],
  [
    "a version of control characters",
    (_, b) => b.set([0x32, 0x2E, 0x1B, 0x0A], 0),
    'version "2.??" is not supported',
  ],
  [
    "a version that fills its field",
    (_, b) => b.fill(0x32, 0, 32).fill(0x2E, 1, 2),
    `version "2.${"2".repeat(30)}" is not supported`,
  ],
  [
    "text instead of a header",
    (_, b) => b.fill(0x41),
    "does not begin like a stream of a known format",
  ],
  ["nothing but zeros", (_, b) => b.fill(0), "it has no version yet"],
];

for (const [what, change, says] of DAMAGED) {
  Deno.test(`Stream.open() refuses ${what}`, () => {
    using folder = new Folder();
    refuses(placeFixture(folder, GOOD, change), says);
  });
}

const LENGTHS: readonly [number, string][] = [
  [0, "it is empty"],
  [1, "file is 1 bytes, the smallest stream has 416"],
  [383, "file is 383 bytes"],
  [384, "file is 384 bytes"],
  [416, "the file is 416 bytes, its header asks for 2816 (truncated)"],
  [2815, "the file is 2815 bytes, its header asks for 2816 (truncated)"],
  [2817, "the file is 2817 bytes, its header asks for 2816"],
];

for (const [bytes, says] of LENGTHS) {
  Deno.test(`Stream.open() refuses a file of ${bytes} instead of 2816 bytes`, () => {
    using folder = new Folder();
    const path = placeFixture(folder, GOOD);
    Deno.truncateSync(path, bytes);
    refuses(path, says);
  });
}

Deno.test("Stream.open() refuses every header cut at any byte", () => {
  using folder = new Folder();
  const whole = fixtureBytes("isio/u8_1d_7.im.shm");
  for (let length = 0; length < whole.length; length += 7) {
    const path = folder.stream("cut");
    Deno.writeFileSync(path, whole.subarray(0, length));
    assertThrows(() => Stream.open(path), StreamFormatError);
  }
});

Deno.test("Stream.open() survives 2000 headers of noise", () => {
  using folder = new Folder();
  const whole = fixtureBytes(GOOD);
  const path = folder.stream("noise");
  let seed = 12345;
  const random = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed / 2 ** 32;
  };
  let opened = 0;
  for (let round = 0; round < 2000; round++) {
    const bytes = whole.slice();
    for (let n = 0; n < 3; n++) {
      // Behind the version, or nearly every round would end there.
      bytes[112 + Math.floor(random() * 272)] = Math.floor(random() * 256);
    }
    Deno.writeFileSync(path, bytes);
    try {
      using stream = Stream.open(path);
      stream.read();
      stream.semaphores();
      stream.keywords();
      stream.trace();
      opened++;
    } catch (error) {
      assertInstanceOf(error, StreamFormatError);
    }
  }
  assert(opened > 0, "harmless fields were hit, too");
});

Deno.test("Stream.open() says that there is no such stream", () => {
  using folder = new Folder();
  const error = assertThrows(
    () => Stream.open("none", { dir: folder.path }),
    StreamNotFoundError,
  );
  assertInstanceOf(error, Deno.errors.NotFound);
  assertEquals(error.message, `No stream "${folder.stream("none")}"`);
});

Deno.test("Stream.open() says where a dangling link points to", () => {
  using folder = new Folder();
  Deno.symlinkSync("/nowhere/gone.im.shm", folder.stream("alias"));
  assertThrows(
    () => Stream.open(folder.stream("alias")),
    StreamNotFoundError,
    'it is a link to "/nowhere/gone.im.shm", which is missing',
  );
});

Deno.test("Stream.open() follows a link, also a chain of them", () => {
  using folder = new Folder();
  const path = placeFixture(folder, GOOD);
  Deno.symlinkSync(path, folder.stream("one"));
  Deno.symlinkSync("one.im.shm", folder.stream("two"));
  using stream = Stream.open("two", { dir: folder.path });
  assertEquals([stream.name, stream.realPath], ["two", path]);
});

Deno.test("Stream.open() refuses a circle of links", () => {
  using folder = new Folder();
  Deno.symlinkSync("b.im.shm", folder.stream("a"));
  Deno.symlinkSync("a.im.shm", folder.stream("b"));
  refuses(folder.stream("a"), "its links lead in a circle");
});

Deno.test("Stream.open() refuses a folder", () => {
  using folder = new Folder();
  Deno.mkdirSync(folder.stream("dir"));
  refuses(folder.stream("dir"), "it is not a regular file");
});

Deno.test("Stream.open() refuses a FIFO without waiting for its other end", async () => {
  using folder = new Folder();
  const path = folder.stream("fifo");
  assertEquals((await run("mkfifo", [path])).code, 0);
  refuses(path, "it is not a regular file");
});

Deno.test("Stream.open() refuses a socket", () => {
  using folder = new Folder();
  const path = folder.stream("socket");
  using _listener = Deno.listen({ transport: "unix", path });
  refuses(path, "it is not a regular file");
});

Deno.test("Stream.open() says that a part of the path is no folder", () => {
  using folder = new Folder();
  Deno.writeTextFileSync(`${folder.path}/plain`, "");
  const error = assertThrows(
    () => Stream.open(`${folder.path}/plain/cam.im.shm`),
    SystemError,
  );
  assertEquals(error.code, "ENOTDIR");
});

/** Opens a stream of this mode in a process that gave root's rights up. */
async function asNobody(mode: number): Promise<string> {
  using folder = new Folder();
  const path = placeFixture(folder, GOOD);
  Deno.chmodSync(path, mode);
  Deno.chmodSync(folder.path, 0o755);
  const { stdout, stderr } = await runCode(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    import { bindAll } from "${moduleUrl("ffi/helper.ts")}";
    import { LIBC_PATHS } from "${moduleUrl("ffi/libc.ts")}";
    bindAll();
    const libc = LIBC_PATHS.map((path) => {
      try {
        return Deno.dlopen(path, {
          setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
        });
      } catch {
        return undefined;
      }
    }).find((library) => library !== undefined);
    if (libc.symbols.setresuid(65534, 65534, 65534) !== 0) throw "not root";
    try {
      using stream = Stream.open("${path}");
      stream.read();
      console.log("writable", stream.writable);
    } catch (error) {
      console.log(error.message);
    }
  `);
  assertEquals(stderr, "");
  return stdout;
}

testWhere(
  "Stream.open() falls back to reading where the file may not be written",
  root,
  async () => assertEquals(await asNobody(0o444), "writable false\n"),
);

testWhere("Stream.open() says that permission is denied", root, async () => {
  assertStringIncludes(await asNobody(0o000), "permission denied (EACCES)");
});

for (const [gib, slices] of [[2, 2049], [4, 4097]] as const) {
  Deno.test(`Stream.open() reads the ends of a stream beyond ${gib} GiB`, () => {
    using folder = new Folder();
    const path = folder.stream("huge");
    const pixels = sparseStream(path, slices);
    if (pixels === undefined) return;
    assert(pixels > gib * 2 ** 30);
    using stream = Stream.open(path);
    assertEquals(stream.read({ slice: 0 }).pixels[0], 11);
    assertEquals(stream.read({ slice: slices - 1 }).pixels.at(-1), 99);
    stream.write(new Uint8Array(1024 * 1024).fill(7), { slice: slices - 1 });
    assertEquals(stream.read({ slice: slices - 1 }).pixels.at(-1), 7);
  });
}

Deno.test("Stream.open() in a child ends with one line, not with a crash", async () => {
  using folder = new Folder();
  const path = placeFixture(folder, GOOD, (view) => {
    view.setUint32(at("CBsize"), 0x7FFF_FFFF, true);
  });
  const { code, stdout } = await runCode(`
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    try {
      Stream.open("${path}");
    } catch (error) {
      console.log(error.message);
    }
  `);
  assertEquals(code, 0);
  assertEquals(stdout.trim().split("\n").length, 1);
  assertStringIncludes(stdout, "(truncated)");
});
