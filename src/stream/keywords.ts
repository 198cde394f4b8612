/**
 * Keywords of a stream: fixed records of name, type, value and comment. The
 * first 40 bytes are the same in every format; the comment fills the last 80.
 * @module
 */

import { text } from "./header_bytes.ts";

/** A keyword's value: L is a 64-bit integer, D a double, S a text. */
export type Keyword =
  | { name: string; type: "L"; value: bigint; comment: string }
  | { name: string; type: "D"; value: number; comment: string }
  | { name: string; type: "S"; value: string; comment: string };

const NAME_BYTES = 16;
const TYPE_AT = 16;
const VALUE_AT = 24;
const VALUE_BYTES = 16;
const COMMENT_BYTES = 80;
const UNUSED = 0x4E; // "N"

const encoder = new TextEncoder();

/**
 * Reads keyword records: up to the first that is unnamed and unused, because
 * some writers leave old records behind such a one.
 *
 * @param bytes Whole records.
 * @param record Bytes of one record.
 * @returns The used keywords, in their order; names may repeat.
 */
export function decodeKeywords(
  bytes: Uint8Array<ArrayBuffer>,
  record: number,
): Keyword[] {
  const keywords: Keyword[] = [];
  for (let at = 0; at + record <= bytes.length; at += record) {
    const one = bytes.subarray(at, at + record);
    const view = new DataView(one.buffer, one.byteOffset, one.byteLength);
    const name = text(one, 0, NAME_BYTES);
    const comment = text(one, record - COMMENT_BYTES, COMMENT_BYTES);
    switch (String.fromCharCode(one[TYPE_AT] ?? 0)) {
      case "L": {
        const value = view.getBigInt64(VALUE_AT, true);
        keywords.push({ name, type: "L", value, comment });
        break;
      }
      case "D": {
        const value = view.getFloat64(VALUE_AT, true);
        keywords.push({ name, type: "D", value, comment });
        break;
      }
      case "S": {
        const value = text(one, VALUE_AT, VALUE_BYTES);
        keywords.push({ name, type: "S", value, comment });
        break;
      }
      default:
        if (name === "") return keywords;
    }
  }
  return keywords;
}

function putField(
  record: Uint8Array,
  at: number,
  room: number,
  text: string,
  what: string,
): void {
  const bytes = encoder.encode(text);
  if (bytes.length > room) {
    throw new RangeError(
      `Keyword ${what} "${text}" is longer than ${room} bytes`,
    );
  }
  record.set(bytes, at);
}

/**
 * Writes keyword records: the given ones first, all others unused. Names and
 * texts may fill their 16 bytes, comments their 80.
 *
 * @param keywords The keywords.
 * @param count How many records there are.
 * @param record Bytes of one record.
 * @throws {RangeError} where they do not fit.
 */
export function encodeKeywords(
  keywords: readonly Keyword[],
  count: number,
  record: number,
): Uint8Array<ArrayBuffer> {
  if (keywords.length > count) {
    throw new RangeError(
      `${keywords.length} keywords do not fit into ${count} records`,
    );
  }
  const bytes = new Uint8Array(count * record);
  for (let index = 0; index < count; index++) {
    const one = bytes.subarray(index * record, (index + 1) * record);
    const keyword = keywords[index];
    if (keyword === undefined) {
      one[TYPE_AT] = UNUSED;
      continue;
    }
    if (keyword.name === "") throw new RangeError("A keyword needs a name");
    const view = new DataView(one.buffer, one.byteOffset, one.byteLength);
    putField(one, 0, NAME_BYTES, keyword.name, "name");
    putField(
      one,
      record - COMMENT_BYTES,
      COMMENT_BYTES,
      keyword.comment,
      "comment",
    );
    one[TYPE_AT] = keyword.type.charCodeAt(0);
    if (keyword.type === "L") {
      if (BigInt.asIntN(64, keyword.value) !== keyword.value) {
        throw new RangeError(
          `Keyword "${keyword.name}" is ${keyword.value}, more than 64 bits`,
        );
      }
      view.setBigInt64(VALUE_AT, keyword.value, true);
    } else if (keyword.type === "D") {
      view.setFloat64(VALUE_AT, keyword.value, true);
    } else {
      putField(one, VALUE_AT, VALUE_BYTES, keyword.value, "value");
    }
  }
  return bytes;
}
