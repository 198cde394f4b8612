/**
 * What is fuzzed. Each target makes a case from a generator and runs one: it
 * gives back whether the input was taken or refused, and throws where
 * something else happened.
 *
 * V8 can tell coverage only through its inspector, which costs more than a
 * case does: what guides these is the formats' own tables. The C side is
 * guided by coverage (native/fuzz).
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { SystemError } from "../../ffi/errno.ts";
import { fits, openDestination } from "../../src/bridge/destination.ts";
import { readHandshake, WireError } from "../../src/bridge/milk_wire.ts";
import { jsonValue } from "../../src/cli/output.ts";
import { FitsError } from "../../src/fits/mod.ts";
import { isNpy, npyHeader, readNpy } from "../../src/image/npy.ts";
import { describeStream } from "../../src/stream/describe.ts";
import {
  StreamExistsError,
  StreamFormatError,
  StreamNotFoundError,
} from "../../src/stream/format.ts";
import { decodeKeywords, encodeKeywords } from "../../src/stream/keywords.ts";
import { listStreams } from "../../src/stream/list.ts";
import { requireName } from "../../src/stream/names.ts";
import { Stream } from "../../src/stream/stream.ts";
import { decodeTrace } from "../../src/stream/trace.ts";
import { TYPES } from "../../src/stream/types.ts";
import { WAIT_MODES } from "../../src/stream/wait.ts";
import { currentFixtures, fixtureBytes } from "../_support/fixtures.ts";
import { handshake } from "../_support/bridge.ts";
import { mutate as mutateFits, readAll, SEEDS } from "../fits/_mutations.ts";
import {
  consistentStream,
  METADATA_FIELDS,
  type SparseFile,
} from "./_fields.ts";
import { mutate } from "./_random.ts";
import { FILE_TARGETS } from "./_file_targets.ts";
import { type Outcome, refusedBy, type Target, whole } from "./_target.ts";
import { WIRE_TARGETS } from "./_wire_targets.ts";

const STREAMS = [
  ...currentFixtures().map(({ path }) => path),
  "isio/legacy/legacy200_unaligned_u8_1d_7.im.shm",
  "isio/legacy/daocompat_u16_2d_4x2.im.shm",
].map(fixtureBytes);

/** More than this is not read into memory. */
const READ_BYTES = 2 ** 24;

function lookAt(stream: Stream): void {
  const { table } = stream.layout;
  const text = JSON.stringify(describeStream(stream), jsonValue);
  assert(text.length > 100);
  const keywords = stream.keywords();
  assert(keywords.length <= stream.layout.keywordCount);
  assert(stream.trace().length <= table.traceCount);
  assertEquals(stream.semaphores().length, table.semCount);
  const pixels = stream.size.reduce((product, axis) => product * axis, 1);
  assertEquals(table.dataBytes, pixels * TYPES[stream.type].bytes);
  if (table.dataBytes <= READ_BYTES) {
    const frame = stream.read({ tries: 1 });
    assertEquals(frame.bytes.length, table.dataBytes);
    assertEquals(
      frame.pixels.length,
      pixels * TYPES[stream.type].parts,
    );
  }
  if (table.sliceBytes <= READ_BYTES) {
    const last = stream.read({ slice: stream.slices - 1, tries: 1 });
    assertEquals(last.bytes.length, table.sliceBytes);
  }
}

/** Everything that changes a stream or waits for it. */
async function use(stream: Stream): Promise<void> {
  const { dataBytes, sliceBytes } = stream.layout.table;
  // A published frame is copied into the circular buffer: however many GB a
  // sparse file has, memory would hold them.
  if (stream.layout.circularBuffer > 0 && dataBytes > READ_BYTES) return;
  const before = stream.cnt0;
  stream.poke();
  assertEquals(stream.cnt0, BigInt.asUintN(64, before + 1n));
  if (sliceBytes <= READ_BYTES) {
    stream.write(new Uint8Array(sliceBytes), { slice: 0 });
  }
  if (dataBytes <= READ_BYTES) stream.write(new Uint8Array(dataBytes));
  for (const mode of WAIT_MODES) {
    await stream.wait({ mode, timeoutMs: 1 });
    assert(
      await stream.wait({ mode, since: stream.cnt0 + 1n, timeoutMs: 1000 }),
    );
  }
}

const stream: Target = {
  name: "stream",
  share: 250,
  make(random): SparseFile {
    if (random.once(3)) {
      const file = consistentStream(random);
      if (random.once(2)) return file;
      const bytes = mutate(file.bytes, random, METADATA_FIELDS, file.bytes);
      return { bytes, length: Math.max(file.length, bytes.length) };
    }
    const seed = random.pick(STREAMS);
    return whole(mutate(seed, random, METADATA_FIELDS, random.pick(STREAMS)));
  },
  async run({ bytes, length }, folder): Promise<Outcome> {
    const path = `${folder}/cam.im.shm`;
    Deno.writeFileSync(path, bytes);
    if (length > bytes.length) Deno.truncateSync(path, length);
    // What is done with it hangs on the input alone, so that it is the same
    // when it is replayed.
    const choice = bytes.reduce((sum, byte) => sum + byte, 0) % 64;
    if (choice === 0) {
      const list = await listStreams({ dir: folder, watchMs: 1 });
      assertEquals(list.map(({ name }) => name), ["cam"]);
    }
    let opened: Stream;
    try {
      opened = Stream.open(path);
    } catch (error) {
      return refusedBy(
        error,
        StreamFormatError,
        StreamNotFoundError,
        SystemError,
      );
    }
    try {
      using one = opened;
      lookAt(one);
      if (one.writable && choice < 8) await use(one);
      return "taken";
    } catch (error) {
      return refusedBy(error, SystemError, RangeError);
    }
  },
};

