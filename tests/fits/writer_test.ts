import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  addSums,
  Checksum,
  encodeChecksum,
  FitsCubeWriter,
  FitsError,
  FitsFile,
  writeFits,
} from "../../src/fits/mod.ts";
import { formatTime } from "../../src/fits/image_cards.ts";
import { seeded } from "./fits_bytes.ts";

/** Runs a test in a folder of its own. */
async function inFolder(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The names in a folder. */
function names(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map((entry) => entry.name).sort();
}

const ONE = { type: "u8", size: [3], data: new Uint8Array([1, 2, 3]) } as const;

Deno.test("writeFits() replaces a file and keeps a link to it", async () => {
  await inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/real`);
    await Deno.writeTextFile(`${dir}/real/a.fits`, "old");
    await Deno.symlink("real/a.fits", `${dir}/link.fits`);
    const report = await writeFits(`${dir}/link.fits`, ONE);
    assertEquals(report.path, await Deno.realPath(`${dir}/real/a.fits`));
    assert((await Deno.lstat(`${dir}/link.fits`)).isSymlink);
    assertEquals(names(`${dir}/real`), ["a.fits"]);
    using file = await FitsFile.open(`${dir}/link.fits`);
    assertEquals(await file.image.read(), ONE.data);
  });
});

Deno.test("writeFits() leaves the old file when it fails", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/a.fits`;
    await Deno.writeTextFile(path, "old");
    const keywords = [
      { name: "D", type: "D", value: Infinity, comment: "" } as const,
    ];
    await assertRejects(
      () => writeFits(path, ONE, { keywords, strict: true }),
      FitsError,
      'Keyword "D": value is Infinity',
    );
    await assertRejects(
      () => writeFits(path, { ...ONE, size: [4] }),
      RangeError,
      "a frame of 3 bytes, its size and type ask for 4",
    );
    assertEquals(await Deno.readTextFile(path), "old");
    assertEquals(names(dir), ["a.fits"]);
  });
});

Deno.test("writeFits() removes its temporary when the rename fails", async () => {
  await inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/folder.fits`);
    for (const gzip of [false, true]) {
      await assertRejects(() => writeFits(`${dir}/folder.fits`, ONE, { gzip }));
    }
    assertEquals(names(dir), ["folder.fits"]);
  });
});

Deno.test("writeFits() refuses sizes that no stream has", async () => {
  await inFolder(async (dir) => {
    for (const size of [[], [1, 1, 1, 3], [0], [-3], [1.5, 2]]) {
      await assertRejects(
        () => writeFits(`${dir}/a.fits`, { ...ONE, size }),
        RangeError,
        "Cannot write",
      );
    }
    assertEquals(names(dir), []);
  });
});

Deno.test("writeFits() reads pixels from a view within a larger buffer", async () => {
  await inFolder(async (dir) => {
    const bytes = new Uint8Array([9, 9, 9, 1, 0, 2, 0, 9]);
    const data = new DataView(bytes.buffer, 3, 4);
    await writeFits(`${dir}/a.fits`, { type: "u16", size: [2], data });
    using file = await FitsFile.open(`${dir}/a.fits`);
    assertEquals(await file.image.read(), new Uint16Array([1, 2]));
    assertEquals([...bytes], [9, 9, 9, 1, 0, 2, 0, 9]);
  });
});

Deno.test("FitsCubeWriter leaves nothing behind unless it is finished", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/a.fits`;
    {
      await using cube = await FitsCubeWriter.create(path, "u8", [3]);
      await cube.write(ONE.data, { cnt0: 1n });
      assertEquals(cube.frames, 1);
      assertEquals(names(dir).length, 1);
      await assertRejects(
        () => cube.write(new Uint8Array(2), { cnt0: 2n }),
        RangeError,
      );
      assertEquals(cube.frames, 1);
    }
    assertEquals(names(dir), []);
    const empty = await FitsCubeWriter.create(path, "u8", [3]);
    await assertRejects(
      () => empty.finish(),
      RangeError,
      "a cube of no frames",
    );
    await assertRejects(() => empty.finish(), TypeError, "Cube is closed");
    assertEquals(names(dir), []);
  });
});

