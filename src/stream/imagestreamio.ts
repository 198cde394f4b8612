/**
 * ImageStreamIO 2.00 (milk, cacao, MagAO-X) as a table. Layout: blocks in a
 * fixed order, each rounded up to 8 bytes, all sizes taken from the file's
 * own header. Two read-only variants carry the same version text.
 * @module
 */

import { CLOCK } from "../../ffi/clock.ts";
import {
  type CreateFacts,
  type CreateSpec,
  type HeaderFields,
  type Layout,
  type LoadBytes,
  NO_SEGMENTS,
  type Recognition,
  type StreamFormat,
  StreamFormatError,
} from "./format.ts";
import {
  printable,
  putText,
  text,
  timeAt,
  viewOf,
  wordAt,
} from "./header_bytes.ts";
import { checkedSize, type Fault, fault, isFault } from "./checked_size.ts";
import {
  type DataType,
  pixelCount,
  pixelNumber,
  slicesOf,
  TYPE_CODES,
  TYPES,
} from "./types.ts";

/** Offsets in the metadata block. */
export const AT = {
  version: 0,
  name: 32,
  naxis: 112,
  size: 116,
  elements: 128,
  type: 136,
  imageType: 144,
  creationTime: 152,
  accessTime: 168,
  atime: 184,
  writetime: 200,
  creatorPid: 216,
  ownerPid: 220,
  shared: 224,
  inode: 232,
  location: 240,
  status: 241,
  flag: 248,
  logFlag: 256,
  semaphores: 258,
  traceEntries: 260,
  cnt0: 264,
  cnt1: 272,
  cnt2: 280,
  writeFlag: 288,
  keywords: 290,
  ringSlots: 292,
  ringIndex: 296,
  ringCycle: 304,
  dataBytes: 312,
} as const;

const HEADER_BYTES = 384;
const HEADER_BYTES_DAO_OPTION = 4496;
const NAME_BYTES = 80;
const VERSION = "2.00";
const KEYWORD_BYTES = 128;
const SEMAPHORE_BYTES = 32;
const TRACE_BYTES = 64;
const TRACE_ENTRIES = 10;
const TRACE_SEMAPHORE_AT = 48;
const SEMAPHORE_MAX = 10;
const FRAME_RECORD_BYTES = 48;

const ROLLING_MASK = 0xFn;
const ROLLING = 1n;
const SLICE_ARRAYS_MASK = 0xF000Fn;
const SLICE_ARRAYS = 0x20001n;

/** imagetype bits of an ordinary stream ("mathematical data"). */
export const IMAGETYPE_PLAIN = 2n;
/** imagetype bits of a ring of slices in time, with times for each slice. */
export const IMAGETYPE_CIRCULAR: bigint = SLICE_ARRAYS;

/** Whether the bits say that the last axis is a ring of slices. */
export function isRolling(imageType: bigint): boolean {
  return (imageType & ROLLING_MASK) === ROLLING;
}

/** What the sizes of all blocks depend on, read from a header. */
export interface Metadata {
  readonly name: string;
  readonly type: DataType;
  readonly size: readonly number[];
  readonly imageType: bigint;
  readonly keywords: number;
  readonly semaphores: number;
  readonly traceEntries: number;
  readonly ringSlots: number;
}

const VERSION_BYTES = new TextEncoder().encode(`${VERSION}\0`);

function isCurrent(header: Uint8Array): boolean {
  for (let i = 0; i < VERSION_BYTES.length; i++) {
    if (header[AT.version + i] !== VERSION_BYTES[i]) return false;
  }
  return true;
}

interface Variant {
  readonly label: string;
  readonly headerBytes: number;
  readonly round: number;
  readonly readOnly: boolean;
}

const CURRENT: Variant = {
  label: "aligned",
  headerBytes: HEADER_BYTES,
  round: 8,
  readOnly: false,
};

/** Tried in this order: all three say "2.00". */
const VARIANTS: readonly Variant[] = [
  CURRENT,
  {
    label: "unaligned, mid 2023",
    headerBytes: HEADER_BYTES,
    round: 1,
    readOnly: true,
  },
  {
    label: "DAO option, 4496-byte metadata",
    headerBytes: HEADER_BYTES_DAO_OPTION,
    round: 8,
    readOnly: true,
  },
];

