/** Files that claim to be DAO streams: refused in one line, nothing leaks. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { StreamFormatError } from "../../src/stream/format.ts";
import { Stream } from "../../src/stream/stream.ts";
import { daoOffset } from "../_support/dao.ts";
import { fixtureBytes, placeFixture } from "../_support/fixtures.ts";
import { Folder } from "../_support/folder.ts";

const FIFO = "dao/dao_i32_2d_5x3_fifo4.im.shm";
const PLAIN = "dao/dao_u16_2d_12x8.im.shm";
const BEFORE = "dao/dao_prefifo_u16_2d_12x8.im.shm";

function refused(path: string, ...words: string[]): StreamFormatError {
  const error = assertThrows(
    () => Stream.open(path).close(),
    StreamFormatError,
  );
  for (const word of words) {
    assert(error.message.includes(word), `${error.message}: no "${word}"`);
  }
  assert(!error.message.includes("\n"));
  return error;
}

/** A golden file with one field changed. */
function changed(
  folder: Folder,
  fixture: string,
  field: string,
  value: number,
  bytes: 1 | 4 | 8 = 4,
): string {
  return placeFixture(folder, fixture, (view) => {
    const at = daoOffset(field);
    if (bytes === 1) view.setUint8(at, value);
    else if (bytes === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
  });
}

for (const fixture of [FIFO, PLAIN, BEFORE]) {
  Deno.test(`${fixture}, cut short anywhere, is refused`, () => {
    using folder = new Folder();
    const whole = fixtureBytes(fixture);
    const path = folder.stream("cut");
    for (
      const bytes of [500, 4295, 4296, 4297, 4304, 4400, whole.length - 1]
    ) {
      Deno.writeFileSync(path, whole.subarray(0, bytes));
      refused(path, path);
    }
    Deno.writeFileSync(path, whole.subarray(0, 4200));
    refused(path, "file is 4200 bytes", "(truncated)");
    Deno.writeFileSync(path, new Uint8Array([...whole, 0]));
    refused(path);
  });
}

Deno.test("a FIFO that cannot be is refused", () => {
  using folder = new Folder();
  refused(changed(folder, FIFO, "fifo_size", 0), "FIFO's size is 0");
  refused(
    changed(folder, FIFO, "fifo_size", 0xFFFF_FFFF),
    "FIFO's size is 4294967295",
  );
  refused(changed(folder, FIFO, "fifo_size", 5), "(truncated)");
  refused(
    changed(folder, FIFO, "fifo_last_written", 4),
    "last index is 4",
    "less than its size, 4",
  );
});

Deno.test("axes, types and counts that disagree are refused", () => {
  using folder = new Folder();
  refused(changed(folder, PLAIN, "size", 13), "number of pixels is 96");
  refused(changed(folder, PLAIN, "nelement", 97, 8), "(the product");
  refused(changed(folder, PLAIN, "naxis", 4, 1), "axes is 4");
  refused(changed(folder, PLAIN, "naxis", 0, 1));
  refused(changed(folder, PLAIN, "atype", 13, 1), "type code is 13");
  refused(changed(folder, PLAIN, "atype", 1, 1), "its header asks for");
  refused(changed(folder, PLAIN, "NBkw", 200), "(truncated)");
  refused(changed(folder, PLAIN, "size", 0), "length of axis 0 is 0");
});

Deno.test("an index that goes wild later addresses nothing", () => {
  using folder = new Folder();
  const path = placeFixture(folder, FIFO);
  using stream = Stream.open(path);
  using file = Deno.openSync(path, { read: true, write: true });
  file.seekSync(daoOffset("fifo_last_written"), Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(4).fill(0xFF));
  assertEquals(stream.read().pixels.length, 15);
  stream.write(new Int32Array(15).fill(1));
  assertEquals(stream.read().pixels[14], 1);
});

Deno.test("one byte changed anywhere in the record is survived", () => {
  using folder = new Folder();
  const whole = fixtureBytes(FIFO);
  const path = folder.stream("mutant");
  for (let at = 0; at < 4304; at += at < 200 || at >= 4290 ? 3 : 311) {
    for (const value of [0, 1, 0xFF]) {
      const bytes = whole.slice();
      bytes[at] = value;
      Deno.writeFileSync(path, bytes);
      try {
        using stream = Stream.open(path, { writable: false });
        stream.read();
        stream.fields();
        stream.keywords();
      } catch (error) {
        assert(error instanceof StreamFormatError, String(error));
      }
    }
  }
});