Deno.test("FitsCubeWriter goes on after a frame of the wrong length", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/a.fits`;
    await using cube = await FitsCubeWriter.create(path, "u8", [3]);
    await assertRejects(
      () => cube.write(new Uint8Array(4), { cnt0: 1n }),
      RangeError,
    );
    await cube.write(ONE.data, { cnt0: 2n });
    await cube.finish();
    using file = await FitsFile.open(path, { verify: true });
    assertEquals(file.image.hdu.axes, [3, 1]);
    assertEquals(await file.image.read(), ONE.data);
  });
});

Deno.test("FitsCubeWriter is closed by a failure in strict mode", async () => {
  await inFolder(async (dir) => {
    const keywords = [
      { name: "D", type: "D", value: NaN, comment: "" } as const,
    ];
    const options = { keywords, strict: true };
    const cube = await FitsCubeWriter.create(
      `${dir}/a.fits`,
      "u8",
      [3],
      options,
    );
    await assertRejects(() => cube.write(ONE.data, { cnt0: 1n }), FitsError);
    assertEquals([cube.closed, names(dir)], [true, []]);
  });
});

Deno.test("FitsCubeWriter writes a header that grows over many blocks", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/a.fits`;
    const keywords = Array.from({ length: 200 }, (_, i) => ({
      name: `K${i}`,
      type: "S" as const,
      value: "value",
      comment: "c".repeat(80),
    }));
    await using cube = await FitsCubeWriter.create(path, "i8", [3, 2], {
      keywords,
    });
    for (let i = 0; i < 12; i++) {
      await cube.write(new Int8Array(6).fill(-i), { cnt0: BigInt(i) });
    }
    await cube.finish();
    using file = await FitsFile.open(path, { verify: true });
    assertEquals(file.image.size, [3, 2, 12]);
    assertEquals(await file.image.readSlice(11), new Int8Array(6).fill(-11));
    assertEquals(file.image.header.has("DATE-END"), false);
  });
});

Deno.test("Checksum sums pieces of any length to the same", () => {
  const random = seeded(3);
  const bytes = new Uint8Array(4096).map(() => Math.floor(random() * 256));
  let words = 0n;
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 4096; i += 4) words += BigInt(view.getUint32(i));
  while (words >> 32n) words = (words & 0xffffffffn) + (words >> 32n);
  for (const step of [1, 3, 7, 64, 4096]) {
    const sum = new Checksum();
    for (let i = 0; i < 4096; i += step) {
      sum.update(bytes.subarray(i, i + step));
    }
    assertEquals(BigInt(sum.value), words);
  }
});

Deno.test("encodeChecksum() brings an HDU's sum to all ones", () => {
  const random = seeded(5);
  for (let i = 0; i < 2000; i++) {
    const bytes = new Uint8Array(160).map(() => Math.floor(random() * 256));
    // CHECKSUM's text starts at the card's 12th character.
    const text = bytes.subarray(11, 27);
    text.fill(0x30);
    const before = new Checksum();
    before.update(bytes);
    const encoded = encodeChecksum(before.value);
    assert(/^[0-9A-Za-z]{16}$/.test(encoded), encoded);
    text.set(new TextEncoder().encode(encoded));
    const after = new Checksum();
    after.update(bytes);
    assertEquals(after.value, 0xffffffff);
  }
});

Deno.test("addSums() carries around the end", () => {
  assertEquals(addSums(0xffffffff, 1), 1);
  assertEquals(addSums(0x80000000, 0x7fffffff), 0xffffffff);
  assertEquals(addSums(0xfffffffe, 5), 4);
});

Deno.test("formatTime() writes nanoseconds and four-digit years only", () => {
  assertEquals(formatTime(0n), "1970-01-01T00:00:00.000000000");
  assertEquals(formatTime(-1n), "1969-12-31T23:59:59.999999999");
  assertEquals(formatTime((1n << 63n) - 1n), "2262-04-11T23:47:16.854775807");
  assertEquals(formatTime(10n ** 21n), undefined);
  assertEquals(formatTime(-(10n ** 21n)), undefined);
});