function layoutOf(metadata: Metadata, variant: Variant): Layout {
  const { round } = variant;
  const dataBytes = pixelNumber(metadata.size) * TYPES[metadata.type].bytes;
  let end = variant.headerBytes;
  const block = (bytes: number): number => {
    const start = end;
    end += Math.ceil(bytes / round) * round;
    return start;
  };
  const { semaphores, ringSlots } = metadata;
  const slices = slicesOf(metadata.size);
  const arrays = (metadata.imageType & SLICE_ARRAYS_MASK) === SLICE_ARRAYS
    ? (metadata.size[2] ?? 0)
    : 0;
  const data = block(dataBytes);
  const keywords = block(KEYWORD_BYTES * metadata.keywords);
  const sems = block(SEMAPHORE_BYTES * semaphores);
  const logSem = block(SEMAPHORE_BYTES);
  const readerPids = block(4 * semaphores);
  const writerPids = block(4 * semaphores);
  block(4 * semaphores); // control words
  block(4 * semaphores); // status words
  const trace = block(TRACE_BYTES * metadata.traceEntries);
  const sliceAtimes = block(16 * arrays);
  const sliceWritetimes = block(16 * arrays);
  const sliceCounters = block(8 * arrays);
  block(FRAME_RECORD_BYTES * ringSlots);
  const ringData = block(dataBytes * ringSlots);
  return {
    format: "imagestreamio",
    version: VERSION,
    variant: variant.label,
    readOnly: variant.readOnly,
    name: metadata.name,
    type: metadata.type,
    size: metadata.size,
    storedSize: metadata.size,
    bytes: end,
    keywordRecord: KEYWORD_BYTES,
    keywordCount: metadata.keywords,
    rolling: isRolling(metadata.imageType),
    circularBuffer: ringSlots,
    headerBytes: HEADER_BYTES,
    clockIsTai: true,
    milkMetadata: true,
    semaphoreNames: [],
    recreatedInPlace: false,
    table: {
      cnt0: AT.cnt0,
      cnt1: AT.cnt1,
      cnt2: AT.cnt2,
      writeFlag: AT.writeFlag,
      atime: AT.atime,
      writetime: AT.writetime,
      data,
      dataBytes,
      sliceBytes: dataBytes / slices,
      slices,
      keywords,
      keywordBytes: KEYWORD_BYTES * metadata.keywords,
      keywordRecord: KEYWORD_BYTES,
      sems,
      semCount: semaphores,
      semMax: SEMAPHORE_MAX,
      semStride: SEMAPHORE_BYTES,
      semNamed: 0,
      logSem,
      readerPids,
      writerPids,
      trace,
      traceCount: metadata.traceEntries,
      sliceAtimes: arrays > 0 ? sliceAtimes : 0,
      sliceWritetimes: arrays > 0 ? sliceWritetimes : 0,
      sliceCounters: arrays > 0 ? sliceCounters : 0,
      ringSlots,
      ringIndex: ringSlots > 0 ? AT.ringIndex : 0,
      ringCycle: ringSlots > 0 ? AT.ringCycle : 0,
      ringData: ringSlots > 0 ? ringData : 0,
      ...NO_SEGMENTS,
      clock: CLOCK.TAI,
    },
  };
}

/** Refuses private streams, and those in the memory of a GPU. */
function requireOurs(
  view: DataView<ArrayBuffer>,
  failed: (fault: Fault) => Error,
): void {
  const shared = view.getUint8(AT.shared);
  if (shared !== 1) {
    throw failed(fault('the "shared" mark', AT.shared, "1", shared));
  }
  const location = view.getInt8(AT.location);
  if (location === -1) return;
  throw failed({
    reason:
      `the pixels are in the memory of GPU ${location}; only streams in ` +
      "main memory can be used",
    offset: AT.location,
    expected: "-1",
    found: String(location),
  });
}

