/**
 * DAO (Durham) as a table. Records of metadata, one for each frame of the
 * FIFO, then the frames, then the keywords, nothing aligned; semaphores are
 * files of their own, named by the file's base name.
 * @module
 */

import { CLOCK } from "../../ffi/clock.ts";
import {
  AT,
  type Claims,
  CODES,
  DEPTH_MAX,
  fileBytes,
  frameBytes,
  type Generation,
  generationOf,
  KEYWORD_BYTES,
  NAME_BYTES,
  PACKETS,
  readClaims,
  RECORD_BYTES,
} from "./dao_record.ts";
import {
  type AxisOrder,
  type CreateFacts,
  type CreateSpec,
  type HeaderFields,
  type Layout,
  type LoadBytes,
  type Recognition,
  type StreamFormat,
  StreamFormatError,
} from "./format.ts";
import { isFault } from "./checked_size.ts";
import { putText, text, viewOf } from "./header_bytes.ts";
import { pixelCount, slicesOf } from "./types.ts";

const SEMAPHORES = 10;
const SEMAPHORE_MAX = 1;
/** Each named semaphore has a page; this is the largest. */
const SEMAPHORE_STRIDE = 65536;

/**
 * The base name of the semaphores: the file's name up to its first dot,
 * leading dots skipped.
 */
export function semaphoreBase(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replace(/^\.+/, "").split(".")[0] ?? "";
}

function semaphoreNames(path: string): string[] {
  const base = semaphoreBase(path);
  const two = (index: number): string => String(index).padStart(2, "0");
  return [
    ...Array.from({ length: SEMAPHORES }, (_, i) => `${base}_sem${two(i)}`),
    `${base}_semlog`,
  ];
}

/** Stored axes, fastest first; and back, it is the same. */
function ordered(size: readonly number[], order: AxisOrder): number[] {
  return order === "python" ? size.toReversed() : [...size];
}

function layoutOf(
  path: string,
  claims: Claims,
  generation: Generation,
  axisOrder: AxisOrder,
): Layout {
  const { recordBytes, depth } = generation;
  const dataBytes = frameBytes(claims);
  const size = ordered(claims.size, axisOrder);
  const slices = slicesOf(size);
  const data = depth * recordBytes;
  const fifo = recordBytes === RECORD_BYTES;
  return {
    format: "dao",
    version: "",
    variant: fifo ? "FIFO, 4304-byte metadata" : "before FIFO, 4296-byte " +
      "metadata",
    readOnly: false,
    name: claims.name,
    type: claims.type,
    size,
    storedSize: claims.size,
    bytes: fileBytes(claims, generation),
    keywordRecord: KEYWORD_BYTES,
    keywordCount: claims.keywords,
    rolling: false,
    circularBuffer: 0,
    headerBytes: recordBytes,
    clockIsTai: false,
    milkMetadata: false,
    semaphoreNames: semaphoreNames(path),
    recreatedInPlace: true,
    table: {
      cnt0: AT.cnt0,
      cnt1: AT.cnt1,
      cnt2: AT.cnt2,
      writeFlag: AT.writeFlag,
      atime: AT.atime,
      writetime: 0,
      data,
      dataBytes,
      sliceBytes: dataBytes / slices,
      slices,
      keywords: data + depth * dataBytes,
      keywordBytes: KEYWORD_BYTES * claims.keywords,
      keywordRecord: KEYWORD_BYTES,
      sems: 0,
      semCount: SEMAPHORES,
      semMax: SEMAPHORE_MAX,
      semStride: SEMAPHORE_STRIDE,
      semNamed: 1,
      logSem: SEMAPHORES * SEMAPHORE_STRIDE,
      readerPids: 0,
      writerPids: 0,
      trace: 0,
      traceCount: 0,
      sliceAtimes: 0,
      sliceWritetimes: 0,
      sliceCounters: 0,
      ringSlots: 0,
      ringIndex: 0,
      ringCycle: 0,
      ringData: 0,
      segments: depth,
      segmentIndex: fifo ? AT.fifoLastWritten : 0,
      segmentRecord: recordBytes,
      timeNs: 1,
      lateCounter: 1,
      packets: AT.packets,
      packetFrames: AT.packetFrames,
      packetMax: PACKETS,
      clock: CLOCK.REALTIME,
    },
  };
}

/** Seconds of the file in ns, to the µs that a double holds. */
function nsOf(seconds: number): bigint {
  const us = Math.round(seconds * 1e6);
  return Number.isSafeInteger(us) ? BigInt(us) * 1000n : 0n;
}

function claimsOf(path: string, spec: CreateSpec): Claims {
  const refuse = (reason: string): never => {
    throw new RangeError(`A DAO stream ${reason}`);
  };
  if (new TextEncoder().encode(path).length >= NAME_BYTES) {
    refuse(
      `has a path of at most ${NAME_BYTES - 1} bytes: beyond that DAO's own ` +
        `library overwrites its memory ("${path}")`,
    );
  }
  if (semaphoreBase(path) === "") {
    refuse(`needs a name before its first dot ("${path}")`);
  }
  if (!CODES.includes(spec.type)) refuse(`cannot hold ${spec.type}`);
  if (spec.semaphores !== SEMAPHORES) {
    refuse(`has ${SEMAPHORES} semaphores, not ${spec.semaphores}`);
  }
  if (spec.circularBuffer > 0) refuse("has a FIFO, not a circular buffer");
  if (spec.circular) refuse("cannot be declared as a ring of slices");
  if (spec.depth > DEPTH_MAX) refuse(`keeps at most ${DEPTH_MAX} frames`);
  // One axis would end every program of DAO that opens the file.
  const stored = ordered(spec.size, spec.axisOrder);
  return {
    name: path,
    type: spec.type,
    size: stored.length === 1 ? [...stored, 1] : stored,
    keywords: spec.keywords,
  };
}

