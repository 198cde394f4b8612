/**
 * The keys of a partition: a common one, and one for each peer that has its
 * own. A key of its own proves a peer's number; the common one says only that
 * it is one of those that have it.
 * @module
 */

import { readKey } from "../bridge/key.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** One key, and whose it is. */
export interface Key {
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its file. */
  readonly path: string;
  /** Partitions whose key it is. */
  readonly partitions: readonly number[];
}

/** What a configuration says about keys. */
export interface Keyed {
  /** The file of the common key. */
  readonly key?: string;
  /** Peers, some with a file of their own. */
  readonly peers: readonly {
    readonly partition: number;
    readonly key?: string;
  }[];
}

function equal(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** All keys of a partition. */
export class Keyring {
  /** Each once. */
  readonly keys: readonly Key[];

  /**
   * Reads the files.
   *
   * @throws {KeyFileError} where one cannot be used.
   */
  constructor({ key, peers }: Keyed) {
    const keys: { bytes: Bytes; path: string; partitions: number[] }[] = [];
    if (key !== undefined) {
      keys.push({ bytes: readKey(key), path: key, partitions: [] });
    }
    for (const { partition, key: own } of peers) {
      const path = own ?? key;
      if (path === undefined) continue;
      const bytes = readKey(path);
      const there = keys.find((one) => equal(one.bytes, bytes));
      if (there === undefined) {
        keys.push({ bytes, path, partitions: [partition] });
      } else there.partitions.push(partition);
    }
    this.keys = keys;
  }

  /** The key that is spoken with a partition; without one, none. */
  of(partition: number): Key | undefined {
    return this.keys.find((key) => key.partitions.includes(partition));
  }
}