/**
 * Reads and checks what the layout depends on. The same bytes are the start
 * of milk's TCP connection, so a peer's claim goes through here, too.
 *
 * @param header At least 384 bytes.
 * @param fail Makes the error.
 */
export function readMetadata(
  header: Uint8Array<ArrayBuffer>,
  fail: (
    reason: string,
    facts: { offset: number; expected: string; found: string },
  ) => Error,
): Metadata {
  const view = viewOf(header);
  const failed = ({ reason, ...facts }: Fault): Error => fail(reason, facts);
  if (!isCurrent(header)) {
    const version = text(header, AT.version, 32);
    throw fail(
      version === ""
        ? "it has no version yet: it is being created, or its creator died"
        : `version "${printable(version)}" is not supported; supported: ` +
          `ImageStreamIO "${VERSION}"`,
      { offset: AT.version, expected: VERSION, found: version },
    );
  }
  const claimed = checkedSize(header, AT, TYPE_CODES);
  if (isFault(claimed)) throw failed(claimed);
  const { size, type } = claimed;
  const expected = pixelNumber(size) * TYPES[type].bytes;
  if (wordAt(view, AT.dataBytes) !== expected) {
    const what = "the size of the pixels in bytes";
    const dataBytes = view.getBigUint64(AT.dataBytes, true);
    throw failed(fault(what, AT.dataBytes, String(expected), dataBytes));
  }
  requireOurs(view, failed);
  const imageType = view.getBigUint64(AT.imageType, true);
  if ((imageType & SLICE_ARRAYS_MASK) === 1n && size.length !== 3) {
    const what = "the number of axes of a rolling cube";
    throw failed(fault(what, AT.imageType, "3", size.length));
  }
  return {
    name: text(header, AT.name, NAME_BYTES),
    type,
    size,
    imageType,
    keywords: view.getUint16(AT.keywords, true),
    semaphores: view.getUint16(AT.semaphores, true),
    traceEntries: view.getUint16(AT.traceEntries, true),
    ringSlots: view.getUint32(AT.ringSlots, true),
  };
}

/** What metadata are made from. */
export type MetadataSpec =
  & Pick<
    CreateSpec,
    "name" | "size" | "type" | "keywords" | "semaphores" | "circularBuffer"
  >
  & Partial<Pick<CreateSpec, "circular" | "imageType">>;

function metadataOf(spec: MetadataSpec): Metadata {
  return {
    name: spec.name,
    type: spec.type,
    size: spec.size,
    imageType: spec.imageType ??
      (spec.circular ? IMAGETYPE_CIRCULAR : IMAGETYPE_PLAIN),
    keywords: spec.keywords,
    semaphores: spec.semaphores,
    traceEntries: TRACE_ENTRIES,
    ringSlots: spec.circularBuffer,
  };
}

/**
 * The 384 bytes of metadata that a stream of this description has.
 *
 * @param spec The description.
 * @param facts Facts of the moment; all optional for a header that is sent.
 */
export function metadataBytes(
  spec: MetadataSpec,
  facts: { inode?: bigint; pid?: number; nowNs?: bigint } = {},
): Uint8Array<ArrayBuffer> {
  const metadata = metadataOf(spec);
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  putText(bytes, AT.name, spec.name, NAME_BYTES - 1);
  view.setUint8(AT.naxis, spec.size.length);
  spec.size.forEach((axis, i) => view.setUint32(AT.size + 4 * i, axis, true));
  const elements = pixelCount(spec.size);
  view.setBigUint64(AT.elements, elements, true);
  view.setUint8(AT.type, TYPE_CODES.indexOf(spec.type));
  view.setBigUint64(AT.imageType, metadata.imageType, true);
  const now = facts.nowNs ?? 0n;
  for (const offset of [AT.creationTime, AT.accessTime]) {
    view.setBigInt64(offset, now / 1_000_000_000n, true);
    view.setBigInt64(offset + 8, now % 1_000_000_000n, true);
  }
  view.setInt32(AT.creatorPid, facts.pid ?? 0, true);
  view.setUint8(AT.shared, 1);
  view.setBigUint64(AT.inode, facts.inode ?? 0n, true);
  view.setInt8(AT.location, -1);
  view.setUint16(AT.semaphores, spec.semaphores, true);
  view.setUint16(AT.traceEntries, TRACE_ENTRIES, true);
  view.setUint16(AT.keywords, spec.keywords, true);
  view.setUint32(AT.ringSlots, spec.circularBuffer, true);
  view.setBigUint64(
    AT.dataBytes,
    elements * BigInt(TYPES[spec.type].bytes),
    true,
  );
  putText(bytes, AT.version, VERSION, 31);
  return bytes;
}

