import { assertEquals } from "@std/assert";
import { KeyDecoder } from "../../src/cli/keys.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("KeyDecoder names letters, arrows and control keys", () => {
  const keys = new KeyDecoder().push(
    bytes("q?\x1b[A\x1bOB\x1b[1;2C\x1b[1;5D \x03\r\x1b[5~é"),
  );
  assertEquals(keys, [
    "q",
    "?",
    "up",
    "down",
    "shift-right",
    "ctrl-left",
    "space",
    "ctrl-c",
    "enter",
    "page-up",
    "é",
  ]);
});

Deno.test("KeyDecoder names function keys, as terminals and consoles send them", () => {
  const keys = new KeyDecoder().push(
    bytes("\x1bOP\x1bOQ\x1b[13~\x1b[15~\x1b[17~\x1b[[A\x1b[[E\x05\x1b[3~"),
  );
  assertEquals(
    keys,
    ["f1", "f2", "f3", "f5", "f6", "f1", "f5", "ctrl-e", "delete"],
  );
  const decoder = new KeyDecoder();
  assertEquals(decoder.push(bytes("\x1b[[")), []);
  assertEquals(decoder.push(bytes("Bq")), ["f2", "q"]);
});

Deno.test("KeyDecoder puts sequences together that come in pieces", () => {
  const decoder = new KeyDecoder();
  assertEquals(decoder.push(bytes("\x1b")), []);
  assertEquals(decoder.pending, true);
  assertEquals(decoder.push(bytes("[1;")), []);
  assertEquals(decoder.push(bytes("2A-")), ["shift-up", "-"]);
  assertEquals(decoder.pending, false);
});

Deno.test("KeyDecoder takes a lone escape for the key when no more comes", () => {
  const decoder = new KeyDecoder();
  decoder.push(bytes("\x1b"));
  assertEquals(decoder.flush(), ["escape"]);
  assertEquals(decoder.flush(), []);
});

Deno.test("KeyDecoder leaves out what means nothing", () => {
  assertEquals(new KeyDecoder().push(bytes("\x1b[200~\x1b[38;5u\x01a")), [
    "a",
  ]);
});
