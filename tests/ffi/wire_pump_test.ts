/** The sum that frames of our own wire carry. */

import { assertEquals } from "@std/assert";
import { crc32c } from "../../ffi/wire_pump.ts";

const CHECK = new TextEncoder().encode("123456789");

Deno.test("crc32c agrees with the published check value, in parts and whole", () => {
  for (const plain of [true, false]) {
    assertEquals(crc32c(CHECK, 0, { plain }), 0xe306_9283);
    const first = crc32c(CHECK.slice(0, 4), 0, { plain });
    assertEquals(crc32c(CHECK.slice(4), first, { plain }), 0xe306_9283);
    assertEquals(crc32c(new Uint8Array(0), 0, { plain }), 0);
    assertEquals(crc32c(new Uint8Array(32), 0, { plain }), 0x8a91_36aa);
  }
});

Deno.test("crc32c by instruction and by table agree around every boundary", () => {
  const bytes = new Uint8Array(40_000);
  crypto.getRandomValues(bytes);
  const runs = [3 * 512, 3 * 4096, 3 * 4096 + 3 * 512].flatMap((run) => [
    run - 1,
    run,
    run + 1,
    2 * run + 13,
  ]);
  for (const length of [1, 7, 8, 9, ...runs]) {
    for (const from of [0, 1, 3, 8]) {
      const part = bytes.slice(from, from + length);
      assertEquals(crc32c(part, 5), crc32c(part, 5, { plain: true }));
    }
  }
});
