/** Streams made by the real libraries, read as their manifest says. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { StreamFormatError } from "../../src/stream/format.ts";
import type { Keyword } from "../../src/stream/keywords.ts";
import {
  currentFixtures,
  fixtureBytes,
  LAYOUT,
  MANIFEST,
  type ManifestFile,
  type ManifestKeyword,
  type ManifestTime,
  member,
  pixelsFrom,
  placeFixture,
  sha256,
  typeOfCode,
} from "../_support/fixtures.ts";
import { Folder } from "../_support/folder.ts";

const LEGACY_200 = MANIFEST.files.filter((file) =>
  file.path.startsWith("isio/legacy/") && !file.path.includes("legacy105")
);
const RECEIVED = MANIFEST.files.filter((file) =>
  file.path.startsWith("shmimtcp/rx_")
);
const ALL = [...currentFixtures(), ...LEGACY_200, ...RECEIVED];

assert(currentFixtures().length === 22, "all golden files are there");
assert(LEGACY_200.length === 2 && RECEIVED.length === 2);

function ns(time: ManifestTime): bigint {
  return BigInt(time.sec) * 1_000_000_000n + BigInt(time.nsec);
}

function keyword(record: ManifestKeyword): Keyword {
  const { name, comment } = record;
  switch (record.type) {
    case "L":
      return { name, type: "L", value: BigInt(record.value ?? 0), comment };
    case "D":
      return { name, type: "D", value: Number(record.value), comment };
    default:
      return { name, type: "S", value: String(record.value), comment };
  }
}

/** Opens a copy of a golden file, for reading. */
function opened(
  file: ManifestFile,
  check: (stream: Stream, file: ManifestFile) => void | Promise<void>,
): () => Promise<void> {
  return async () => {
    using folder = new Folder();
    using stream = Stream.open(placeFixture(folder, file.path), {
      writable: false,
    });
    await check(stream, file);
  };
}

for (const file of ALL) {
  const { metadata, blocks, data, keywords, semaphores } = file.expected;

  Deno.test(`the golden file ${file.path} is the one of its manifest`, async () => {
    assertEquals(await sha256(fixtureBytes(file.path)), file.sha256);
  });

  Deno.test(
    `Stream.open() reads the metadata of ${file.path}`,
    opened(file, (stream) => {
      const fields = stream.fields();
      assertEquals({
        version: stream.layout.version,
        name: stream.layout.name,
        naxis: stream.size.length,
        size: [...stream.size],
        type: stream.type,
        imagetype: fields.other.imageType,
        creationtime: fields.creationNs,
        lastaccesstime: fields.accessNs,
        atime: fields.atimeNs,
        writetime: fields.writetimeNs,
        creatorPID: fields.creatorPid,
        ownerPID: fields.ownerPid,
        shared: fields.other.shared,
        inode: fields.inode,
        location: fields.other.location,
        status: fields.other.status,
        flag: fields.other.flag,
        logflag: fields.other.logFlag,
        sem: stream.semaphores().length,
        NBproctrace: stream.layout.table.traceCount,
        cnt0: fields.cnt0,
        cnt1: fields.cnt1,
        cnt2: fields.cnt2,
        write: fields.writing,
        NBkw: stream.layout.keywordCount,
        CBsize: stream.layout.circularBuffer,
        CBindex: fields.other.circularBufferIndex,
        CBcycle: fields.other.circularBufferCycle,
        imdatamemsize: stream.layout.table.dataBytes,
      }, {
        version: metadata.version,
        name: metadata.name,
        naxis: metadata.naxis,
        size: metadata.size.slice(0, metadata.naxis),
        type: typeOfCode(metadata.datatype),
        imagetype: `0x${metadata.imagetype.toString(16)}`,
        creationtime: ns(metadata.creationtime),
        lastaccesstime: ns(metadata.lastaccesstime),
        atime: ns(metadata.atime),
        writetime: ns(metadata.writetime),
        creatorPID: metadata.creatorPID,
        ownerPID: metadata.ownerPID,
        shared: metadata.shared,
        inode: BigInt(metadata.inode),
        location: metadata.location,
        status: metadata.status,
        flag: String(metadata.flag),
        logflag: metadata.logflag,
        sem: metadata.sem,
        NBproctrace: metadata.NBproctrace,
        cnt0: BigInt(metadata.cnt0),
        cnt1: BigInt(metadata.cnt1),
        cnt2: BigInt(metadata.cnt2),
        write: metadata.write !== 0,
        NBkw: metadata.NBkw,
        CBsize: metadata.CBsize,
        CBindex: metadata.CBindex,
        CBcycle: String(metadata.CBcycle),
        imdatamemsize: metadata.imdatamemsize,
      });
    }),
  );

  Deno.test(
    `Stream.open() finds the blocks of ${file.path}`,
    opened(file, (stream) => {
      const { table } = stream.layout;
      const at = (name: string): number => blocks[name]?.offset ?? 0;
      assertEquals({
        data: table.data,
        dataBytes: table.dataBytes,
        keywords: table.keywords,
        keywordBytes: table.keywordBytes,
        sems: table.sems,
        logSem: table.logSem,
        readerPids: table.readerPids,
        writerPids: table.writerPids,
        trace: table.trace,
        sliceAtimes: table.sliceAtimes,
        sliceWritetimes: table.sliceWritetimes,
        sliceCounters: table.sliceCounters,
        ringData: table.ringData,
        bytes: stream.layout.bytes,
      }, {
        data: at("data"),
        dataBytes: blocks.data?.size ?? -1,
        keywords: at("keywords"),
        keywordBytes: blocks.keywords?.size ?? -1,
        sems: at("semfile"),
        logSem: at("semlog"),
        readerPids: at("semReadPID"),
        writerPids: at("semWritePID"),
        trace: at("streamproctrace"),
        sliceAtimes: at("atimearray"),
        sliceWritetimes: at("writetimearray"),
        sliceCounters: at("cntarray"),
        ringData: at("CBimdata"),
        bytes: file.bytes,
      });
    }),
  );

  Deno.test(
    `Stream.read() gives the pixels of ${file.path}`,
    opened(file, async (stream) => {
      const frame = stream.read();
      assertEquals(await sha256(frame.bytes), data.sha256);
      assertEquals(
        frame.pixels.slice(0, data.first.length),
        pixelsFrom(
          stream.type,
          data.first.length,
          (index) => data.first[index] ?? 0,
        ),
      );
      assertEquals([frame.torn, frame.stalled], [false, false]);
      assertEquals(frame.cnt0, BigInt(metadata.cnt0));
    }),
  );

  Deno.test(
    `Stream.keywords() gives the keywords of ${file.path}`,
    opened(file, (stream) => {
      assertEquals(
        stream.keywords(),
        keywords.filter((record) => "LDS".includes(record.type)).map(keyword),
      );
    }),
  );

  Deno.test(
    `Stream.semaphores() gives the values and pids of ${file.path}`,
    opened(file, (stream) => {
      assertEquals(
        stream.semaphores(),
        semaphores.values.map((value, index) => ({
          value,
          readerPid: semaphores.semReadPID[index] ?? 0,
          writerPid: semaphores.semWritePID[index] ?? 0,
        })),
      );
      const all = stream.mapping.semaphores.values(
        semaphores.values.length + 1,
      );
      assertEquals(all.at(-1), semaphores.semlog);
    }),
  );

  Deno.test(
    `Stream.trace() gives the process trace of ${file.path}`,
    opened(file, (stream) => {
      const bytes = fixtureBytes(file.path);
      const view = new DataView(bytes.buffer);
      const time = (at: number): bigint =>
        view.getBigInt64(at, true) * 1_000_000_000n +
        view.getBigInt64(at + 8, true);
      const size = LAYOUT.structs.procTrace?.size ?? 0;
      const of = (name: string): number => member(name, "procTrace").offset;
      const start = blocks.streamproctrace?.offset ?? 0;
      const expected = file.expected.streamproctraceEntriesWithPid.map(
        (_, index) => {
          const at = start + index * size;
          return {
            pid: view.getInt32(at + of("procwrite_PID"), true),
            triggerInode: view.getBigUint64(at + of("trigger_inode"), true),
            startedNs: time(at + of("ts_procstart")),
            updatedNs: time(at + of("ts_streamupdate")),
            semaphore: view.getInt32(at + of("trigsemindex"), true),
            status: view.getInt32(at + of("triggerstatus"), true),
            cnt0: view.getBigUint64(at + of("cnt0"), true),
          };
        },
      );
      assertEquals(stream.trace(), expected);
    }),
  );
}

