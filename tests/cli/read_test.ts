/** `shmim read`. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { done, Folder, json, Running, shmim, until } from "../_support/cli.ts";
import { Meanwhile } from "../_support/meanwhile.ts";

function cam(folder: Folder): Stream {
  const stream = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  stream.write(new Uint16Array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
  return stream;
}

function cube(folder: Folder): Stream {
  const stream = Stream.create("cube", {
    dir: folder.path,
    size: [2, 2, 3],
    type: "i16",
  });
  stream.write(Int16Array.from({ length: 12 }, (_, i) => i - 6));
  return stream;
}

/** Publishes frames until told to stop, because a reader starts whenever. */
async function feeding<T>(
  stream: Stream,
  during: () => Promise<T>,
): Promise<T> {
  let n = 0;
  await using _feed = new Meanwhile(
    5,
    () => stream.write(new Uint16Array(12).fill(++n)),
  );
  return await during();
}

Deno.test("shmim read prints statistics of the frame that is there", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  assertMatch(
    await done(["read", "cam"], { folder }),
    /^cnt0 1 +written [-\dT:.]+Z +min 0 +max 11 +mean 5\.5 +std 3\.45205253\n$/,
  );
});

Deno.test("shmim read --json gives statistics as an object", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  const { atime, writetime, ...rest } = json(
    await done(["read", "cam", "--json"], { folder }),
  );
  assertMatch(atime, /^\d{4}.*Z$/);
  assertMatch(writetime, /^\d{4}.*Z$/);
  assertEquals(rest, {
    name: "cam",
    cnt0: 1,
    cnt1: 0,
    type: "u16",
    size: [4, 3],
    torn: false,
    count: 12,
    nan: 0,
    min: 0,
    max: 11,
    mean: 5.5,
    std: Math.sqrt(143 / 12),
  });
});

Deno.test("shmim read --format text gives a line for each row", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  assertEquals(
    await done(["read", "cam", "--format", "text"], { folder }),
    "0 1 2 3\n4 5 6 7\n8 9 10 11\n",
  );
});

Deno.test("shmim read --format text parts the slices of a cube by an empty line", async () => {
  using folder = new Folder();
  using _ = cube(folder);
  assertEquals(
    await done(["read", "cube", "--format", "text"], { folder }),
    "-6 -5\n-4 -3\n\n-2 -1\n0 1\n\n2 3\n4 5\n",
  );
});

Deno.test("shmim read --format json gives the pixels, 64-bit ones exactly", async () => {
  using folder = new Folder();
  using stream = Stream.create("big", {
    dir: folder.path,
    size: [3],
    type: "u64",
  });
  stream.write(new BigUint64Array([1n, 2n ** 53n, 2n ** 64n - 1n]));
  const out = await done(["read", "big", "--format", "json"], { folder });
  assertEquals(out.split("\n").length, 2, "one object, one line");
  const { pixels, type, size } = json(out);
  assertEquals([type, size], ["u64", [3]]);
  assertEquals(pixels, [1, "9007199254740992", "18446744073709551615"]);
});

Deno.test("shmim read --format json says NaN as text", async () => {
  using folder = new Folder();
  using stream = Stream.create("nan", {
    dir: folder.path,
    size: [2],
    type: "f32",
  });
  stream.write(new Float32Array([NaN, 1.5]));
  assertEquals(
    json(await done(["read", "nan", "--format", "json"], { folder })).pixels,
    ["NaN", 1.5],
  );
  assertStringIncludes(await done(["read", "nan"], { folder }), "NaN 1");
});

Deno.test("shmim read --format raw writes the pixels as stored, nothing else", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const { bytes, code } = await shmim(["read", "cam", "--format", "raw"], {
    folder,
  });
  assertEquals([code, bytes], [0, stream.read().bytes]);
});

