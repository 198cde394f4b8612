/** `shmim keyword` as a process. @module */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { done, Folder, json, shmim } from "../_support/cli.ts";

function stream(folder: Folder, keywords = 4): Stream {
  return Stream.create("cam", {
    dir: folder.path,
    size: [2, 2],
    type: "u8",
    keywords,
  });
}

Deno.test("shmim keyword sets by what the value reads as", async () => {
  using folder = new Folder();
  using cam = stream(folder);
  await done(["keyword", "cam", "N=5", "X=0.5", "S=hello world"], { folder });
  assertEquals(cam.keywords(), [
    { name: "N", type: "L", value: 5n, comment: "" },
    { name: "X", type: "D", value: 0.5, comment: "" },
    { name: "S", type: "S", value: "hello world", comment: "" },
  ]);
});

Deno.test("shmim keyword keeps a double a double, and its comment", async () => {
  using folder = new Folder();
  using cam = stream(folder);
  cam.setKeywords([{ name: "X", type: "D", value: 0.5, comment: "[s]" }]);
  await done(["keyword", "cam", "X=2"], { folder });
  assertEquals(cam.keywords(), [
    { name: "X", type: "D", value: 2, comment: "[s]" },
  ]);
});

Deno.test("shmim keyword stores 64-bit integers exactly and says them so", async () => {
  using folder = new Folder();
  using cam = stream(folder);
  const out = await done(
    ["keyword", "cam", "BIG=9223372036854775807", "--json"],
    { folder },
  );
  assertEquals(json(out)[0].value, "9223372036854775807");
  assertEquals(cam.keywords()[0]?.value, 9223372036854775807n);
});

Deno.test("shmim keyword takes what is not finite, and hexadecimal numbers", async () => {
  using folder = new Folder();
  using cam = stream(folder);
  await done(["keyword", "cam", "N=nan", "I=-inf", "P=Infinity", "H=0x10"], {
    folder,
  });
  assertEquals(cam.keywords().map(({ type, value }) => [type, value]), [
    ["D", NaN],
    ["D", -Infinity],
    ["D", Infinity],
    ["L", 16n],
  ]);
});

Deno.test("shmim keyword stores a large whole number as what it is told to", async () => {
  using folder = new Folder();
  using cam = stream(folder);
  await done(["keyword", "cam", "D=18446744073709551615", "--type", "D"], {
    folder,
  });
  await done(["keyword", "cam", "S=1844674407370955", "--type", "S"], {
    folder,
  });
  assertEquals(cam.keywords().map(({ value }) => value), [
    2 ** 64,
    "1844674407370955",
  ]);
});

Deno.test("shmim keyword deletes one and leaves the others readable", async () => {
  using folder = new Folder();
  using cam = stream(folder);
  await done(["keyword", "cam", "A=1", "B=2", "C=3"], { folder });
  await done(["keyword", "cam", "B", "--delete"], { folder });
  assertEquals(cam.keywords().map(({ name }) => name), ["A", "C"]);
});

Deno.test("shmim keyword leaves one where a name stood twice", async () => {
  using folder = new Folder();
  using cam = stream(folder);
  cam.setKeywords([
    { name: "A", type: "L", value: 1n, comment: "" },
    { name: "A", type: "L", value: 2n, comment: "" },
  ]);
  assertStringIncludes(await done(["keyword", "cam", "A"], { folder }), "2");
  await done(["keyword", "cam", "A=3"], { folder });
  assertEquals(cam.keywords().map(({ value }) => value), [3n]);
});

const REFUSED: readonly (readonly [string, string[], number, string])[] = [
  ["a name that is not there", ["NOPE"], 1, 'no keyword "NOPE"'],
  ["more than there is room for", ["A=1", "B=2", "C=3"], 1, "room for 2"],
  ["a name of 17 bytes", ["ABCDEFGHIJKLMNOPQ=1"], 1, "16 bytes"],
  ["a text that is no number", ["A=x", "--type", "D"], 1, "no value of type D"],
  ["a whole number of 65 bits", ["A=9223372036854775808"], 1, "64 bits"],
  ["a number beyond the doubles", ["A=-1e400"], 1, "no value of type D"],
  ["words of both kinds", ["A=1", "B"], 2, "Either"],
  ["a value without a name", ["=1"], 2, "needs a name"],
  ["a comment without a value", ["A", "--comment", "x"], 2, "--comment"],
];

for (const [what, words, code, message] of REFUSED) {
  Deno.test(`shmim keyword refuses ${what} and changes nothing`, async () => {
    using folder = new Folder();
    using cam = stream(folder, 2);
    const result = await shmim(["keyword", "cam", ...words], { folder });
    assertEquals(result.code, code, result.err);
    assertStringIncludes(result.err, message);
    assertEquals(result.err.trim().split("\n").length, 1);
    assertEquals(cam.keywords(), []);
  });
}
