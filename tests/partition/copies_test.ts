/** Segments of partitions on other hosts: their copies, and updates' order. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { IPC_CREAT, IPC_EXCL, SHM_RDONLY } from "../../src/partition/xp.ts";
import { SegmentError } from "../../src/sysv/errors.ts";
import { Folder, json, until } from "../_support/cli.ts";
import { Sites } from "./_site.ts";

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values);

function code(call: () => unknown): string {
  return assertThrows(call, SegmentError).code;
}

Deno.test("a key of another host's partition leads to a copy, updated in one order", async () => {
  await using sites = new Sites(2);
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  const key = two.xp.ftok("/partition/1", 7);
  assertEquals(key, one.xp.ftok(null, 7));
  assertEquals(code(() => two.xp.shmget(key, 10)), "ENOENT");
  assertEquals(
    code(() => two.xp.shmget(two.xp.ftok("/partition/9", 1), 1)),
    "ENOENT",
  );
  const id = one.xp.shmget(key, 10_001, IPC_CREAT);
  using ours = one.xp.shmat(id);
  ours.update(3, bytes(1, 2, 3));
  assertEquals(code(() => two.xp.shmget(key, 10_002)), "EINVAL");
  assertEquals(
    code(() => two.xp.shmget(key, 1, IPC_CREAT | IPC_EXCL)),
    "EEXIST",
  );
  const copy = two.xp.shmget(key, 10_001);
  assertEquals(two.xp.shmget(key, 0), copy);
  assertEquals(two.part.getpart(copy), 1);
  using theirs = two.xp.shmat(copy);
  assertEquals([ours.kind, theirs.kind], ["here", "copy"]);
  assertEquals(theirs.size, 10_001);
  assertEquals(theirs.read(0, 8), bytes(0, 0, 0, 1, 2, 3, 0, 0));
  theirs.update(9_999, bytes(8, 9));
  assertEquals(ours.read(9_999, 2), bytes(8, 9));
  assertEquals(theirs.read(9_999, 2), bytes(8, 9)); // its own are there at once
  assertThrows(() => theirs.update(10_000, bytes(1, 2)), RangeError);
  ours.update(5000, new Uint8Array(3000).fill(77));
  await until("it comes", () => theirs.updates === ours.updates);
  assertEquals(theirs.read(), ours.read());

  // Stores through a view stay here until they are flushed.
  const view = theirs.view();
  view[100] = 55;
  view[101] = 56;
  theirs.update(0, bytes(1));
  ours.update(99, bytes(3));
  await until("it comes", () => theirs.updates === ours.updates);
  assertEquals(ours.read(99, 3), bytes(3, 0, 0));
  assertEquals(theirs.read(99, 3), bytes(3, 55, 56));
  theirs.flush(100, 2);
  assertEquals(ours.read(99, 3), bytes(3, 55, 56));

  using reading = two.xp.shmat(copy, null, SHM_RDONLY);
  assertEquals(reading.read(99, 3), bytes(3, 55, 56));
  assertEquals(code(() => reading.update(0, bytes(1))), "EACCES");

  // One that the owner never asked for; both count its pages.
  const made = two.xp.shmget(two.xp.ftok("/partition/1", 8), 20, IPC_CREAT);
  assertEquals(one.xp.shmget(one.xp.ftok(null, 8), 20) >= 0, true);
  assert(made !== copy);
  assertEquals(json(await one.done("ctl", "getcfg", "--json")).pages, 4);
  assertEquals(json(await two.done("ctl", "getcfg", "--json")).pages, 4);

  // Who looks sees the other host.
  assertEquals([one.part.getlist(), two.part.getcount()], [[1, 2], 2]);
  assertEquals(two.part.gethostname(1), two.part.gethostname(2));
  assertMatch(
    await two.done("ctl", "diag"),
    /1 +of 0 .* ok +up; segments: line stands/,
  );
  assertMatch(await two.done("ctl", "status"), /copy of partition 1's, pid/);
  const busy = await one.shmim("ctl", "shutdown");
  assertEquals(busy.code, 1);
  assertMatch(busy.err, /partition 2 on another host has segment \d+/);
});

Deno.test("three partitions write at random, and end with the same bytes", async () => {
  using keys = new Folder();
  const file = keys.file("key");
  Deno.writeTextFileSync(file, "a key of more than 16 bytes\n", {
    mode: 0o600,
  });
  await using sites = new Sites(3, {
    head: `key = "${file}"\n`,
    timeoutS: 20,
  });
  await sites.up();
  const size = 300_000;
  await using stack = new AsyncDisposableStack();
  const programs = sites.all.map((site) => stack.use(site.program()));
  for (const program of programs) {
    await program.does(`
      const { memory, ...more } = own;
      own.memory = xp.shmat(
        xp.shmget(xp.ftok("/partition/1", 1), ${size}, ${IPC_CREAT}));
      own.draw = (most) => Math.floor(Math.random() * most);
      own.go = (times) => {
        for (let n = 0; n < times; n++) {
          const length = own.draw(10) === 0 ? own.draw(${size}) : own.draw(500);
          own.memory.update(own.draw(${size} - length),
            new Uint8Array(length).fill(own.draw(256)));
        }
      };
      own.hash = () => own.memory.read().toBase64();
    `);
  }
  const each = 120;
  for (const program of programs) await program.begin(`own.go(${each})`);
  for (const program of programs) {
    assertEquals((await program.end()).error, undefined);
  }
  const updates = await programs[0]?.does("return own.memory.updates");
  assertEquals(updates, 3 * each); // none lost, none made twice
  const contents = new Set<string>();
  for (const program of programs) {
    await until(
      "it has all updates",
      async () => await program.does("return own.memory.updates") === updates,
    );
    contents.add(await program.does("return own.hash()"));
  }
  assertEquals(contents.size, 1);
});
