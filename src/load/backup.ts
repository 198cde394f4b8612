/**
 * The pixels and keywords that a stream had, in case a load fails halfway.
 * @module
 */

import type { Stream } from "../stream/stream.ts";

/** Larger streams are not kept. */
const MOST_BYTES = 256 * 2 ** 20;

/**
 * Copies what a load is going to overwrite.
 *
 * @returns Puts it back; `undefined` where the stream is too large for that.
 */
export function backUp(stream: Stream): (() => void) | undefined {
  const { dataBytes, keywords, keywordBytes } = stream.layout.table;
  if (dataBytes + keywordBytes > MOST_BYTES) return undefined;
  const { mapping } = stream;
  const pixels = new Uint8Array(new ArrayBuffer(dataBytes));
  const records = new Uint8Array(new ArrayBuffer(keywordBytes));
  const data = mapping.pixelsAt(true);
  mapping.load(data, pixels);
  if (keywordBytes > 0) mapping.load(keywords, records);
  return () => {
    mapping.store(data, pixels);
    if (keywordBytes > 0) mapping.store(keywords, records);
  };
}
