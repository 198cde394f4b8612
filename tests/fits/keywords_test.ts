import { assertEquals, assertThrows } from "@std/assert";
import { formatCard } from "../../src/fits/format_card.ts";
import {
  type FitsCard,
  FitsError,
  FitsHeader,
  type FitsStreamKeyword,
  type FitsValue,
  toHeaderKeywords,
  toStreamKeywords,
} from "../../src/fits/mod.ts";
import { card, header, imageCards } from "./fits_bytes.ts";

const parse = (...cards: string[]) =>
  FitsHeader.parse(header(...imageCards(16, [2]), ...cards));

/** Writes a value and reads it back. */
function roundTrip(
  keyword: string,
  value: FitsValue,
  comment = "",
): { cards: readonly string[]; found: readonly FitsCard[] } {
  const { cards } = formatCard({ keyword, value, comment });
  assertEquals(cards.every((text) => text.length === 80), true);
  return { cards, found: FitsHeader.parse(header(...cards)).cards };
}

Deno.test("formatCard() writes what FitsHeader reads back", () => {
  const values: FitsValue[] = [
    true,
    false,
    0n,
    -(1n << 70n),
    0.1,
    -0,
    5e-324,
    1.7976931348623157e308,
    1e21,
    { re: 1.5, im: -2e-9 },
    null,
    "",
    "a",
    "it's",
    "'",
    "''".repeat(60),
    "ends with &",
    "x".repeat(68),
    "y".repeat(67) + "'",
    "blanks     ".repeat(20) + "end",
    " 'quoted' & all / not a comment",
    "&".repeat(200),
  ];
  for (const value of values) {
    for (const keyword of ["KEY", "long name", "SIXTEENBYTESNAME"]) {
      for (const comment of ["", "short", "many words ".repeat(9).trim()]) {
        const { found } = roundTrip(keyword, value, comment);
        assertEquals(found.length, 1);
        assertEquals(found[0]?.keyword, keyword);
        assertEquals(found[0]?.value, value);
        if (typeof value !== "string") continue;
        assertEquals(found[0]?.comment, comment);
      }
    }
  }
});

Deno.test("formatCard() uses the fixed format", () => {
  const line = (keyword: string, value: FitsValue, comment: string) =>
    formatCard({ keyword, value, comment }).cards[0]?.trimEnd();
  assertEquals(line("A", 5n, "x"), "A       =                    5 / x");
  assertEquals(line("A", 5, "x"), "A       =                  5.0 / x");
  assertEquals(line("A", 1e-7, "x"), "A       =               1.0E-7 / x");
  assertEquals(line("A", true, "x"), "A       =                    T / x");
  assertEquals(line("A", "b", "x"), "A       = 'b       '           / x");
  assertEquals(line("low", 5n, "x"), "HIERARCH low =                    5 / x");
});

Deno.test("formatCard() refuses what a header cannot hold", () => {
  const write = (keyword: string, value: FitsValue, comment = "") => () =>
    formatCard({ keyword, value, comment });
  assertThrows(write("A", NaN), RangeError, "Cannot write NaN");
  assertThrows(write("A", "caf\u00e9"), SyntaxError, "not printable ASCII");
  assertThrows(write("A", 1n, "a\nb"), SyntaxError, "not printable ASCII");
  assertThrows(write("", 1n), SyntaxError, 'Keyword "" cannot be written');
  assertThrows(write("a=b", 1n), SyntaxError, "cannot be written");
  assertThrows(write("n".repeat(50), 1n), SyntaxError, "cannot be written");
  assertThrows(write("A", 10n ** 80n), RangeError, "does not fit");
});

Deno.test("toStreamKeywords() maps integers, floats, strings and logicals", () => {
  const { keywords, losses } = toStreamKeywords(parse(
    card("GAIN", "1.5") + " / e-",
    card("COUNT", -7),
    "NAME    = 'a b '",
    card("OPEN", "T"),
    "HISTORY none",
    card("BZERO", 0),
    card("DATE-OBS", "'2026-01-01'"),
  ));
  assertEquals(keywords, [
    { name: "GAIN", type: "D", value: 1.5, comment: "e-" },
    { name: "COUNT", type: "L", value: -7n, comment: "" },
    { name: "NAME", type: "S", value: "a b", comment: "" },
    { name: "OPEN", type: "L", value: 1n, comment: "" },
    { name: "DATE-OBS", type: "S", value: "2026-01-01", comment: "" },
  ]);
  assertEquals(losses, []);
});

