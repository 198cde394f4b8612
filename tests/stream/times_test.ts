/** Times as people read them. */

import { assertEquals } from "@std/assert";
import { isoTime, localTime } from "../../src/stream/times.ts";

const CASES: readonly [bigint, number, string | undefined][] = [
  [0n, 37, undefined],
  [1_700_000_037_123_456_789n, 37, "2023-11-14T22:13:20.123456789Z"],
  [1_700_000_000_000_000_001n, 0, "2023-11-14T22:13:20.000000001Z"],
  [-1n, 0, "1969-12-31T23:59:59.999999999Z"],
  [2n ** 63n * 1_000_000_000n, 0, undefined],
];

for (const [ns, offset, text] of CASES) {
  Deno.test(`isoTime() gives ${text} for ${ns} ns`, () => {
    assertEquals(isoTime(ns, offset), text);
  });
}

Deno.test("localTime() is the same moment, with the zone's offset", () => {
  for (
    const iso of ["2026-01-01T00:00:00.123456789Z", "2026-07-01T12:00:00Z"]
  ) {
    const local = localTime(iso);
    const [, whole = "", fraction = "", offset = ""] =
      /^(.{19})(\.\d+)?([+-]\d\d:\d\d)$/.exec(local) ?? [];
    assertEquals(
      new Date(`${whole}${offset}`).getTime(),
      new Date(iso.replace(/\.\d+/, "")).getTime(),
    );
    assertEquals(fraction ?? "", /\.\d+/.exec(iso)?.[0] ?? "");
  }
  assertEquals(localTime("never"), "never");
});