function recordBytes(
  claims: Claims,
  spec: CreateSpec,
  facts: CreateFacts,
  first: boolean,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = viewOf(bytes);
  putText(bytes, AT.name, claims.name, NAME_BYTES - 1);
  view.setUint8(AT.naxis, claims.size.length);
  claims.size.forEach((axis, i) => view.setUint32(AT.size + 4 * i, axis, true));
  view.setBigUint64(AT.elements, pixelCount(claims.size), true);
  view.setUint8(AT.type, CODES.indexOf(claims.type));
  const seconds = Number(facts.nowNs / 1000n) / 1e6;
  view.setFloat64(AT.creationTime, seconds, true);
  view.setFloat64(AT.lastAccess, seconds, true);
  view.setUint8(AT.shared, 1);
  view.setUint16(AT.keywords, claims.keywords, true);
  if (first) {
    view.setUint16(AT.semaphores, SEMAPHORES, true);
    view.setUint32(AT.fifoSize, spec.depth, true);
    view.setUint32(AT.fifoLastWritten, spec.depth - 1, true);
  }
  return bytes;
}

/** The FIFO's fields of the first record, where it has them. */
function fifoOf(record: Uint8Array<ArrayBuffer>): Record<string, number> {
  if (record.length < RECORD_BYTES) return {};
  const view = viewOf(record);
  return {
    fifoSize: view.getUint32(AT.fifoSize, true),
    fifoLastWritten: view.getUint32(AT.fifoLastWritten, true),
  };
}

/** DAO's shared memory, both generations. */
export const dao: StreamFormat = {
  id: "dao",
  namedSemaphores: true,
  headerBytes: RECORD_BYTES,

  recognise(header: Uint8Array<ArrayBuffer>, bytes: number): Recognition {
    if (header.length < AT.packetFrames) return "no";
    const claims = readClaims(header);
    const path = (header[0] ?? 0) >= 0x20;
    if (isFault(claims)) {
      // A path and a number of axes: nothing else begins so.
      const naxis = header[AT.naxis] ?? 0;
      return path && header[0] === 0x2F && naxis >= 1 && naxis <= 4
        ? "perhaps"
        : "no";
    }
    return !path || isFault(generationOf(header, claims, bytes))
      ? "perhaps"
      : "yes";
  },

  layout(
    path: string,
    header: Uint8Array<ArrayBuffer>,
    bytes: number,
    axisOrder: AxisOrder,
  ): Layout {
    const claims = readClaims(header);
    if (isFault(claims)) {
      throw new StreamFormatError(path, claims.reason, claims);
    }
    const generation = generationOf(header, claims, bytes);
    if (isFault(generation)) {
      throw new StreamFormatError(path, generation.reason, generation);
    }
    return layoutOf(path, claims, generation, axisOrder);
  },

  fields(load: LoadBytes, record: number, layout: Layout): HeaderFields {
    const view = viewOf(load(record, AT.packetFrames));
    const first = load(0, layout.headerBytes);
    const atimeNs = view.getBigInt64(AT.atime, true);
    return {
      creationNs: nsOf(view.getFloat64(AT.creationTime, true)),
      accessNs: nsOf(view.getFloat64(AT.lastAccess, true)),
      atimeNs,
      writetimeNs: atimeNs,
      creatorPid: 0,
      ownerPid: 0,
      inode: 0n,
      cnt0: view.getBigUint64(AT.cnt0, true),
      cnt1: view.getBigUint64(AT.cnt1, true),
      cnt2: view.getBigUint64(AT.cnt2, true),
      writing: view.getUint8(AT.writeFlag) !== 0,
      other: {
        storedName: text(first, AT.name, NAME_BYTES),
        shared: view.getUint8(AT.shared),
        status: view.getUint8(AT.status),
        logFlag: view.getUint8(AT.logFlag),
        lastPos: view.getUint32(AT.packets, true),
        lastNb: view.getUint32(AT.packets + 4, true),
        packetNb: view.getUint32(AT.packets + 8, true),
        packetTotal: view.getUint32(AT.packets + 12, true),
        ...fifoOf(first),
      },
    };
  },

  plan(path: string, spec: CreateSpec): Layout {
    return layoutOf(
      path,
      claimsOf(path, spec),
      { recordBytes: RECORD_BYTES, depth: spec.depth },
      spec.axisOrder,
    );
  },

  incarnation(load: LoadBytes): string {
    return String(
      viewOf(load(0, AT.lastAccess)).getBigUint64(AT.creationTime, true),
    );
  },

  initialise(
    _layout: Layout,
    spec: CreateSpec,
    store: (offset: number, bytes: Uint8Array<ArrayBuffer>) => void,
    facts: CreateFacts,
  ): void {
    const claims = claimsOf(facts.path, spec);
    for (let k = spec.depth - 1; k >= 0; k--) {
      store(k * RECORD_BYTES, recordBytes(claims, spec, facts, k === 0));
    }
  },
};