for (const file of ALL.filter((one) => one.expected.circularBuffer)) {
  Deno.test(
    `Layout places the circular-buffer slots of ${file.path}`,
    opened(file, (stream) => {
      const { ringData, dataBytes } = stream.layout.table;
      for (const slot of file.expected.circularBuffer ?? []) {
        assertEquals(ringData + slot.slot * dataBytes, slot.offset);
        const bytes = new Uint8Array(dataBytes);
        stream.mapping.load(slot.offset, bytes);
        const expected = pixelsFrom(
          stream.type,
          slot.values.length,
          (index) => slot.values[index] ?? 0,
        );
        assertEquals(bytes, new Uint8Array(expected.buffer));
      }
    }),
  );
}

for (const file of LEGACY_200) {
  Deno.test(`Stream.open() takes ${file.path} for reading only`, () => {
    using folder = new Folder();
    const path = placeFixture(folder, file.path);
    using stream = Stream.open(path);
    assertEquals(stream.writable, false);
  });

  Deno.test(`Stream.open() refuses ${file.path} for writing`, () => {
    using folder = new Folder();
    const path = placeFixture(folder, file.path);
    assertThrows(
      () => Stream.open(path, { writable: true }),
      StreamFormatError,
      "can only be read",
    );
  });
}

Deno.test("Stream.open() refuses version 1.05 and names what it supports", () => {
  using folder = new Folder();
  const path = placeFixture(folder, "isio/legacy/legacy105_u8_1d_7.im.shm");
  const error = assertThrows(() => Stream.open(path), StreamFormatError);
  assertEquals(
    error.message,
    `Cannot open stream "${path}": version "1.05" is not supported; ` +
      'supported: ImageStreamIO "2.00"',
  );
});

for (const version of ["2.01", "3.00", "0.0.01", "2.000"]) {
  Deno.test(`Stream.open() refuses version ${version} by name`, () => {
    using folder = new Folder();
    const path = placeFixture(folder, "isio/u8_1d_7.im.shm", (_, bytes) => {
      bytes.fill(0, 0, member("version").size);
      bytes.set(new TextEncoder().encode(version));
    });
    assertThrows(
      () => Stream.open(path),
      StreamFormatError,
      `version "${version}" is not supported; supported: ImageStreamIO "2.00"`,
    );
  });
}

Deno.test("Stream.semaphores() tells a saturated from a flushed semaphore", () => {
  using folder = new Folder();
  using stream = Stream.open(
    placeFixture(folder, "isio/u8_2d_2x2_semposted.im.shm"),
    { writable: false },
  );
  assertEquals(
    stream.semaphores().map(({ value }) => value),
    [10, 10, 10, 10, 7, 10, 10, 10, 10, 10],
  );
});