const HANDSHAKES = [
  handshake(),
  handshake({ size: [4, 3, 3], keywords: 5 }),
  handshake({ size: [7], code: 1, elementBytes: 1 }),
  handshake({ size: [65, 33], code: 9, elementBytes: 4, imageType: 2n }),
  fixtureBytes("shmimtcp/tcp_f32_8x6.bin").slice(0, 384),
  fixtureBytes("shmimtcp/tcp_u16_4x4x3.bin").slice(0, 384),
];

const MAX_BYTES = 1 << 20;

const announcement: Target = {
  name: "announcement",
  share: 350,
  make(random): SparseFile {
    const seed = random.pick(HANDSHAKES);
    const bytes = new Uint8Array(384);
    const changed = mutate(
      seed,
      random,
      METADATA_FIELDS,
      random.pick(HANDSHAKES),
    );
    bytes.set(changed.subarray(0, 384));
    if (random.once(20)) {
      const name = random.pick(["../../etc/x", "..", ".", "a/b", "a\nb", "/x"]);
      bytes.fill(0, 32, 112);
      bytes.set(new TextEncoder().encode(name), 32);
    }
    return whole(bytes);
  },
  run({ bytes }, folder): Outcome {
    let peer;
    try {
      peer = readHandshake(bytes, MAX_BYTES);
    } catch (error) {
      return refusedBy(error, WireError);
    }
    assertEquals(requireName(peer.name), peer.name);
    assertEquals(TYPES[peer.type].parts, 1);
    assert(peer.pixelBytes * peer.slices <= MAX_BYTES);
    assert(peer.slices >= 1 && Number.isInteger(peer.pixelBytes));
    if (peer.pixelBytes % 16 !== 0 || peer.keywords > 100) return "taken";
    try {
      using made = openDestination(peer, { dir: folder });
      assert(fits(made, peer));
      assert(made.path.startsWith(`${folder}/`));
    } catch (error) {
      // A name that is short enough for the file's field and too long here.
      return refusedBy(error, StreamExistsError, SyntaxError);
    }
    Deno.removeSync(`${folder}/${peer.name}.im.shm`);
    return "taken";
  },
};

const keywords: Target = {
  name: "keywords",
  share: 100,
  make(random): SparseFile {
    const seed = fixtureBytes("isio/f32_2d_8x6_kw5.im.shm").slice(576, 1216);
    return whole(mutate(seed, random, [{ at: 24, bytes: 8 }], seed));
  },
  run({ bytes }): Outcome {
    const list = decodeKeywords(bytes, 128);
    assert(list.length <= bytes.length / 128);
    decodeTrace(bytes);
    try {
      const again = encodeKeywords(list, list.length, 128);
      assertEquals(again.length, list.length * 128);
      return "taken";
    } catch (error) {
      // Bytes that are no text grow when they become text.
      if (!(error instanceof RangeError)) throw error;
      return "refused";
    }
  },
};

const ARRAYS = (["u16", "f32", "c128", "u8"] as const).map((type) => {
  const size = [4, 3, 2];
  const head = npyHeader(type, size);
  const bytes = new Uint8Array(head.length + 24 * TYPES[type].bytes);
  bytes.set(head);
  return bytes;
});

const npy: Target = {
  name: "npy",
  share: 100,
  make(random): SparseFile {
    const fields = [{ at: 6, bytes: 2 }, { at: 8, bytes: 2 }];
    const seed = random.pick(ARRAYS);
    const bytes = mutate(seed, random, fields, random.pick(ARRAYS));
    if (random.once(3)) {
      const text = random.pick([
        "'shape': (99999999999999999999,)",
        "'shape': (0, 3)",
        "'shape': ()",
        "'shape': (2, 2, 2, 3)",
        "'descr': '>c16'",
        "'descr': [('a', '<f4')]",
        "'fortran_order': True",
      ]);
      const at = Math.min(bytes.length, 10 + random.below(80));
      const part = new TextEncoder().encode(text);
      bytes.set(part.subarray(0, bytes.length - at), at);
    }
    return whole(bytes);
  },
  run({ bytes }): Outcome {
    isNpy(bytes);
    try {
      const array = readNpy(bytes);
      const count = array.size.reduce((product, axis) => product * axis, 1);
      assertEquals(array.bytes.length, count * TYPES[array.type].bytes);
      assert(array.size.every((axis) => Number.isSafeInteger(axis)));
      return "taken";
    } catch (error) {
      return refusedBy(error, SyntaxError);
    }
  },
};

const fitsFile: Target = {
  name: "fits",
  share: 20,
  make(random): SparseFile {
    const seed = random.pick(SEEDS);
    const next = (): number => random.below(2 ** 30) / 2 ** 30;
    if (random.once(4)) return whole(gzipSync(mutateFits(seed, next)).slice());
    return whole(mutateFits(seed, next));
  },
  async run({ bytes }): Promise<Outcome> {
    try {
      await readAll(bytes, bytes.length);
      return "taken";
    } catch (error) {
      return refusedBy(error, FitsError);
    }
  },
};

/** All targets but the receiver, which takes its cases in batches. */
export const TARGETS: readonly Target[] = [
  stream,
  announcement,
  ...WIRE_TARGETS,
  keywords,
  npy,
  fitsFile,
  ...FILE_TARGETS,
];