/** ImageStreamIO 2.00. */
export const imageStreamIo: StreamFormat = {
  id: "imagestreamio",
  namedSemaphores: false,
  headerBytes: HEADER_BYTES,

  recognise(header: Uint8Array<ArrayBuffer>): Recognition {
    if (isCurrent(header)) return "yes";
    const first = header[0] ?? 0;
    const digit = first >= 0x30 && first <= 0x39;
    return (digit && header[1] === 0x2E) ||
        header.subarray(0, 32).every((byte) => byte === 0)
      ? "perhaps"
      : "no";
  },

  layout(
    path: string,
    header: Uint8Array<ArrayBuffer>,
    fileBytes: number,
  ): Layout {
    const metadata = readMetadata(
      header,
      (reason, facts) => new StreamFormatError(path, reason, facts),
    );
    for (const variant of VARIANTS) {
      const layout = layoutOf(metadata, variant);
      if (layout.bytes === fileBytes) return layout;
    }
    const expected = layoutOf(metadata, CURRENT).bytes;
    throw new StreamFormatError(
      path,
      `the file is ${fileBytes} bytes, its header asks for ${expected}` +
        (fileBytes < expected ? " (truncated)" : ""),
      { offset: 0, expected: String(expected), found: String(fileBytes) },
    );
  },

  fields(load: LoadBytes): HeaderFields {
    const view = viewOf(load(0, HEADER_BYTES));
    return {
      creationNs: timeAt(view, AT.creationTime),
      accessNs: timeAt(view, AT.accessTime),
      atimeNs: timeAt(view, AT.atime),
      writetimeNs: timeAt(view, AT.writetime),
      creatorPid: view.getInt32(AT.creatorPid, true),
      ownerPid: view.getInt32(AT.ownerPid, true),
      inode: view.getBigUint64(AT.inode, true),
      cnt0: view.getBigUint64(AT.cnt0, true),
      cnt1: view.getBigUint64(AT.cnt1, true),
      cnt2: view.getBigUint64(AT.cnt2, true),
      writing: view.getUint8(AT.writeFlag) !== 0,
      other: {
        imageType: `0x${view.getBigUint64(AT.imageType, true).toString(16)}`,
        location: view.getInt8(AT.location),
        status: view.getUint8(AT.status),
        flag: String(view.getBigUint64(AT.flag, true)),
        logFlag: view.getUint8(AT.logFlag),
        shared: view.getUint8(AT.shared),
        circularBufferIndex: view.getUint32(AT.ringIndex, true),
        circularBufferCycle: String(view.getBigUint64(AT.ringCycle, true)),
      },
    };
  },

  plan(_path: string, spec: CreateSpec): Layout {
    if (spec.depth > 1) {
      throw new RangeError(
        "ImageStreamIO has no FIFO of frames; its circular buffer keeps them",
      );
    }
    return layoutOf(metadataOf(spec), CURRENT);
  },

  initialise(
    layout: Layout,
    spec: CreateSpec,
    store: (offset: number, bytes: Uint8Array<ArrayBuffer>) => void,
    facts: CreateFacts,
  ): void {
    const { table } = layout;
    const nobody = new Uint8Array(4 * table.semCount).fill(0xFF); // -1
    store(table.readerPids, nobody);
    store(table.writerPids, nobody);
    const trace = new Uint8Array(TRACE_BYTES * table.traceCount);
    for (let at = 0; at < trace.length; at += TRACE_BYTES) {
      viewOf(trace).setInt32(at + TRACE_SEMAPHORE_AT, -1, true);
    }
    store(table.trace, trace);
    store(0, metadataBytes(spec, facts));
  },
};