const lossy: [string[], FitsStreamKeyword[], string[]][] = [
  [
    ["NAME    = '17 bytes of value'"],
    [{ name: "NAME", type: "S", value: "17 bytes of valu", comment: "" }],
    ['Card 5 ("NAME"): string is cut to "17 bytes of valu"'],
  ],
  [
    ["HIERARCH ESO DET CHIP1 NAME = 5"],
    [{ name: "ESO DET CHIP1 NA", type: "L", value: 5n, comment: "" }],
    ['Card 5 ("ESO DET CHIP1 NAME"): name is cut to "ESO DET CHIP1 NA"'],
  ],
  [
    ["HIERARCH ESO DET CHIP1 NAME = 5", "HIERARCH ESO DET CHIP1 NAXIS = 6"],
    [{ name: "ESO DET CHIP1 NA", type: "L", value: 5n, comment: "" }],
    [
      'Card 5 ("ESO DET CHIP1 NAME"): name is cut to "ESO DET CHIP1 NA"',
      'Card 6 ("ESO DET CHIP1 NAXIS"): ' +
      `cut to "ESO DET CHIP1 NA" it is another's name, dropped`,
    ],
  ],
  [
    ["C       = '&' / " + "c".repeat(60), "CONTINUE  '' / " + "d".repeat(60)],
    [{
      name: "C",
      type: "S",
      value: "",
      comment: `${"c".repeat(60)} ${"d".repeat(19)}`,
    }],
    ['Card 5 ("C"): comment is cut to 80 bytes'],
  ],
  [
    [card("A", 1), card("A", 2)],
    [{ name: "A", type: "L", value: 1n, comment: "" }],
    ['Card 6 ("A"): keyword occurs again, the first wins'],
  ],
  [[card("A", "(1, 2)")], [], ['Card 5 ("A"): value is complex, dropped']],
  [["A       ="], [], ['Card 5 ("A"): value is undefined, dropped']],
  [
    [card("A", "9223372036854775808")],
    [],
    ['Card 5 ("A"): integer exceeds 64 bits, dropped'],
  ],
  [
    ["A       = 1 2"],
    [],
    ['Card 5 ("A"): value is not one that FITS knows'],
  ],
];

Deno.test("toStreamKeywords() reports what is cut or dropped", () => {
  for (const [cards, keywords, losses] of lossy) {
    const found = toStreamKeywords(parse(...cards));
    assertEquals(found, { keywords, losses });
  }
});

Deno.test("toStreamKeywords() throws at a loss in strict mode", () => {
  for (const [cards, , [loss]] of lossy) {
    assertThrows(
      () => toStreamKeywords(parse(...cards), { strict: true }),
      FitsError,
      loss ?? "",
    );
  }
});

const L = (name: string, value: bigint, comment = ""): FitsStreamKeyword => ({
  name,
  type: "L",
  value,
  comment,
});

const lossyStream: [FitsStreamKeyword, FitsValue | undefined, string][] = [
  [L("", 1n), undefined, 'Keyword "": keyword has no name, dropped'],
  [L("NAXIS1", 1n), undefined, 'Keyword "NAXIS1": name belongs to the file'],
  [L("stream", 1n), undefined, 'Keyword "stream": name belongs to the file'],
  [L("a=b", 1n), undefined, "name cannot stand in a header, dropped"],
  [L("a\nb", 1n), undefined, "name cannot stand in a header, dropped"],
  [L("N", 1n, "z".repeat(48)), 1n, "comment is cut: it does not fit"],
  [
    { name: "D", type: "D", value: NaN, comment: "" },
    undefined,
    "value is NaN, which a header cannot hold, dropped",
  ],
  [
    { name: "S", type: "S", value: "caf\u00e9\n", comment: "" },
    "caf??",
    "string is not ASCII, its odd characters become ?",
  ],
  [L("C", 1n, "\u00b5m"), 1n, "comment is not ASCII"],
];

Deno.test("toHeaderKeywords() reports what is cut or dropped", () => {
  for (const [keyword, value, loss] of lossyStream) {
    const reserved = ["STREAM"];
    const { cards, losses } = toHeaderKeywords([keyword], { reserved });
    assertEquals(cards.map((c) => c.value), value === undefined ? [] : [value]);
    assertEquals(losses.length, 1);
    assertEquals(losses[0]?.includes(loss), true, losses[0] ?? "");
    assertThrows(
      () => toHeaderKeywords([keyword], { reserved, strict: true }),
      FitsError,
      loss,
    );
  }
});

Deno.test("toHeaderKeywords() keeps the first of two names", () => {
  const { cards, losses } = toHeaderKeywords([L("GAIN", 1n), L("gain", 2n)]);
  assertEquals(cards.map((c) => c.value), [1n]);
  assertEquals(losses, [
    'Keyword "gain": keyword occurs again, the first wins',
  ]);
});
