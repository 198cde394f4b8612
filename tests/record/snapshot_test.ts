/** Snapshots: a folder of streams into files, and back. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { basename } from "@std/path";
import { restore } from "../../src/record/restore.ts";
import { snapshot, type SnapshotList } from "../../src/record/snapshot.ts";
import type { Keyword } from "../../src/stream/keywords.ts";
import { Stream } from "../../src/stream/stream.ts";
import { type DataType, TYPES } from "../../src/stream/types.ts";
import { Folder } from "../_support/cli.ts";
import { DAO_FILES, DaoFolder } from "../_support/dao.ts";
import { fixtureBytes } from "../_support/fixtures.ts";
import "../_support/load.ts";

const KEYWORDS: Keyword[] = [
  { name: "odd name é", type: "S", value: "déjà", comment: "no FITS" },
  { name: "NAN", type: "D", value: NaN, comment: "" },
  { name: "ZERO", type: "D", value: -0, comment: "minus" },
  { name: "BIG", type: "L", value: -(2n ** 63n), comment: "exact" },
  { name: "NAXIS1", type: "L", value: 1n, comment: "belongs to files" },
];

Deno.test("snapshot() and restore() bring everything back, for every type", async () => {
  using folder = new Folder();
  using there = new Folder();
  const kept = folder.file("kept");
  const expected = new Map<string, Record<string, unknown>>();
  for (const [i, type] of (Object.keys(TYPES) as DataType[]).entries()) {
    const size = [[3], [3, 2], [2, 2, 2]][i % 3] ?? [1];
    using stream = Stream.create(`s_${type}`, {
      dir: folder.path,
      size,
      type,
      keywords: 7 + i,
      circularBuffer: i % 4,
    });
    const { dataBytes } = stream.layout.table;
    stream.setKeywords(KEYWORDS);
    for (let n = 0; n < i; n++) {
      stream.write(new Uint8Array(dataBytes).map((_, k) => (k + n) % 100), {
        atimeNs: 1_800_000_000_123_456_789n + BigInt(n),
      });
    }
    const { bytes, cnt0, cnt1, atimeNs } = stream.read();
    expected.set(stream.name, {
      size,
      type,
      bytes,
      cnt0,
      cnt1,
      atimeNs,
      keywords: stream.keywords(),
      capacity: stream.layout.keywordCount,
      slots: stream.layout.circularBuffer,
    });
  }
  Deno.symlinkSync("s_u8.im.shm", folder.stream("alias"));
  const report = await snapshot(kept, { dir: folder.path });
  assertEquals([report.streams.length, report.links.length], [13, 1]);
  assertEquals(report.failed, []);
  const check = (dir: string): void => {
    for (const [name, wanted] of expected) {
      using stream = Stream.open(name, { dir, writable: false });
      const { bytes, cnt0, cnt1, atimeNs } = stream.read();
      assertEquals(
        {
          size: stream.size,
          type: stream.type,
          bytes,
          cnt0,
          cnt1,
          atimeNs,
          keywords: stream.keywords(),
          capacity: stream.layout.keywordCount,
          slots: stream.layout.circularBuffer,
        },
        wanted,
        name,
      );
      assertEquals(stream.fields().writing, false);
    }
  };
  const made = await restore(kept, { dir: there.path });
  assertEquals(
    [...new Set(made.map(({ result }) => result))].sort(),
    ["created", "linked"],
  );
  check(there.path);
  // In place: who has a stream open sees it.
  using open = Stream.open("s_f64", { dir: there.path });
  const { inode } = open;
  const seen = open.read();
  for (const name of expected.keys()) {
    using stream = Stream.open(name, { dir: there.path });
    stream.write(new Uint8Array(stream.layout.table.dataBytes));
    stream.setKeywords([]);
  }
  const again = await restore(kept, { dir: there.path });
  assertEquals(
    [...new Set(again.map(({ result }) => result))].sort(),
    ["filled", "linked"],
  );
  check(there.path);
  assertEquals([open.presence(), open.inode], ["same", inode]);
  assertEquals(open.read().bytes, seen.bytes);
});

Deno.test("restore() leaves what does not fit, says so, and does the others", async () => {
  using folder = new Folder();
  const kept = folder.file("kept");
  for (const name of ["a", "b", "c"]) {
    using stream = Stream.create(name, {
      dir: folder.path,
      size: [2],
      type: "u8",
    });
    stream.write(new Uint8Array([1, 2]));
  }
  await snapshot(kept, { dir: folder.path, pattern: "[ab]" });
  assert(!Deno.readTextFileSync(`${kept}/snapshot.json`).includes('"c"'));
  using other = Stream.create("a", {
    dir: folder.path,
    size: [3],
    type: "u8",
    existing: "replace",
  });
  const [a, b] = await restore(kept, { dir: folder.path });
  assertEquals([a?.result, b?.result], ["failed", "filled"]);
  assertMatch(
    a?.error ?? "",
    /"a" is 3 u8 \(isio\), it was 2 u8 \(isio\); --force/,
  );
  assertEquals(other.presence(), "same");
  const forced = await restore(kept, { dir: folder.path, force: true });
  assertEquals(forced.map(({ result }) => result), ["created", "filled"]);
  // A file that was changed is no snapshot any more.
  const file = `${kept}/b.fits`;
  const bytes = Deno.readFileSync(file);
  bytes[bytes.length - 2880] = 77;
  Deno.writeFileSync(file, bytes);
  const [, damaged] = await restore(kept, { dir: folder.path });
  assertMatch(damaged?.error ?? "", /sum does not agree/);
});

Deno.test("restore() says what is wrong with a list, and makes nothing of it", async () => {
  using folder = new Folder();
  using there = new Folder();
  const kept = folder.file("kept");
  {
    using cam = Stream.create("cam", {
      dir: folder.path,
      size: [4, 3],
      type: "i16",
    });
    cam.write(new Int16Array(12));
    cam.setKeywords([{ name: "N", type: "L", value: 1n, comment: "" }]);
  }
  await snapshot(kept, { dir: folder.path });
  const path = `${kept}/snapshot.json`;
  const good = Deno.readTextFileSync(path);
  const cases: [string | ((list: SnapshotList) => unknown), RegExp][] = [
    ["{", /no JSON/],
    ["null", /no object/],
    [(list) => ({ ...list, version: 2 }), /"version" is not 1/],
    [(list) => ({ ...list, streams: {} }), /"streams" is no array/],
    [(list) => ({ ...list, streams: [null] }), /"streams"\[0\]: is no object/],
    [(list) => ({ ...list, links: [null] }), /"links"\[0\]: is no object/],
    ...Object.entries<unknown>({
      file: "../cam.fits",
      format: "fits",
      type: "u3",
      size: [4, 2.5],
      counters: ["1", "2", `${1n << 64n}`],
      acquired: `${1n << 63n}`,
      keywordCapacity: -1,
      semaphores: "a\nb",
      keywords: [{ name: "N", type: "L", value: "1.5", comment: "" }],
    }).map(([field, value]): [(list: SnapshotList) => unknown, RegExp] => [
      (list) => ({
        ...list,
        streams: [{ ...list.streams[0], [field]: value }],
      }),
      new RegExp(`"streams"\\[0\\]: "${field}" is wrong`),
    ]),
  ];
  for (const [change, message] of cases) {
    Deno.writeTextFileSync(
      path,
      typeof change === "string"
        ? change
        : JSON.stringify(change(JSON.parse(good))),
    );
    const error = await assertRejects(
      () => restore(kept, { dir: there.path }),
      SyntaxError,
      `"${path}" is not the list of a snapshot: `,
    );
    assertMatch(error.message, message);
  }
  // A list that is right in itself, of another image.
  Deno.writeTextFileSync(
    path,
    good.replace(/"size": \[[^\]]*\]/, '"size": [2, 2]'),
  );
  const [cam] = await restore(kept, { dir: there.path });
  assertMatch(cam?.error ?? "", /holds 4x3 pixels, the list says 2x2$/);
  assertEquals([...Deno.readDirSync(there.path)], []);
});

Deno.test("restore() brings DAO's streams back as DAO's, FIFOs and all", async () => {
  using folder = new DaoFolder();
  const kept = folder.file("kept");
  const dir = { dir: folder.path };
  const names: string[] = [];
  for (const { path } of DAO_FILES) {
    const name = folder.base(basename(path, ".im.shm"));
    // "Partial" packets of a frame are no frame yet.
    if (name.endsWith("partial")) continue;
    Deno.writeFileSync(`${folder.path}/${name}.im.shm`, fixtureBytes(path));
    names.push(name);
  }
  const empty = folder.base("empty");
  Stream.create(empty, {
    ...dir,
    format: "dao",
    depth: 3,
    size: [3, 2],
    type: "f64",
  }).close();
  names.push(empty);
  const stateOf = (name: string): Record<string, unknown> => {
    using stream = Stream.open(name, { ...dir, writable: false });
    const { bytes, cnt0, cnt1, cnt2, atimeNs } = stream.read();
    const { format, keywordCount } = stream.layout;
    const { type } = stream;
    const size = stream.size.join("x").replace(/^7$/, "1x7"); // as new ones
    const segments = Math.max(1, stream.layout.table.segments);
    return {
      ...{ type, size, bytes, cnt0, cnt1, cnt2, atimeNs, format, keywordCount },
      ...{ segments, keywords: stream.keywords() },
    };
  };
  const before = names.map(stateOf);
  const report = await snapshot(kept, dir);
  assertEquals([report.streams.length, report.failed], [names.length, []]);
  for (const name of names) Deno.removeSync(`${folder.path}/${name}.im.shm`);
  const made = await restore(kept, dir);
  assertEquals(
    made.filter(({ result }) => result !== "created"),
    [],
  );
  assertEquals(names.map(stateOf), before);
  // In place: one new frame, in the same file.
  using fifo = Stream.open(
    names.find((name) => name.includes("fifo4")) ?? "",
    dir,
  );
  fifo.write(new Uint8Array(fifo.layout.table.dataBytes));
  const again = await restore(kept, dir);
  assertEquals([...new Set(again.map(({ result }) => result))], ["filled"]);
  assertEquals(names.map(stateOf), before);
  assertEquals(fifo.presence(), "same");
  // What had no frame cannot be taken back to that, and what is ImageStreamIO
  // now is not DAO.
  {
    using stream = Stream.open(empty, dir);
    stream.write(new Uint8Array(stream.layout.table.dataBytes));
  }
  const [name = ""] = names;
  const { size, type } = report.streams.find((one) => one.name === name) ??
    { size: [], type: "u8" };
  Stream.create(name, { ...dir, size, type, existing: "replace" }).close();
  const refused = await restore(kept, dir);
  const failed = new Map(refused.map((one) => [one.name, one.error]));
  assertMatch(failed.get(empty) ?? "", /had no frame, and has some now; --fo/);
  assertMatch(failed.get(name) ?? "", /\(isio\), it was .*\(dao\); --force/);
  const forced = await restore(kept, { ...dir, force: true });
  assertEquals(forced.filter(({ result }) => result === "failed"), []);
  assertEquals(names.map(stateOf), before);
});
