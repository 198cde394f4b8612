/** Lock files: held, waited for, and removed under their holder. */

import { assertEquals } from "@std/assert";
import { lockFile } from "../../src/files/lock_file.ts";
import { Folder } from "../_support/cli.ts";

/** Files of a folder that this process has open. */
function openIn(folder: string): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      return [Deno.readLinkSync(`/proc/self/fd/${name}`)];
    } catch {
      return []; // the descriptor of the listing itself
    }
  }).filter((path) => path.startsWith(folder));
}

/** Whether somebody else could lock a file now. */
function isFree(path: string): boolean {
  using file = Deno.openSync(path, { write: true });
  return file.tryLockSync(true);
}

Deno.test("lockFile() keeps others away until it is given back, and removes the file", async () => {
  using folder = new Folder();
  const path = folder.file("state/cam.lock");
  const first = await lockFile(path);
  assertEquals(isFree(path), false);
  const order: string[] = [];
  const second = lockFile(path).then((lock) => {
    order.push("second");
    return lock;
  });
  order.push("first");
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  assertEquals(order, ["first", "second"]);
  assertEquals([...Deno.readDirSync(folder.file("state"))], []);
  assertEquals(openIn(folder.path), []);
});

Deno.test("lockFile() gives back a lock whose file was removed", async () => {
  using folder = new Folder();
  const path = folder.file("state/cam.lock");
  const lock = await lockFile(path);
  Deno.removeSync(folder.file("state"), { recursive: true });
  lock[Symbol.dispose]();
  assertEquals(openIn(folder.path), []);
});

Deno.test("lockFile() leaves the lock of the next one alone", async () => {
  using folder = new Folder();
  const path = folder.file("cam.lock");
  const mine = await lockFile(path);
  Deno.removeSync(path);
  using _theirs = await lockFile(path);
  mine[Symbol.dispose]();
  assertEquals(isFree(path), false);
});
