/** Names of streams and where their files lie. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  isStreamPath,
  parseMilkName,
  requireName,
  streamFolder as folderOf,
  streamPlace,
} from "../../src/stream/names.ts";
import { Stream } from "../../src/stream/stream.ts";
import { moduleUrl, runCode } from "../_support/child.ts";
import { Folder } from "../_support/folder.ts";

const BAD: readonly [string, string, string][] = [
  ["nothing", "", "is empty"],
  ["a slash", "a/b", 'holds a "/"'],
  ["a path", "/etc/passwd", 'holds a "/"'],
  ["the folder itself", ".", "leads out of the folder"],
  ["the folder above", "..", "leads out of the folder"],
  ["a way out", "../cam", 'holds a "/"'],
  ["a zero byte", "a\0b", "control character"],
  ["a line break", "a\nb", "control character"],
  ["an escape sequence", "\x1b[31m", "control character"],
  ["a delete character", "a\x7f", "control character"],
  ["a C1 control character", "a\x9b", "control character"],
  ["a replacement character", "a\ufffd", "broken text"],
  ["half a surrogate pair", "a\ud800b", "broken text"],
  ["80 bytes", "n".repeat(80), "longer than 79 bytes"],
  ["80 bytes of 40 characters", "ä".repeat(40), "longer than 79 bytes"],
];

for (const [what, name, says] of BAD) {
  Deno.test(`requireName() refuses ${what}`, () => {
    const error = assertThrows(() => requireName(name), SyntaxError, says);
    const { message } = error as Error;
    assertEquals(["\n", "\x1b", "\0"].filter((c) => message.includes(c)), []);
  });
}

for (const name of ["cam", "dm01disp03", "a b", ".x", "ä", "n".repeat(79)]) {
  Deno.test(`requireName() takes "${name.slice(0, 12)}"`, () => {
    assertEquals(requireName(name), name);
  });
}

Deno.test("streamPlace() finds a name in the folder", () => {
  using folder = new Folder();
  assertEquals(streamPlace("cam", folder.path), {
    name: "cam",
    path: folder.stream("cam"),
  });
});

Deno.test("streamPlace() takes a path with or without its ending", () => {
  for (const path of ["/x/cam", "/x/cam.im.shm", "/x/y/../cam"]) {
    assertEquals(streamPlace(path), { name: "cam", path: "/x/cam.im.shm" });
  }
  assertEquals(streamPlace("cam.im.shm").path, `${Deno.cwd()}/cam.im.shm`);
});

for (const path of ["/", "/x/", "./", "/x/.im.shm", ".im.shm"]) {
  Deno.test(`streamPlace() refuses "${path}", which ends without a name`, () => {
    assertThrows(() => streamPlace(path), SyntaxError, "ends without a name");
  });
}

for (const path of ["/x/y/..", "/x/.", "../..", "./...im.shm"]) {
  Deno.test(`streamPlace() refuses "${path}", which is a folder`, () => {
    assertThrows(() => streamPlace(path), SyntaxError, "leads out");
  });
}

Deno.test("streamPlace() refuses a path that the original cannot open", () => {
  using folder = new Folder();
  const deep = `${folder.path}/${"d".repeat(150)}`;
  Deno.mkdirSync(deep);
  assertThrows(
    () => streamPlace("n".repeat(60), deep),
    SyntaxError,
    "longer than the 199 bytes",
  );
});

Deno.test("Stream.create() refuses a bad name and makes nothing", () => {
  using folder = new Folder();
  const options = { dir: folder.path, size: [4], type: "u8" } as const;
  for (const name of ["", "..", "a\nb", "n".repeat(80)]) {
    assertThrows(() => Stream.create(name, options), SyntaxError);
  }
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("isStreamPath() tells a path from a name", () => {
  const arguments_ = ["cam", "./cam", "a/b", "cam.im.shm"];
  assertEquals(arguments_.map(isStreamPath), [false, true, true, true]);
});

Deno.test("streamFolder() refuses a folder that is none", () => {
  assertThrows(
    () => folderOf("/nowhere/at/all"),
    Deno.errors.NotFound,
    '--dir is "/nowhere/at/all", which is not a folder',
  );
});

const FOLDER_CODE = `
  import { streamFolder } from "${moduleUrl("src/stream/names.ts")}";
  try {
    console.log(streamFolder());
  } catch (error) {
    console.log(error.message);
  }
`;

Deno.test("streamFolder() is the one that MILK_SHM_DIR names", async () => {
  using folder = new Folder();
  const code = `Deno.env.set("MILK_SHM_DIR", "${folder.path}/");`;
  // Imports are hoisted, the variable is read by the call.
  assertEquals(
    (await runCode(code + FOLDER_CODE)).stdout,
    `${folder.path}\n`,
  );
});

Deno.test("streamFolder() says that MILK_SHM_DIR names no folder", async () => {
  const code = `Deno.env.set("MILK_SHM_DIR", "/nowhere");`;
  assertEquals(
    (await runCode(code + FOLDER_CODE)).stdout,
    'MILK_SHM_DIR is "/nowhere", which is not a folder\n',
  );
});

Deno.test("streamFolder() takes an empty MILK_SHM_DIR for none", async () => {
  const code = `Deno.env.set("MILK_SHM_DIR", "");`;
  const { stdout } = await runCode(code + FOLDER_CODE);
  assertEquals(["/milk/shm\n", "/tmp\n"].includes(stdout), true);
});

const MILK: readonly [string, string, string | undefined][] = [
  ["s>tf32>dm01disp06", "dm01disp06", "tf32"],
  ["tui16>s>cam", "cam", "tui16"],
  ["k20>c3>cam", "cam", undefined],
  ["cam", "cam", undefined],
];

for (const [text, name, type] of MILK) {
  Deno.test(`parseMilkName() reads "${text}"`, () => {
    assertEquals(parseMilkName(text), { name, type });
  });
}
