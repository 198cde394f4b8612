/**
 * The segment of a virtual device: making it, and finding the one that a key
 * leads to.
 * @module
 */

import { standStill } from "../../ffi/clock.ts";
import { isSystemError } from "../../ffi/errno.ts";
import { realPath, statFile } from "../../ffi/files.ts";
import { processStartNs } from "../../ffi/process.ts";
import { hexKey } from "./info.ts";
import {
  AT,
  decodeHeader,
  decodeRecord,
  type DeviceHeader,
  encodeHeader,
  encodeRecord,
  LENGTH,
  MAGIC,
  RECORD_BYTES,
  type SampleRecord,
} from "./layout.ts";
import { Segment } from "./segment.ts";

/** A file and an id of 1 to 255: what a device is found by. */
export interface FileKey {
  /** An existing file or folder. */
  readonly path: string;
  /** 1 to 255. */
  readonly id: number;
}

/** There is a device already, there is none, or somebody else has its key. */
export class DeviceError extends Error {
  /** Name of the class. */
  override name = "DeviceError";
}

/** A key for messages. */
export function keyText({ path, id }: FileKey): string {
  return `"${path}:${id}"`;
}

/** What the file of a key is, whatever its name. */
function identity(path: string): { keyDevice: bigint; keyInode: bigint } {
  const info = statFile(path);
  if (info === undefined) throw new DeviceError(`"${path}" is gone`);
  return { keyDevice: info.device, keyInode: info.inode };
}

function ownHeader({ path, id }: FileKey): DeviceHeader {
  return {
    pid: Deno.pid,
    startNs: processStartNs(Deno.pid) ?? 0n,
    keyPath: realPath(path),
    keyId: id,
    ...identity(path),
  };
}

/** Whether the process that made a device's segment still runs. */
function alive({ pid, startNs }: DeviceHeader): boolean {
  return processStartNs(pid) === startNs;
}

/** A device that takes longer to make its segment is none. */
const MAKING_MS = 500;

/** A device's segment, attached. */
export class DeviceSegment {
  /** The segment. */
  readonly segment: Segment;
  /** Who made it. */
  readonly header: DeviceHeader;
  readonly #record = new Uint8Array(new ArrayBuffer(RECORD_BYTES));

  private constructor(segment: Segment, header: DeviceHeader) {
    this.segment = segment;
    this.header = header;
  }

  /**
   * Makes the segment of a new device. That of a device that died makes room.
   *
   * @param key What it is to be found by.
   * @param first The first record.
   * @param onDead Told where a dead device's segment was removed.
   * @throws {DeviceError} where a device runs there, or where the key's
   * segment is no device's.
   * @throws {SegmentError}
   */
  static make(
    key: FileKey,
    first: SampleRecord,
    onDead: (pid: number) => void,
  ): DeviceSegment {
    for (let tries = 0;; tries++) {
      try {
        return DeviceSegment.#create(key, first);
      } catch (error) {
        if (!isSystemError(error, "EEXIST") || tries === 8) throw error;
      }
      DeviceSegment.#makeRoom(key, onDead);
    }
  }

  static #create(key: FileKey, first: SampleRecord): DeviceSegment {
    using undo = new DisposableStack();
    const segment = Segment.create(key, { size: LENGTH, mode: 0o644 });
    undo.defer(() => segment.close());
    undo.defer(() => segment.remove());
    const header = ownHeader(key);
    segment.attach({ writable: true });
    segment.write(0, encodeHeader(header));
    segment.publish(AT.sequence, AT.record, encodeRecord(first));
    segment.swap(AT.magic, 0n, MAGIC); // from now on it is one
    undo.move();
    return new DeviceSegment(segment, header);
  }

  /** Removes what a dead device left; refuses all else. */
  static #makeRoom(key: FileKey, onDead: (pid: number) => void): void {
    let found: DeviceSegment;
    try {
      found = DeviceSegment.open(key);
    } catch (error) {
      if (isSystemError(error, "ENOENT", "EIDRM", "EINVAL")) return; // gone
      throw error;
    }
    using _ = found;
    if (found.alive) {
      throw new DeviceError(
        `A device (pid ${found.header.pid}) runs on ${keyText(key)}: ` +
          '"shmim device --attach" leads to its prompt, another --key beside it',
      );
    }
    try {
      found.segment.remove();
    } catch (error) {
      if (!isSystemError(error, "EIDRM", "EINVAL")) throw error;
      return; // somebody else was faster
    }
    onDead(found.header.pid);
  }

  /**
   * Finds the segment of a device.
   *
   * @param key What it is found by.
   * @param options `writable`: to talk to the device, not only to read.
   * @throws {SegmentError} `ENOENT` where there is none, `EACCES`.
   * @throws {DeviceError} where it is no device's, or that of another file
   * which has the same key.
   */
  static open(
    key: FileKey,
    options: { readonly writable?: boolean } = {},
  ): DeviceSegment {
    using undo = new DisposableStack();
    const segment = undo.use(Segment.open(key));
    const info = segment.stat();
    const stranger = (why: string): never => {
      throw new DeviceError(
        `Segment ${info.shmid} (${hexKey(info.key)}) of ${keyText(key)}, ` +
          `${info.size} bytes, made by pid ${info.creatorPid}, ${why}; two ` +
          "files can have one key: choose another id",
      );
    };
    if (info.size !== LENGTH) stranger("is no device's");
    segment.attach(options);
    // Between its making and this word, which comes last, lie microseconds.
    const limit = performance.now() + MAKING_MS;
    while (!segment.word(AT.magic) && performance.now() < limit) {
      standStill(1);
    }
    if (segment.word(AT.magic) !== MAGIC) {
      stranger("is no device's, or one that is just being made");
    }
    const header = decodeHeader(segment.bytes(0, AT.sequence));
    const { keyDevice, keyInode } = identity(key.path);
    if (header.keyDevice !== keyDevice || header.keyInode !== keyInode) {
      stranger(
        `is that of the device on "${header.keyPath}:${header.keyId}"`,
      );
    }
    undo.move();
    return new DeviceSegment(segment, header);
  }

  /** Whether the device's process runs. */
  get alive(): boolean {
    return alive(this.header);
  }

  /** Whether it was removed: nobody finds it any more. */
  get removed(): boolean {
    try {
      return this.segment.stat().removed;
    } catch (error) {
      if (isSystemError(error, "EIDRM", "EINVAL")) return true;
      throw error;
    }
  }

  /** Stores a record. */
  publish(record: SampleRecord): void {
    this.segment.publish(AT.sequence, AT.record, encodeRecord(record));
  }

  /**
   * The record, never half of it; `undefined` where the device holds it back
   * in the middle of a change, or died there.
   *
   * @throws {RangeError} where it says what no device says.
   */
  record(): SampleRecord | undefined {
    const whole = this.segment.snapshot(AT.sequence, AT.record, this.#record);
    return whole ? decodeRecord(this.#record) : undefined;
  }

  /** Detaches it. */
  close(): void {
    this.segment.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
