/**
 * Seeded numbers, and bytes changed with them.
 * @module
 */

import { seeded } from "../fits/fits_bytes.ts";

/** Numbers that tend to break a parser: boundaries and their neighbours. */
const EDGES: readonly bigint[] = [
  ...[0n, 7n, 8n, 15n, 16n, 31n, 53n, 62n, 63n, 64n].flatMap((power) => [
    2n ** power - 1n,
    2n ** power,
    2n ** power + 1n,
  ]),
  384n,
  4096n,
  10_000_000_000n,
];

/** A field of a format: where an integer lies. */
export interface Field {
  /** Byte offset. */
  readonly at: number;
  /** Bytes: 1, 2, 4 or 8. */
  readonly bytes: number;
}

/** A generator that gives the same for the same seed. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seeded(seed);
  }

  /** A whole number below `n`. */
  below(n: number): number {
    return Math.floor(this.#next() * n);
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }

  /** One of a list. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** A boundary, a small number, or anything. */
  integer(): bigint {
    switch (this.below(4)) {
      case 0:
        return BigInt(this.below(70_000));
      case 1:
        return -this.pick(EDGES);
      default:
        return this.pick(EDGES);
    }
  }

  /** Bytes of noise. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(count).map(() => this.below(256));
  }
}

function put(
  bytes: Uint8Array<ArrayBuffer>,
  field: Field,
  value: bigint,
): void {
  let rest = BigInt.asUintN(64, value);
  for (let i = 0; i < field.bytes; i++) {
    if (field.at + i < bytes.length) bytes[field.at + i] = Number(rest & 0xFFn);
    rest >>= 8n;
  }
}

/**
 * Changes a copy of bytes in one to four ways: a known field becomes a
 * boundary, bits flip, bytes change, parts move, the end is cut or grows.
 *
 * @param seed What to start from.
 * @param random The generator.
 * @param fields Where the format has its integers.
 * @param other Another input, to splice with.
 */
export function mutate(
  seed: Uint8Array<ArrayBuffer>,
  random: Random,
  fields: readonly Field[],
  other: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  let bytes = seed.slice();
  for (let i = random.below(4); i >= 0; i--) {
    const at = random.below(bytes.length);
    switch (random.below(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        if (fields.length > 0) {
          put(bytes, random.pick(fields), random.integer());
        }
        break;
      case 4:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 5:
        bytes[at] = random.below(256);
        break;
      case 6:
        put(bytes, { at, bytes: random.pick([1, 2, 4, 8]) }, random.integer());
        break;
      case 7:
        bytes.copyWithin(at, random.below(bytes.length), bytes.length);
        break;
      case 8: {
        const from = random.below(other.length);
        const part = other.subarray(from, from + random.below(400));
        bytes.set(part.subarray(0, bytes.length - at), at);
        break;
      }
      default:
        bytes = random.once(2)
          ? bytes.slice(0, at)
          : new Uint8Array([...bytes, ...random.bytes(random.below(600))]);
    }
    if (bytes.length === 0) break;
  }
  return bytes;
}
