/**
 * A foreign program on a stream: it knows the format document's offsets and
 * nothing of the code under test, and changes the file with plain writes,
 * which every mapping of the file sees at once.
 * @module
 */

import { member } from "./fixtures.ts";

/** Field-wise access to a stream's file. */
export class Foreign implements Disposable {
  readonly #file: Deno.FsFile;

  /** @param path The stream's file. */
  constructor(path: string) {
    this.#file = Deno.openSync(path, { read: true, write: true });
  }

  /** Reads bytes anywhere. */
  bytes(offset: number, size: number): DataView<ArrayBuffer> {
    const bytes = new Uint8Array(size);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    let done = 0;
    while (done < size) {
      const n = this.#file.readSync(bytes.subarray(done));
      if (n === null) throw new Error(`the file ends before ${offset + size}`);
      done += n;
    }
    return new DataView(bytes.buffer);
  }

  /** Changes bytes anywhere. */
  put(offset: number, bytes: Uint8Array): void {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    let done = 0;
    while (done < bytes.length) {
      done += this.#file.writeSync(bytes.subarray(done));
    }
  }

  /** A metadata field as an unsigned number. */
  get(name: string): bigint {
    const { offset, size } = member(name);
    const view = this.bytes(offset, size);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) {
      value = value << 8n | BigInt(view.getUint8(i));
    }
    return value;
  }

  /** Stores a metadata field. */
  set(name: string, value: bigint | number): void {
    const { offset, size } = member(name);
    const bytes = new Uint8Array(size);
    let rest = BigInt.asUintN(size * 8, BigInt(value));
    for (let i = 0; i < size; i++) {
      bytes[i] = Number(rest & 0xFFn);
      rest >>= 8n;
    }
    this.put(offset, bytes);
  }

  /** Stores a 32-bit number anywhere. */
  setInt32(offset: number, value: number): void {
    const view = new DataView(new ArrayBuffer(4));
    view.setInt32(0, value, true);
    this.put(offset, new Uint8Array(view.buffer));
  }

  /** Reads a 32-bit number anywhere. */
  int32(offset: number): number {
    return this.bytes(offset, 4).getInt32(0, true);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
