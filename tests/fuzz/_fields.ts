/**
 * Where ImageStreamIO has its integers, from the format document's table of
 * offsets, and streams whose header and length agree.
 * @module
 */

import { LAYOUT, member } from "../_support/fixtures.ts";
import type { Field, Random } from "./_random.ts";

/** Every member of the metadata that is 1, 2, 4 or 8 bytes, and the axes. */
export const METADATA_FIELDS: readonly Field[] = [
  ...(LAYOUT.structs.metadata?.members ?? [])
    .filter(({ size }) => [1, 2, 4, 8].includes(size))
    .map(({ offset, size }) => ({ at: offset, bytes: size })),
  ...[0, 1, 2].map((axis) => ({
    at: member("size").offset + 4 * axis,
    bytes: 4,
  })),
];

/** A file: its first bytes, and its length where zeros follow. */
export interface SparseFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly length: number;
}

const PIXEL_BYTES = [0, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 8, 16, 2];

/**
 * A stream whose header agrees with its length: what comes behind the checks
 * of the length is reached only so. One in 200 is beyond 2 GiB.
 */
export function consistentStream(random: Random): SparseFile {
  const bytes = new Uint8Array(6000);
  const view = new DataView(bytes.buffer);
  const set = (name: string, value: number | bigint): void => {
    const { offset, size } = member(name);
    for (let i = 0; i < size; i++) {
      bytes[offset + i] = Number(BigInt(value) >> BigInt(8 * i) & 0xFFn);
    }
  };
  const code = 1 + random.below(13);
  const axes = 1 + random.below(3);
  const size = Array.from({ length: axes }, () => 1 + random.below(12));
  if (random.once(200)) size[0] = random.pick([2 ** 29, 2 ** 30 + 1, 2 ** 31]);
  const elements = size.reduce((product, axis) => product * axis, 1);
  const data = elements * (PIXEL_BYTES[code] ?? 0);
  const keywords = random.once(100) ? 65535 : random.pick([0, 1, 5, 100]);
  const semaphores = random.once(100) ? 65535 : random.pick([0, 1, 3, 10, 70]);
  const trace = random.once(100) ? 65535 : random.pick([0, 1, 10]);
  const ring = random.pick([0, 0, 1, 3]);
  const temporal = axes === 3 && random.once(3);
  bytes.set(new TextEncoder().encode("2.00"));
  bytes.set(new TextEncoder().encode("cam"), member("name").offset);
  set("naxis", axes);
  size.forEach((axis, i) =>
    view.setUint32(member("size").offset + 4 * i, axis, true)
  );
  set("nelement", elements);
  set("datatype", code);
  set("imagetype", temporal ? 0x20001 : 2);
  set("shared", 1);
  set("location", 255);
  set("sem", semaphores);
  set("NBproctrace", trace);
  set("NBkw", keywords);
  set("CBsize", ring);
  set("imdatamemsize", data);
  // What a running writer changes, at its worst.
  for (const name of ["cnt0", "cnt1", "cnt2", "CBindex", "CBcycle"]) {
    if (random.once(2)) set(name, BigInt.asUintN(64, random.integer()));
  }
  if (random.once(4)) set("write", random.below(256));
  for (const name of ["atime", "writetime", "creationtime"]) {
    const at = member(name).offset;
    view.setBigInt64(at, BigInt.asIntN(64, random.integer()), true);
    view.setBigInt64(at + 8, BigInt.asIntN(64, random.integer()), true);
  }
  const r8 = (n: number): number => Math.ceil(n / 8) * 8;
  const slices = size[2] ?? 0;
  const length = 384 + r8(data) + 128 * keywords + 32 * semaphores + 32 +
    4 * r8(4 * semaphores) + 64 * trace + (temporal ? 40 * slices : 0) +
    48 * ring + r8(data * ring);
  // Pixels, keywords, semaphores and pids of noise.
  if (length < 2 ** 31) {
    const noise = random.bytes(Math.min(length, bytes.length) - 384);
    bytes.set(noise, 384);
  }
  return { bytes: bytes.slice(0, Math.min(length, bytes.length)), length };
}
