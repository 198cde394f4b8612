import { assertEquals, assertThrows } from "@std/assert";
import { type FitsName, parseFitsName } from "../../src/fits/mod.ts";

const all = { first: "*", last: 0, step: 1 } as const;

const names: [string, FitsName][] = [
  ["a.fits", { path: "a.fits" }],
  ["/d [1]/a.fits", { path: "/d [1]/a.fits" }],
  ["a.fits[1]", { path: "a.fits", hdu: 1 }],
  ["a.fits.gz[0]", { path: "a.fits.gz", hdu: 0 }],
  ["a.fits[SCI]", { path: "a.fits", hdu: { name: "SCI" } }],
  ["a.fits[SCI,2]", { path: "a.fits", hdu: { name: "SCI", version: 2 } }],
  ["a.fits[my sci , 2]", {
    path: "a.fits",
    hdu: { name: "my sci", version: 2 },
  }],
  ["a.fits[*,*,3:3]", {
    path: "a.fits",
    section: [all, all, { first: 3, last: 3, step: 1 }],
  }],
  ["a.fits[SCI,2][1:10:2, -*, *:3, 4, 9:1]", {
    path: "a.fits",
    hdu: { name: "SCI", version: 2 },
    section: [
      { first: 1, last: 10, step: 2 },
      { first: "-*", last: 0, step: 1 },
      { first: "*", last: 0, step: 3 },
      { first: 4, last: 4, step: 1 },
      { first: 9, last: 1, step: 1 },
    ],
  }],
];

Deno.test("parseFitsName() takes a name apart as CFITSIO does", () => {
  for (const [text, wanted] of names) {
    assertEquals(parseFitsName(text), wanted, text);
  }
});

const wrong: [string, typeof SyntaxError | typeof RangeError, string][] = [
  ["a.fits[]", SyntaxError, 'HDU "" is not a number, EXTNAME'],
  ["a.fits[SCI,x]", SyntaxError, 'HDU "SCI,x" is not a number'],
  ["a.fits[#row > 3]", SyntaxError, 'HDU "#row > 3" is not'],
  ["a.fits[1:x]", SyntaxError, '"1:x" is not *, -*, first:last'],
  ["a.fits[*:2:3]", SyntaxError, '"*:2:3" is not'],
  ["a.fits[1][*,*][2]", SyntaxError, "at most [HDU][section] may follow"],
  ["a.fits[*,*][1]", SyntaxError, "at most [HDU][section] may follow"],
  ["a.fits[0:3]", RangeError, "pixels and steps count from 1"],
  ["a.fits[1:3:0]", RangeError, "pixels and steps count from 1"],
];

Deno.test("parseFitsName() says what it cannot read", () => {
  for (const [text, type, message] of wrong) {
    assertThrows(() => parseFitsName(text), type, message, text);
  }
});
