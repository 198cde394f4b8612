/**
 * Hashes that tell whether pixels are still those that were loaded.
 * @module
 */

import { createHash } from "node:crypto";
import type { Stream } from "../stream/stream.ts";

const CHUNK = 1 << 20;

/** SHA-256 of a stream's pixels with their type and size, in hexadecimal. */
export function hashStream(stream: Stream): string {
  const { data, dataBytes } = stream.layout.table;
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
