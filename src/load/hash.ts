/**
 * Hashes that tell whether pixels are still those that were loaded.
 * @module
 */

import { createHash } from "node:crypto";
import { statFile } from "../../ffi/files.ts";
import type { Stream } from "../stream/stream.ts";

const CHUNK = 1 << 20;

/** SHA-256 of a stream's pixels with their type and size, in hexadecimal. */
export function hashStream(stream: Stream): string {
  const { dataBytes } = stream.layout.table;
  const data = stream.mapping.pixelsAt();
  const hash = createHash("sha256");
  hash.update(`${stream.type} ${stream.size.join("x")}\n`);
  const chunk = new Uint8Array(new ArrayBuffer(Math.min(CHUNK, dataBytes)));
  for (let at = 0; at < dataBytes; at += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, dataBytes - at));
    stream.mapping.load(data + at, part);
    hash.update(part);
  }
  return hash.digest("hex");
}

/** SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  const chunk = new Uint8Array(CHUNK);
  using file = await Deno.open(path, { read: true });
  for (;;) {
    const n = await file.read(chunk);
    if (n === null) break;
    hash.update(chunk.subarray(0, n));
  }
  return hash.digest("hex");
}

/** What a file looks like from outside: equal means unchanged. */
export interface FileMark {
  /** Device, inode, size, times of change; "" where there is no file. */
  readonly text: string;
  /** Time of the last change, ms. */
  readonly changedMs: number;
}

/** Looks at a file. */
export function fileMark(path: string): FileMark {
  const info = statFile(path);
  if (info === undefined) return { text: "", changedMs: 0 };
  const { device, inode, size, modifiedNs } = info;
  // The time of modification can be set back; this one cannot.
  const changedMs = Deno.statSync(path).ctime?.getTime() ?? 0;
  return {
    text: `${device}:${inode}:${size}:${modifiedNs}:${changedMs}`,
    changedMs: Math.max(changedMs, Number(modifiedNs / 1_000_000n)),
  };
}

/** Clocks of file systems are coarse. */
const SETTLED_MS = 1000;

/**
 * Whether a file that still looks like this cannot have changed meanwhile:
 * one that changed just now can change again without looking different.
 */
export function isSettled(mark: FileMark): boolean {
  return Date.now() - mark.changedMs > SETTLED_MS;
}
