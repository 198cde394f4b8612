import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseCard } from "../../src/fits/card.ts";
import { FitsError, FitsHeader, type FitsValue } from "../../src/fits/mod.ts";
import { header } from "./fits_bytes.ts";

const bytes = (text: string) => new TextEncoder().encode(text.padEnd(80));

const values: [string, FitsValue | undefined, string][] = [
  ["KEY     =                   12 / twelve", 12n, "twelve"],
  ["KEY     = 12/free format", 12n, "free format"],
  ["KEY     =      +007", 7n, ""],
  ["KEY     = -9223372036854775809", -9223372036854775809n, ""],
  ["KEY     =                  1.5", 1.5, ""],
  ["KEY     = 1.", 1, ""],
  ["KEY     = .5", 0.5, ""],
  ["KEY     = -0.0", -0, ""],
  ["KEY     =              1.25D-3 / D exponent", 0.00125, "D exponent"],
  ["KEY     = 1d2", 100, ""],
  ["KEY     = 2E5", 200000, ""],
  ["KEY     =                    T", true, ""],
  ["KEY     = F / no", false, "no"],
  ["KEY     = (1.5, -2) / complex", { re: 1.5, im: -2 }, "complex"],
  ["KEY     = (1D3,2)", { re: 1000, im: 2 }, ""],
  ["KEY     =", undefined, ""],
  ["KEY     =                      / undefined", null, "undefined"],
  ["KEY     = 'it''s'               / quote", "it's", "quote"],
  ["KEY     = '  lead and trail   '", "  lead and trail", ""],
  ["KEY     = ''", "", ""],
  ["KEY     = 'a / b' / c / d", "a / b", "c / d"],
  ["HIERARCH ESO DET  CHIPS = 4 / chips", 4n, "chips"],
  ["HIERARCH ESO NAME= 'x=y'", "x=y", ""],
];

Deno.test("parseCard() reads every kind of value", () => {
  for (const [text, value, comment] of values) {
    // A value indicator needs the blank that padding supplies.
    const card = parseCard(bytes(text), 1);
    const wanted = text === "KEY     =" ? null : value;
    assertEquals(card.value, wanted, text);
    assertEquals(card.comment, comment, text);
    assertEquals(card.commentary, false, text);
    assertEquals(card.problem, undefined, text);
  }
});

Deno.test("parseCard() keeps -0 apart from 0", () => {
  const { value } = parseCard(bytes("KEY     = -0.0"), 1);
  assertEquals(Object.is(value, -0), true);
});

Deno.test("parseCard() joins the words of a HIERARCH keyword", () => {
  const card = parseCard(bytes("HIERARCH ESO DET  CHIPS = 4"), 1);
  assertEquals(card.keyword, "ESO DET CHIPS");
});

Deno.test("parseCard() takes a card without value indicator as text", () => {
  for (
    const text of ["HISTORY = done", "COMMENT   a = b", "        x", "KEY=1"]
  ) {
    const card = parseCard(bytes(text), 1);
    assertEquals(card.commentary, true, text);
    assertEquals(card.value, undefined, text);
  }
});

const unreadable: [string, string][] = [
  ["KEY     = 'open", "string has no closing quote"],
  ["KEY     = 12 34", "value is not one that FITS knows"],
  ["KEY     = TRUE", "value is not one that FITS knows"],
  ["KEY     = 1.5.2", "value is not one that FITS knows"],
  ["KEY     = (1, x)", "complex value is not of the form (re, im)"],
  ["KEY     = (1 2)", "complex value is not of the form (re, im)"],
];

Deno.test("parseCard() names what is wrong with a value", () => {
  for (const [text, problem] of unreadable) {
    const card = parseCard(bytes(text), 1);
    assertEquals(card.value, undefined, text);
    assertEquals(card.problem, problem, text);
  }
});

Deno.test("parseCard() reads around a byte that is not ASCII", () => {
  const card = parseCard(bytes("KEY     = 3 / caf\u00e9").slice(0, 80), 7);
  assertEquals(card.value, 3n);
  assertEquals(card.comment, "caf\u00e9");
  assertStringIncludes(card.problem ?? "", "byte 18 is 0xc3");
});

Deno.test("parseCard() refuses a keyword that is not ASCII", () => {
  const wrong = bytes("KEY");
  wrong[1] = 0xe9;
  const error = assertThrows(() => parseCard(wrong, 7), FitsError);
  assertEquals(error.card, 7);
  assertStringIncludes(error.message, "Card 7: byte 2 is 0xe9");
});

Deno.test("FitsHeader.parse() joins long strings and their comments", () => {
  const parsed = FitsHeader.parse(header(
    "LONG    = 'one &' / first",
    "CONTINUE  'two ''&'",
    "CONTINUE  'three' / second",
    "AND     = 'rock &'",
    "CONTINUE= 'not one'",
    "CONTINUE  'stray'",
    "SHORT   = 'x'",
  ));
  assertEquals(parsed.get("LONG"), "one two 'three");
  assertEquals(parsed.card("LONG")?.comment, "first second");
  assertEquals(parsed.get("AND"), "rock &");
  assertEquals(parsed.get("short"), "x");
  assertEquals(parsed.card("SHORT")?.number, 7);
  assertEquals(parsed.has("CONTINUE"), false);
});

Deno.test("FitsHeader.get() finds the first of two cards", () => {
  const parsed = FitsHeader.parse(header("A       = 1", "A       = 2"));
  assertEquals(parsed.get("A"), 1n);
  assertEquals(parsed.cards.length, 2);
});

Deno.test("FitsHeader.commentary() has the lines in order", () => {
  const parsed = FitsHeader.parse(
    header("HISTORY one", "A       = 1", "HISTORY   two", "COMMENT x"),
  );
  assertEquals(parsed.commentary("HISTORY"), ["one", "  two"]);
  assertEquals(parsed.commentary("COMMENT"), ["x"]);
});

Deno.test("FitsHeader.problems() names the card", () => {
  const parsed = FitsHeader.parse(header("A       = 1", "B       = 1 2"));
  assertEquals(parsed.problems(), [
    'Card 2 ("B"): value is not one that FITS knows',
  ]);
});
