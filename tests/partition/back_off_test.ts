/** What dies is started again: ever later, and so many at most. */

import "../_support/load.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { endProcess, processStartNs } from "../../ffi/process.ts";
import { BackOff } from "../../src/partition/back_off.ts";
import { Book } from "../../src/partition/book.ts";
import { Duties } from "../../src/partition/duties.ts";
import { PartitionError } from "../../src/partition/errors.ts";
import { MAX_DUTIES, readUnit } from "../../src/partition/unit.ts";
import { until } from "../_support/cli.ts";
import { Host } from "./_support.ts";

Deno.test("BackOff waits twice as long each time, 30 s at most, and forgives after 60 s", () => {
  let now = 1000;
  const backOff = new BackOff(() => now);
  assertEquals([backOff.may("a"), backOff.waitMs("a")], [true, 0]);
  const waits: number[] = [];
  for (let n = 0; n < 9; n++) {
    backOff.failed("a");
    const wait = backOff.waitMs("a");
    waits.push(wait);
    now += wait - 1;
    assertEquals([backOff.may("a"), backOff.waitMs("a")], [false, 1]);
    now++;
    assertEquals(backOff.may("a"), true);
  }
  assertEquals(
    waits,
    [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000],
  );
  assertEquals(backOff.may("b"), true); // each for itself
  // Counted from when it might be tried again: 60 s are not yet well for long.
  now += 60_000;
  backOff.failed("a");
  assertEquals(backOff.waitMs("a"), 30_000);
  now += 30_000 + 60_001;
  backOff.failed("a");
  assertEquals(backOff.waitMs("a"), 500);
  backOff.failed("a");
  backOff.done("a");
  assertEquals(backOff.may("a"), true);
  backOff.failed("a");
  assertEquals(backOff.waitMs("a"), 500);
});

/** Processes that do nothing, and end when they are told to. */
class Sleepers implements AsyncDisposable {
  readonly host: Host = new Host();
  readonly book: Book;
  readonly told: string[] = [];
  readonly started: number[] = [];
  readonly #children: Deno.ChildProcess[] = [];

  constructor() {
    this.host.up(0, 1, { maxdpgs: 64 });
    this.book = new Book(
      this.host.run,
      ({ message }) => this.told.push(message),
    );
    const state = readUnit(this.host.run, 0);
    assert(state !== undefined);
    this.book.open(state);
  }

  start = (): Promise<number> => {
    const child = new Deno.Command("sleep", { args: ["600"] }).spawn();
    this.#children.push(child);
    this.started.push(child.pid);
    return Promise.resolve(child.pid);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // it has ended
      }
      await child.status;
    }
    this.host[Symbol.dispose]();
  }
}

Deno.test("a process that is killed five times is started again, ever later", async () => {
  await using sleepers = new Sleepers();
  const { book, host } = sleepers;
  let now = 0;
  const duties = new Duties(book, sleepers.start, new BackOff(() => now));
  const words = ["carry", "receive"];
  for (const seconds of [1, 1, 2, 4, 8]) {
    const { pid } = await duties.ensure("receive-2-0", words);
    assertEquals(
      await duties.ensure("receive-2-0", words).then((d) => d.pid),
      pid,
    );
    endProcess(pid, processStartNs(pid) ?? 0n);
    await until("it is dead", () => duties.find("receive-2-0") === undefined);
    assertEquals(duties.sweep(), ["receive-2-0"]);
    const refused = await assertRejects(
      () => duties.ensure("receive-2-0", words),
      PartitionError,
    );
    assertEquals(
      refused.message,
      "Its process (receive-2-0) died, and is started again in " +
        `${seconds} s`,
    );
    now += seconds * 1000;
  }
  assertEquals(sleepers.started.length, 5);
  assertEquals(
    sleepers.told,
    sleepers.started.map((pid) => `the process ${pid} of receive-2-0 died`),
  );
  // It may again now, and what is remembered is what runs.
  const { pid } = await duties.ensure("receive-2-0", words);
  assertEquals(readUnit(host.run, 0)?.duties.map((duty) => duty.pid), [pid]);
  // One that does not come up waits, too.
  const failing = new Duties(
    book,
    () => Promise.reject(new Error("no such file")),
    new BackOff(() => now),
  );
  await assertRejects(() => failing.ensure("x", words), Error, "no such file");
  await assertRejects(() => failing.ensure("x", words), Error, "again in 1 s");
});

Deno.test("a daemon has 64 processes at most, and says so", async () => {
  await using sleepers = new Sleepers();
  const duties = new Duties(sleepers.book, sleepers.start);
  assertEquals(MAX_DUTIES, 64);
  const all = await Promise.all(
    Array.from({ length: MAX_DUTIES }, (_, n) => duties.ensure(`d${n}`, ["x"])),
  );
  assertEquals(new Set(all.map(({ slot }) => slot)).size, MAX_DUTIES);
  await assertRejects(
    () => duties.ensure("one more", ["x"]),
    PartitionError,
    "The daemon has 64 processes already",
  );
  assertEquals(sleepers.started.length, MAX_DUTIES);
  duties.end("d7");
  const next = await duties.ensure("one more", ["x"]);
  assertEquals(next.slot, all[7]?.slot);
  await duties.endAll();
  assertEquals(duties.all, []);
});