/** Reads a `.npy` file as NumPy's format document says, and strictly. */
function strictNpy(bytes: Uint8Array<ArrayBuffer>): {
  descr: string;
  shape: number[];
  data: Uint8Array<ArrayBuffer>;
} {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0];
  assertEquals([...bytes.slice(0, 8)], magic);
  const length = (bytes[8] ?? 0) + 256 * (bytes[9] ?? 0);
  assertEquals((10 + length) % 64, 0, "the data is aligned");
  const header = new TextDecoder().decode(bytes.slice(10, 10 + length));
  const found = header.match(
    /^\{'descr': '([<|][a-z]\d+)', 'fortran_order': False, 'shape': \(((?:\d+, )*\d+,?)\), \} *\n$/,
  );
  assert(found !== null, header);
  const shape = (found[2] ?? "").split(",").map((axis) => axis.trim())
    .filter((axis) => axis !== "").map(Number);
  return { descr: found[1] ?? "", shape, data: bytes.slice(10 + length) };
}

Deno.test("shmim read --format npy writes an array in C order", async () => {
  using folder = new Folder();
  using stream = cube(folder);
  const { bytes } = await shmim(["read", "cube", "--format", "npy"], {
    folder,
  });
  assertEquals(strictNpy(bytes), {
    descr: "<i2",
    shape: [3, 2, 2],
    data: stream.read().bytes,
  });
});

Deno.test("shmim read --slice takes one slice of a cube", async () => {
  using folder = new Folder();
  using stream = cube(folder);
  const { bytes } = await shmim(
    ["read", "cube", "--slice", "1", "--format", "npy"],
    { folder },
  );
  const { shape, data } = strictNpy(bytes);
  assertEquals([shape, data], [[2, 2], stream.read({ slice: 1 }).bytes]);
});

Deno.test("shmim read --slice says how many slices there are", async () => {
  using folder = new Folder();
  using _ = cube(folder);
  for (const extra of [[], ["--wait", "poll"]]) {
    const { code, err } = await shmim(
      ["read", "cube", "--slice", "3", ...extra],
      { folder },
    );
    assert(code === 1 || code === 2, `${code}`);
    assertMatch(
      err,
      /^shmim: [^\n]*has 3 slices, there is no slice 3[^\n]*\n$/,
    );
  }
});

Deno.test.each(["semaphore", "spin", "poll", "adaptive"])(
  "shmim read --wait %s waits for new frames",
  async (mode) => {
    using folder = new Folder();
    using stream = cam(folder);
    const out = await feeding(
      stream,
      () =>
        done(["read", "cam", "--wait", mode, "--count", "3", "--json"], {
          folder,
        }),
    );
    const frames = out.trimEnd().split("\n").map(json);
    assertEquals(frames.length, 3);
    assert(frames[0].cnt0 > 1);
    assert(frames[0].cnt0 < frames[1].cnt0 && frames[1].cnt0 < frames[2].cnt0);
    assert(
      stream.semaphores().every(({ readerPid }) => readerPid <= 0),
      "nothing stays claimed",
    );
  },
);

Deno.test("shmim read --semaphore claims the one that is wanted", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  await using reader = new Running(
    ["read", "cam", "--wait", "semaphore", "--semaphore", "4"],
    { folder },
  );
  await until(
    "the claim",
    () => stream.semaphores()[4]?.readerPid === reader.pid,
  );
  stream.poke();
  assertEquals(await reader.ended(), 0);
});

Deno.test("shmim read --count with npy gives one array of all frames", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const { bytes } = await feeding(
    stream,
    () => shmim(["read", "cam", "--count", "4", "--format", "npy"], { folder }),
  );
  const { descr, shape, data } = strictNpy(bytes);
  assertEquals([descr, shape, data.length], ["<u2", [4, 3, 4], 96]);
});

Deno.test("shmim read --timeout ends with 124 where no frame comes", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const { code, out, err } = await shmim(
    ["read", "cam", "--wait", "semaphore", "--timeout", "0.1"],
    { folder },
  );
  assertEquals([code, out], [124, ""]);
  assertEquals(err, 'shmim: No new frame of "cam" within 0.1 s\n');
  assert(stream.semaphores().every(({ readerPid }) => readerPid <= 0));
});

