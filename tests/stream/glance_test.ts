/** A folder at a glance says what opening each stream says. */

import { assert, assertEquals } from "@std/assert";
import { type GlancedStream, glanceStreams } from "../../src/stream/glance.ts";
import { type ListedStream, listStreams } from "../../src/stream/list.ts";
import { Stream } from "../../src/stream/stream.ts";
import { DaoFolder } from "../_support/dao.ts";

/** What both say, with their own counts of semaphores and readers. */
function row(
  entry: GlancedStream | ListedStream,
  semaphores: number,
  readers: number,
): unknown {
  const { name, link, type, size, cnt0, writerPid, writerAlive } = entry;
  const common = { name, link, type, size, cnt0, writerPid, writerAlive };
  return { ...common, semaphores, readers };
}

/** What the long way says, as a table shows it. */
async function expected(dir: string): Promise<unknown[]> {
  const listed = await listStreams({ dir, watchMs: 0 });
  return listed.map((entry) => {
    if ("error" in entry) return entry;
    const { semaphores } = entry;
    const readers = semaphores.filter(({ reader }) => reader !== null);
    return row(entry, semaphores.length, readers.length);
  });
}

async function found(dir: string): Promise<unknown[]> {
  const glanced = await glanceStreams({ dir, watchMs: 0 });
  return glanced.map((entry) =>
    "error" in entry ? entry : row(entry, entry.semaphores, entry.readers)
  );
}

Deno.test("glanceStreams() says what listStreams() says, of whatever lies there", async () => {
  using folder = new DaoFolder();
  const { path: dir } = folder;
  using claimed = Stream.create("claimed", { dir, size: [4, 3], type: "u16" });
  claimed.write(new Uint16Array(12));
  const semaphore = claimed.mapping.semaphores.claim(-1);
  Stream.create("ring", { dir, size: [9], type: "f64", circularBuffer: 3 })
    .close();
  Stream.create("cube", { dir, size: [4, 3, 5], type: "i8", semaphores: 0 })
    .close();
  Stream.create(folder.base("fifo"), {
    dir,
    size: [4, 3],
    type: "f32",
    format: "dao",
  })
    .close();
  // A writer that is gone, as a pid that no machine gives.
  using posted = Stream.create("posted", { dir, size: [2], type: "u8" });
  {
    // No trace, and the first semaphore never posted: the second tells.
    const { writerPids } = posted.layout.table;
    const bytes = Deno.readFileSync(posted.path);
    new DataView(bytes.buffer).setInt32(writerPids + 4, Deno.pid, true);
    Deno.writeFileSync(posted.path, bytes);
  }
  using gone = Stream.create("gone", { dir, size: [2], type: "u8" });
  gone.write(new Uint8Array(2));
  const file = Deno.readFileSync(gone.path);
  new DataView(file.buffer).setInt32(
    gone.layout.table.trace + 4,
    0x7fff_fff0,
    true,
  );
  Deno.writeFileSync(gone.path, file);
  Deno.symlinkSync("claimed.im.shm", folder.stream("alias"));
  Deno.symlinkSync("nowhere.im.shm", folder.stream("dangling"));
  Deno.writeFileSync(folder.stream("empty"), new Uint8Array(0));
  Deno.writeTextFileSync(folder.stream("junk"), "no stream at all");
  Deno.writeFileSync(folder.stream("cut"), file.subarray(0, 500));
  Deno.mkdirSync(folder.stream("folder"));
  Deno.writeFileSync(folder.stream("a\u0007bell"), file);
  Deno.writeTextFileSync(folder.stream(".hidden"), "x");
  try {
    const all = await expected(dir);
    assertEquals(all.length, 13);
    assertEquals(await found(dir), all);
  } finally {
    if (semaphore !== undefined) claimed.mapping.semaphores.release(semaphore);
  }
});

Deno.test("glanceStreams() watches counters of those it opens and those it does not", async () => {
  using folder = new DaoFolder();
  const { path: dir } = folder;
  using usual = Stream.create("usual", { dir, size: [2], type: "u8" });
  using other = Stream.create(folder.base("z"), {
    dir,
    size: [2],
    type: "u8",
    format: "dao",
  });
  const writing = setInterval(() => {
    usual.write(new Uint8Array(2));
    other.write(new Uint8Array(2));
  }, 5);
  try {
    // As long as it takes until both were seen to move.
    for (let watchMs = 100;; watchMs *= 2) {
      const all = await glanceStreams({ dir, watchMs });
      const rates = all.map((one) => "error" in one ? null : one.rateHz);
      if (rates.every((rate) => rate !== null && rate > 0)) break;
      assert(watchMs < 20_000, `rates ${rates}`);
    }
  } finally {
    clearInterval(writing);
  }
});
