/** Keyword records. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeKeywords,
  encodeKeywords,
  type Keyword,
} from "../../src/stream/keywords.ts";
import { LAYOUT, member } from "../_support/fixtures.ts";

const RECORD = LAYOUT.structs.keyword?.size ?? 0;

function records(
  count: number,
  change: (bytes: Uint8Array) => void,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count * RECORD);
  change(bytes);
  return bytes;
}

function putRecord(
  bytes: Uint8Array,
  index: number,
  name: string,
  type: string,
  value = "",
): void {
  const encode = (text: string) => new TextEncoder().encode(text);
  const at = (field: string) =>
    index * RECORD + member(field, "keyword").offset;
  bytes.set(encode(name), at("name"));
  bytes.set(encode(type), at("type"));
  bytes.set(encode(value), at("value"));
}

Deno.test("decodeKeywords() ends at the first unnamed, unused record", () => {
  const bytes = records(4, (b) => {
    putRecord(b, 0, "NEW", "S", "here");
    putRecord(b, 2, "STALE", "S", "from an earlier list");
  });
  assertEquals(decodeKeywords(bytes, RECORD).map(({ name }) => name), ["NEW"]);
});

Deno.test("decodeKeywords() passes over other types and keeps duplicates", () => {
  const bytes = records(4, (b) => {
    putRecord(b, 0, "A", "S", "1");
    putRecord(b, 1, "B", "X", "?");
    putRecord(b, 2, "A", "S", "2");
    putRecord(b, 3, "", "S", "unnamed");
  });
  assertEquals(
    decodeKeywords(bytes, RECORD).map(({ name, value }) => [name, value]),
    [["A", "1"], ["A", "2"], ["", "unnamed"]],
  );
});

Deno.test("decodeKeywords() takes bytes that are no text", () => {
  const bytes = records(1, (b) => {
    b.fill(0xFF);
    b[16] = "S".charCodeAt(0);
  });
  const [keyword] = decodeKeywords(bytes, RECORD);
  assertEquals(keyword?.name, "\ufffd".repeat(16));
  assertEquals(keyword?.comment, "\ufffd".repeat(80));
});

Deno.test("decodeKeywords() takes a part of a record for none", () => {
  const bytes = records(1, (b) => putRecord(b, 0, "A", "S", "1"));
  assertEquals(decodeKeywords(bytes.slice(0, RECORD - 1), RECORD), []);
});

Deno.test("encodeKeywords() fills 16 and 80 bytes and no more", () => {
  const keyword: Keyword = {
    name: "N".repeat(16),
    type: "S",
    value: "V".repeat(16),
    comment: "C".repeat(80),
  };
  const bytes = encodeKeywords([keyword], 1, RECORD);
  assertEquals(decodeKeywords(bytes, RECORD), [keyword]);
});

const L: Keyword = { name: "K", type: "L", value: 0n, comment: "" };
const TOO_LONG: readonly [string, Keyword][] = [
  ["a name of 17 bytes", { ...L, name: "N".repeat(17) }],
  ["no name", { ...L, name: "" }],
  ["a comment of 81 bytes", { ...L, comment: "C".repeat(81) }],
  ["a text of 17 bytes", { ...L, type: "S", value: "µ".repeat(8) + "m" }],
  ["an integer above 64 bits", { ...L, value: 2n ** 63n }],
  ["an integer below 64 bits", { ...L, value: -(2n ** 63n) - 1n }],
];

for (const [what, keyword] of TOO_LONG) {
  Deno.test(`encodeKeywords() refuses ${what}`, () => {
    assertThrows(() => encodeKeywords([keyword], 1, RECORD), RangeError);
  });
}

for (const value of [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]) {
  Deno.test(`encodeKeywords() keeps ${value} exact`, () => {
    const bytes = encodeKeywords([{ ...L, value }], 1, RECORD);
    assertEquals(decodeKeywords(bytes, RECORD)[0]?.value, value);
  });
}

for (const value of [NaN, Infinity, -0, 5e-324]) {
  Deno.test(`encodeKeywords() keeps the double ${value}`, () => {
    const bytes = encodeKeywords([{ ...L, type: "D", value }], 1, RECORD);
    assertEquals(decodeKeywords(bytes, RECORD)[0]?.value, value);
  });
}
