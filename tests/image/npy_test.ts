/** NumPy's `.npy` files. */

import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { isNpy, npyHeader, readNpy } from "../../src/image/npy.ts";
import { type DataType, TYPES } from "../../src/stream/types.ts";
import { join } from "../_support/bridge.ts";

const ALL = Object.keys(TYPES) as DataType[];
const SIZES = [[5], [4, 3], [4, 3, 2], [4, 3, 2, 7]];

function pattern(bytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + 3) % 251);
}

/** A `.npy` file with any header text, of version 1 to 3. */
function file(
  header: string,
  data: Uint8Array,
  version = 1,
): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header);
  const start = version === 1 ? 10 : 12;
  const bytes = new Uint8Array(start + text.length);
  bytes.set([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  bytes.set(text, start);
  return join(bytes, data);
}

Deno.test.each(ALL)(
  "readNpy() reads what npyHeader() begins, of %s",
  (type) => {
    for (const size of SIZES) {
      const count = size.reduce((product, axis) => product * axis, 1);
      const data = pattern(count * TYPES[type].bytes);
      const whole = join(npyHeader(type, size), data);
      assert(isNpy(whole));
      assertEquals(readNpy(whole), { type, size, bytes: data });
    }
  },
);

Deno.test("npyHeader() is a multiple of 64 bytes, and its shape the size reversed", () => {
  for (const size of [...SIZES, Array(20).fill(4294967295)]) {
    const header = npyHeader("u16", size);
    assertEquals(header.length % 64, 0);
    assertEquals(header.at(-1), 0x0A);
    const length = new DataView(header.buffer).getUint16(8, true);
    assertEquals(length, header.length - 10);
  }
  const text = new TextDecoder().decode(npyHeader("u16", [4, 3, 2]).slice(10));
  assertStringIncludes(
    text,
    "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3, 4), }",
  );
  assertStringIncludes(
    new TextDecoder().decode(npyHeader("u8", [7]).slice(10)),
    "{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }",
  );
});

Deno.test("readNpy() takes Fortran order as the fastest axis first", () => {
  const data = pattern(24);
  const header = "{'descr': '<u2', 'fortran_order': True, 'shape': (4, 3), }";
  assertEquals(readNpy(file(header, data)), {
    type: "u16",
    size: [4, 3],
    bytes: data,
  });
});

Deno.test("readNpy() swaps big-endian pixels", () => {
  const big = (descr: string, data: number[], count: number) =>
    readNpy(
      file(
        `{'descr': '${descr}', 'fortran_order': False, 'shape': (${count},), }`,
        new Uint8Array(data),
      ),
    ).bytes;
  assertEquals(big(">u2", [1, 2, 3, 4], 2), new Uint8Array([2, 1, 4, 3]));
  assertEquals(
    new DataView(big(">f4", [0x3F, 0x80, 0, 0], 1).buffer).getFloat32(0, true),
    1,
  );
  // The two parts of a complex number are swapped each for itself.
  assertEquals(
    big(">c8", [1, 2, 3, 4, 5, 6, 7, 8], 1),
    new Uint8Array([4, 3, 2, 1, 8, 7, 6, 5]),
  );
});

Deno.test("readNpy() takes native, unordered and spaced headers of all versions", () => {
  const data = pattern(4);
  for (const version of [1, 2, 3]) {
    const header = "{'shape':(2, 1 ,2,) ,'fortran_order':False,'descr':'=u1'}";
    assertEquals(readNpy(file(header, data, version)).size, [2, 1, 2]);
  }
  const legacy = "{'descr': '|u1', 'fortran_order': False, 'shape': (4L,), }";
  assertEquals(readNpy(file(legacy, data)).size, [4]);
});

Deno.test("readNpy() does not mind where its bytes lie", () => {
  const whole = join(npyHeader("u32", [2]), pattern(8));
  const shifted = join(new Uint8Array(3), whole).subarray(3);
  assertEquals(readNpy(shifted).bytes, pattern(8));
});

const BROKEN: readonly (readonly [string, Uint8Array<ArrayBuffer>, string])[] =
  [
    ["nothing", new Uint8Array(0), "does not begin like one"],
    ["another file", pattern(200), "does not begin like one"],
    ["version 9", file("{}", pattern(0), 9), "version 9 is unknown"],
    [
      "a header that is cut short",
      npyHeader("u8", [4]).slice(0, 40),
      "its header is cut short",
    ],
    [
      "a record type",
      file(
        "{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (2,), }",
        pattern(4),
      ),
      "no plain array of numbers",
    ],
    [
      "text",
      file(
        "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }",
        pattern(16),
      ),
      'data type "U2" is not known',
    ],
    [
      "booleans",
      file(
        "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }",
        pattern(2),
      ),
      'data type "b1" is not known',
    ],
    ["too few pixels", join(npyHeader("u8", [4]), pattern(3)), "3 bytes of 4"],
    ["too many pixels", join(npyHeader("u8", [4]), pattern(5)), "5 bytes of 4"],
  ];

Deno.test.each(BROKEN)("readNpy() refuses %s", (_, bytes, reason) => {
  assertThrows(
    () => readNpy(bytes),
    SyntaxError,
    `Not a usable .npy file: `,
  );
  assertThrows(() => readNpy(bytes), SyntaxError, reason);
});

Deno.test("readNpy() never fails in another way on damaged headers", () => {
  const whole = join(npyHeader("u16", [4, 3]), pattern(24));
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % below;
  };
  for (let round = 0; round < 2000; round++) {
    const damaged = whole.slice(0, 1 + random(whole.length));
    for (let n = random(4); n >= 0; n--) {
      damaged[random(damaged.length)] = random(256);
    }
    try {
      readNpy(damaged);
    } catch (error) {
      assert(error instanceof SyntaxError, String(error));
    }
  }
});
