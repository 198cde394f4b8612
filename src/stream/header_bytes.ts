/**
 * Fields of a header: texts and times in fixed places.
 * @module
 */

const decoder = new TextDecoder("utf-8");
const encoder = new TextEncoder();

/** Text of a fixed field, up to its first zero byte. */
export function text(
  bytes: Uint8Array,
  offset: number,
  length: number,
): string {
  const field = bytes.subarray(offset, offset + length);
  const end = field.indexOf(0);
  const used = end < 0 ? field.length : end;
  let ascii = "";
  for (let i = 0; i < used; i++) {
    const byte = field[i] ?? 0;
    // Texts nearly always are ASCII, and asking Deno costs 10 us a field.
    if (byte >= 0x80) return decoder.decode(field.subarray(0, used));
    ascii += String.fromCharCode(byte);
  }
  return ascii;
}

/** Stores a text; what does not fit is cut off. */
export function putText(
  bytes: Uint8Array<ArrayBuffer>,
  offset: number,
  value: string,
  room: number,
): void {
  bytes.set(encoder.encode(value).subarray(0, room), offset);
}

/** Bytes as numbers. */
export function viewOf(
  bytes: Uint8Array<ArrayBuffer>,
): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** An unsigned word of 64 bits; not exact beyond 2^53. */
export function wordAt(view: DataView<ArrayBuffer>, offset: number): number {
  return view.getUint32(offset + 4, true) * 2 ** 32 +
    view.getUint32(offset, true);
}

/** A timespec in ns. */
export function timeAt(view: DataView<ArrayBuffer>, offset: number): bigint {
  return view.getBigInt64(offset, true) * 1_000_000_000n +
    view.getBigInt64(offset + 8, true);
}

/** A text from a file as it may be shown. */
export function printable(found: string): string {
  // deno-lint-ignore no-control-regex
  return found.replace(/[\x00-\x1f\x7f-\x9f\ufffd]/g, "?");
}