Deno.test("shmim read --out writes a file", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const file = folder.file("a.raw");
  assertEquals(
    await done(["read", "cam", "--format", "raw", "--out", file], { folder }),
    "",
  );
  assertEquals(Deno.readFileSync(file), stream.read().bytes);
  assertEquals(folder.names(), ["a.raw", "cam.im.shm"]);
});

Deno.test.each(["raw", "npy", "text", "stats"])(
  "shmim read --out leaves no file of %s that is not complete",
  async (format) => {
    using folder = new Folder();
    using _ = cam(folder);
    const file = folder.file("a.out");
    Deno.writeTextFileSync(file, "what was there before");
    const { code } = await shmim([
      "read",
      "cam",
      "--count",
      "2",
      "--timeout",
      "0.05",
      "--format",
      format,
      "--out",
      file,
    ], { folder });
    assertEquals(code, 124);
    assertEquals(Deno.readTextFileSync(file), "what was there before");
    assertEquals(folder.names(), ["a.out", "cam.im.shm"]);
  },
);

Deno.test("shmim read --out that is interrupted leaves no file", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  await using reader = new Running([
    "read",
    "cam",
    "--wait",
    "semaphore",
    "--count",
    "5",
    "--format",
    "raw",
    "--out",
    folder.file("a.raw"),
  ], { folder });
  await until(
    "the claim",
    () => stream.semaphores().some(({ readerPid }) => readerPid === reader.pid),
  );
  assertEquals(folder.names(), ["a.raw.part", "cam.im.shm"]);
  stream.poke();
  assertEquals(await reader.end("SIGINT"), 130);
  assertEquals(folder.names(), ["cam.im.shm"]);
});

Deno.test("shmim read --out says where it cannot write", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  const { code, err } = await shmim(
    ["read", "cam", "--out", "/nowhere/x"],
    { folder },
  );
  assertEquals(code, 1);
  assertMatch(err, /^shmim: Cannot write "\/nowhere\/x": [^\n]+\n$/);
});

Deno.test("shmim read --out refuses a folder, and leaves nothing beside it", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  Deno.mkdirSync(folder.file("out"));
  const target = folder.file("out");
  for (const out of [target, `${target}/`]) {
    const { code, err } = await shmim(["read", "cam", "--out", out], {
      folder,
    });
    assertEquals([code, err], [
      1,
      `shmim: Cannot write "${out}": it is a folder\n`,
    ]);
    assertEquals(folder.names(), ["cam.im.shm", "out"]);
    assertEquals([...Deno.readDirSync(target)], []);
  }
});

Deno.test("shmim read says who holds the write flag up", async () => {
  using folder = new Folder();
  using stream = cam(folder);
  const { writeFlag } = stream.layout.table;
  stream.mapping.store(writeFlag, new Uint8Array([1]));
  const { code, err } = await shmim(["read", "cam"], { folder });
  assertEquals(code, 1);
  assertMatch(
    err,
    new RegExp(
      `The writer of "cam" \\(pid ${Deno.pid}\\) holds its write flag`,
    ),
  );
});

const WRONG = [
  [[], "NAME is missing"],
  [["cam", "more"], '"more" is one argument too many'],
  [["cam", "--format", "np"], 'not "np"; did you mean "npy"?'],
  [["cam", "--wait", "semaphor"], 'did you mean "semaphore"?'],
  [["cam", "--count", "0"], "--count takes 1 or more"],
  [["cam", "--count", "1.5"], "--count takes a whole number"],
  [["cam", "--timeout", "soon"], "--timeout takes a number"],
  [["cam", "--timeout", "-1"], "--timeout takes 0 or more"],
  [["cam", "--json", "--format", "raw"], "--json does not go with"],
  [["cam", "--fromat", "raw"], 'did you mean "--format"?'],
] as const;

Deno.test.each(WRONG)(
  "shmim read ends with 2 for %s",
  async (words, reason) => {
    const { code, out, err } = await shmim(["read", ...words]);
    assertEquals([code, out], [2, ""]);
    assertStringIncludes(err, reason);
  },
);
