/** Streams made by DAO's own library, read as their manifest says. */

import { assert, assertEquals } from "@std/assert";
import { describeStream } from "../../src/stream/describe.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  DAO_FILES,
  DAO_LAYOUT,
  type DaoFile,
  daoOffset,
} from "../_support/dao.ts";
import { fixtureBytes, placeFixture } from "../_support/fixtures.ts";
import { Folder } from "../_support/folder.ts";

assert(DAO_FILES.length === 8, "all golden files are there");

const names = (file: DaoFile): string =>
  DAO_LAYOUT.datatypes.find(({ code }) =>
    code === file.expected.metadata[0]?.atype
  )?.type.replace("uint", "u").replace("int", "i").replace("float", "f")
    .replace("complex", "c") ?? "";

for (const file of DAO_FILES) {
  const { metadata, segments, keywords } = file.expected;
  const [first] = metadata;
  assert(first !== undefined);
  const last = metadata[first.fifo_last_written ?? 0] ?? first;
  const stored = first.size.slice(0, first.naxis);

  Deno.test(`Stream.open() reads ${file.path} as its manifest says`, () => {
    using folder = new Folder();
    const path = placeFixture(folder, file.path);
    using stream = Stream.open(path, { writable: false });
    const found = describeStream(stream);
    assertEquals(found.format, "dao");
    assertEquals(found.type, names(file));
    assertEquals(found.storedSize, stored);
    assertEquals(found.size, stored.toReversed(), "x is the last of a shape");
    assertEquals(stream.layout.bytes, file.bytes);
    assertEquals(stream.layout.name, first.name);
    assertEquals(
      [found.cnt0, found.cnt1, found.cnt2],
      [last.cnt0, last.cnt1, last.cnt2].map(BigInt),
    );
    const fields = stream.fields();
    assertEquals(fields.atimeNs, BigInt(last.atime.secondlong));
    assertEquals(
      fields.creationNs,
      BigInt(Math.round(first.creation_time * 1e6)) * 1000n,
    );
    assertEquals(found.writing, false);
    const { other } = found;
    for (const name of ["lastPos", "lastNb", "packetNb", "packetTotal"]) {
      assertEquals(other[name], last[name as "lastPos"], name);
    }
    assertEquals(other.fifoSize, first.fifo_size);
    assertEquals(other.fifoLastWritten, first.fifo_last_written);
    assertEquals(
      found.keywords.map((one) => ({ ...one, value: String(one.value) })),
      keywords.map((one) => ({ ...one, value: String(one.value) })),
    );
  });

  Deno.test(`Stream.read() copies the newest frame of ${file.path}`, () => {
    using folder = new Folder();
    const path = placeFixture(folder, file.path);
    using stream = Stream.open(path, { writable: false });
    const newest = segments.find(({ index }) =>
      index === (first.fifo_last_written ?? 0)
    );
    const frame = stream.read();
    assertEquals(Array.from(frame.pixels, Number), [...newest?.values ?? []]);
    assertEquals(frame.torn, false);
    assertEquals(frame.cnt0, BigInt(last.cnt0));
    const depth = first.fifo_size ?? 1;
    assertEquals(
      stream.history(depth).map(({ cnt0, pixels, atimeNs }) => ({
        cnt0,
        atimeNs,
        values: Array.from(pixels, Number),
      })),
      segments.map(({ index, values }) => ({
        cnt0: BigInt(metadata[index]?.cnt0 ?? 0),
        atimeNs: BigInt(metadata[index]?.atime.secondlong ?? 0),
        values: [...values],
      })).sort((a, b) => Number(a.cnt0 - b.cnt0)),
    );
  });

  Deno.test(`opening ${file.path} changes no byte of it`, () => {
    using folder = new Folder();
    const path = placeFixture(folder, file.path);
    Stream.open(path).close();
    assertEquals(Deno.readFileSync(path), fixtureBytes(file.path));
  });
}

Deno.test("the packets of a frame are told apart by their frame numbers", () => {
  const partial = DAO_FILES.find(({ path }) => path.includes("partial"));
  const view = new DataView(fixtureBytes(partial?.path ?? "").buffer);
  const at = daoOffset("lastNbArray");
  assertEquals(view.getBigUint64(at, true), 103n);
  assertEquals(view.getBigUint64(at + 8, true), 103n);
});
