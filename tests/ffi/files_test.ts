/** Files, clocks and processes through the helper. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { CLOCK, clockNs, processMemory, sleepUntil } from "../../ffi/clock.ts";
import { isSystemError, SystemError } from "../../ffi/errno.ts";
import {
  listFolder,
  OpenFile,
  readLink,
  realPath,
  removeFile,
  renameFile,
  statFile,
} from "../../ffi/files.ts";
import { makeLink } from "../../ffi/links.ts";
import { processExists } from "../../ffi/libc.ts";
import { Child } from "../_support/child.ts";
import { Folder } from "../_support/folder.ts";

Deno.test("statFile() says what Deno says", () => {
  using folder = new Folder();
  const path = `${folder.path}/file`;
  Deno.writeFileSync(path, new Uint8Array(5), { mode: 0o640 });
  const info = Deno.statSync(path);
  const found = statFile(path);
  assertEquals(
    [found?.size, found?.kind, found?.mode, found?.owner],
    [5, "file", 0o640, info.uid ?? -1],
  );
  assertEquals(found?.inode, BigInt(info.ino ?? 0));
  assertEquals(statFile(folder.path)?.kind, "folder");
  assertEquals(statFile(`${path}.none`), undefined);
});

Deno.test("statFile() looks at a link or at its target", () => {
  using folder = new Folder();
  makeLink("target", `${folder.path}/link`);
  const path = `${folder.path}/link`;
  assertEquals(readLink(path), "target");
  assertEquals(statFile(path, { follow: false })?.kind, "link");
  assertEquals(statFile(path), undefined);
});

Deno.test("listFolder() gives every name, also of a large folder", () => {
  using folder = new Folder();
  const names = Array.from(
    { length: 600 },
    (_, i) => `${"n".repeat(150)}${String(i).padStart(4, "0")}`,
  );
  for (const name of names) {
    Deno.writeTextFileSync(`${folder.path}/${name}`, "");
  }
  assertEquals(listFolder(folder.path), names);
});

Deno.test("listFolder() looks where Deno's own calls may not", () => {
  assert(Array.isArray(listFolder("/dev/shm")));
});

Deno.test("renameFile() keeps an existing file unless it is told", () => {
  using folder = new Folder();
  const [a, b] = [`${folder.path}/a`, `${folder.path}/b`];
  Deno.writeTextFileSync(a, "a");
  Deno.writeTextFileSync(b, "b");
  const error = assertThrows(() => renameFile(a, b), SystemError);
  assertEquals([error.code, Deno.readTextFileSync(b)], ["EEXIST", "b"]);
  renameFile(a, b, { replace: true });
  assertEquals(Deno.readTextFileSync(b), "a");
});

Deno.test("removeFile() removes a link and not its target", () => {
  using folder = new Folder();
  const path = `${folder.path}/file`;
  Deno.writeTextFileSync(path, "");
  makeLink("file", `${folder.path}/link`);
  assertEquals(realPath(`${folder.path}/link`), path);
  removeFile(`${folder.path}/link`);
  assertEquals(listFolder(folder.path), ["file"]);
});

Deno.test("statFile() refuses a zero byte in a path", () => {
  assertThrows(() => statFile("/tmp/a\0b"));
});

Deno.test("OpenFile.close() may be called twice", () => {
  using folder = new Folder();
  const path = `${folder.path}/file`;
  const file = OpenFile.create(path, { mode: 0o600, bytes: 3 });
  assertEquals(file.stat().size, 3);
  file.close();
  file.close();
  assertThrows(() => file.stat(), SystemError);
});

Deno.test("OpenFile.create() leaves an existing file alone", () => {
  using folder = new Folder();
  const path = `${folder.path}/file`;
  Deno.writeTextFileSync(path, "mine");
  try {
    OpenFile.create(path, { mode: 0o600, bytes: 3 });
    throw new Error("it was made");
  } catch (error) {
    assert(isSystemError(error, "EEXIST"));
  }
  assertEquals(Deno.readTextFileSync(path), "mine");
});

Deno.test("clockNs() agrees with the clock of JavaScript", () => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const now = clockNs(CLOCK.REALTIME);
  const after = BigInt(Date.now() + 1) * 1_000_000n;
  assert(before <= now && now <= after);
});

Deno.test("sleepUntil() returns at once for a time in the past", async () => {
  await sleepUntil(0n);
});

Deno.test("sleepUntil() sleeps to its time, also beyond one slice", async () => {
  const end = clockNs(CLOCK.MONOTONIC) + 250_000_000n;
  await sleepUntil(end);
  assert(clockNs(CLOCK.MONOTONIC) >= end);
});

Deno.test("sleepUntil() ends with its signal", async () => {
  const controller = new AbortController();
  const sleep = sleepUntil(2n ** 63n, controller.signal);
  controller.abort();
  await sleep;
});

Deno.test("processMemory() is that of this process", () => {
  const found = processMemory();
  assert(found > 10_000_000 && found < 100_000_000_000);
});

Deno.test("processExists() knows the living from the dead", async () => {
  await using child = Child.spawn("sleep", ["60"]);
  assertEquals(processExists(child.pid), true);
  await child.kill();
  assertEquals(processExists(child.pid), false);
  assertEquals([processExists(0), processExists(-1)], [false, false]);
  assertEquals(processExists(1), true);
});
