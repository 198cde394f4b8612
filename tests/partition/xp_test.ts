/** The xp and part functions between partitions of one kernel. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  PartitionError,
  PartitionLimitError,
} from "../../src/partition/errors.ts";
import {
  IPC_AUTORMID,
  IPC_CREAT,
  IPC_EXCL,
  IPC_PRIVATE,
  IPC_RMID,
  SHM_RDONLY,
} from "../../src/partition/xp.ts";
import { SegmentError } from "../../src/sysv/errors.ts";
import { Segment } from "../../src/sysv/segment.ts";
import { helperPath } from "../../ffi/helper.ts";
import { Child, moduleUrl, runCode } from "../_support/child.ts";
import { reportSkip } from "../_support/skip.ts";
import { Host } from "./_support.ts";

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values);

function code(call: () => unknown): string {
  return assertThrows(call, SegmentError).code;
}

Deno.test("Xp.ftok() makes keys of here, of partition N, of files; else -1", () => {
  using host = new Host();
  const { xp } = host.up(0, 3);
  const own = xp.ftok(null, 7);
  assertEquals(own, xp.ftok("/hw/partition/3", 7));
  assert(own !== xp.ftok(null, 8) && own !== xp.ftok("/partition/4", 7));
  assertEquals(xp.ftok(host.path, 7), Segment.ftok(host.path, 7));
  for (
    const [path, id] of [
      [`${host.path}/none`, 1],
      ["/partition/70000", 1],
      [null, 0],
      [null, 256],
    ] as const
  ) {
    assertEquals(xp.ftok(path, id), -1, `${path} ${id}`);
  }
  assertEquals(code(() => xp.shmget(-1, 8, IPC_CREAT)), "EINVAL");
});

Deno.test("two partitions of one kernel have the same memory by one key", () => {
  using host = new Host();
  const a = host.up(0, 1);
  const b = host.up(1, 2);
  const key = a.xp.ftok(null, 1);
  assertEquals(code(() => b.xp.shmget(key, 10)), "ENOENT");
  const id = a.xp.shmget(key, 10, IPC_CREAT | 0o600);
  assertEquals(b.xp.shmget(b.xp.ftok("/hw/partition/1", 1), 10), id);
  assertEquals(b.xp.shmget(key, 0, IPC_CREAT), id);
  assertEquals(code(() => b.xp.shmget(key, 11)), "EINVAL");
  assertEquals(code(() => b.xp.shmget(key, 1, IPC_CREAT | IPC_EXCL)), "EEXIST");
  using mine = a.xp.shmat(id);
  using theirs = b.xp.shmat(id);
  assertEquals(theirs.read(), new Uint8Array(10));
  mine.update(3, bytes(1, 2, 3));
  assertEquals(theirs.read(2, 5), bytes(0, 1, 2, 3, 0));
  theirs.update(9, bytes(9));
  assertEquals(mine.read(8, 2), bytes(0, 9));
  assertEquals(mine.updates, 2n);
  for (const [offset, length] of [[0, 11], [-1, 2], [10, 1], [0.5, 1]]) {
    assertThrows(() => mine.read(offset, length), RangeError);
  }
  assertThrows(() => mine.update(8, bytes(1, 2, 3)), RangeError);
  // A private one has no key: each is new.
  assert(a.xp.shmget(IPC_PRIVATE, 8) !== a.xp.shmget(IPC_PRIVATE, 8));
});

Deno.test("XpMemory.view() is the memory itself, and detaches with it", () => {
  using host = new Host();
  const { xp } = host.up(0, 1);
  const id = xp.shmget(xp.ftok(null, 1), 16, IPC_CREAT);
  const memory = xp.shmat(id);
  using other = xp.shmat(id);
  const view = memory.view();
  view[5] = 55;
  memory.flush(5, 1);
  assertEquals(other.read(5, 1), bytes(55));
  assertEquals(other.updates, 1n);
  xp.shmdt(memory);
  xp.shmdt(memory);
  assertEquals(view.length, 0);
  assertThrows(() => memory.read(), TypeError, "detached");
  using reading = xp.shmat(id, null, SHM_RDONLY);
  assertEquals(reading.read(5, 1), bytes(55));
  assertEquals(code(() => reading.update(0, bytes(1))), "EACCES");
});

Deno.test("a removed segment is gone for new users, alive for those who have it", () => {
  using host = new Host();
  const { xp, part } = host.up(0, 1);
  const key = xp.ftok(null, 1);
  const id = xp.shmget(key, 8, IPC_CREAT);
  using memory = xp.shmat(id);
  xp.shmctl(id, IPC_RMID);
  memory.update(0, bytes(7));
  assertEquals(memory.read(0, 1), bytes(7));
  assertEquals(code(() => xp.shmget(key, 8)), "ENOENT");
  assertEquals(code(() => xp.shmat(id)), "EIDRM");
  assertEquals(part.getpart(id), 1);
  const next = xp.shmget(key, 8, IPC_CREAT);
  assert(next !== id);
  memory.close();
  assertEquals(code(() => part.getpart(id)), "EINVAL");
  xp.shmctl(next, IPC_RMID);
  assertEquals(code(() => xp.shmctl(next, IPC_RMID)), "EINVAL");
  assertEquals(code(() => xp.shmctl(id, 99)), "EINVAL");
});

Deno.test("IPC_AUTORMID removes with the last user, set before or after attaching", () => {
  using host = new Host();
  const { xp } = host.up(0, 1);
  const key = xp.ftok(null, 1);
  for (const before of [true, false]) {
    const id = xp.shmget(key, 8, IPC_CREAT | IPC_EXCL);
    if (before) xp.shmctl(id, IPC_AUTORMID);
    const first = xp.shmat(id);
    if (!before) xp.shmctl(id, IPC_AUTORMID);
    assertEquals(xp.shmget(key, 8), id); // it is there as long as it is used
    const second = xp.shmat(id);
    first.close();
    second.update(0, bytes(1));
    assertEquals(xp.shmget(key, 8), id);
    second.close();
    assertEquals(code(() => xp.shmget(key, 8)), "ENOENT");
    assertEquals(code(() => Segment.byId(id)), "EINVAL");
  }
});

Deno.test("what a killed process had is let go, and its half update is ended", async () => {
  using host = new Host();
  const { xp } = host.up(0, 1);
  const key = xp.ftok(null, 1);
  const id = xp.shmget(key, 1 << 20, IPC_CREAT);
  xp.shmctl(id, IPC_AUTORMID);
  await using child = Child.start(`
    import { Xp } from "${moduleUrl("src/partition/xp.ts")}";
    const xp = new Xp({ run: ${JSON.stringify(host.run)} });
    const memory = xp.shmat(${id});
    console.log("attached");
    for (let n = 0;; n++) memory.update(0, new Uint8Array(1 << 20).fill(n));
  `);
  assertEquals(await child.line(), "attached");
  const memory = xp.shmat(id);
  while (memory.updates < 20n) {
    const seen = memory.read();
    assert(seen.every((byte) => byte === seen[0]), "half an update");
  }
  await child.kill();
  memory.update(0, bytes(200)); // whatever state it left the lock in
  assertEquals(memory.read(0, 1), bytes(200));
  memory.close();
  assertEquals(code(() => xp.shmget(key, 1)), "ENOENT");
});

Deno.test("updates of three processes are whole, and none is lost", async () => {
  using host = new Host();
  const { xp } = host.up(0, 1);
  host.up(1, 2);
  host.up(2, 3);
  const id = xp.shmget(xp.ftok(null, 1), 4001, IPC_CREAT);
  using memory = xp.shmat(id);
  const children = [0, 1, 2].map((unit) =>
    Child.start(`
      import { Xp } from "${moduleUrl("src/partition/xp.ts")}";
      const xp = new Xp({ run: ${JSON.stringify(host.run)}, unit: ${unit} });
      using memory = xp.shmat(xp.shmget(xp.ftok("/partition/1", 1), 0));
      for (let n = 0; n < 300; n++) {
        memory.update(1, new Uint8Array(3999).fill(Math.random() * 256));
        const seen = memory.read(1, 3999);
        if (!seen.every((byte) => byte === seen[0])) throw new Error("torn");
      }
      const hash = await crypto.subtle.digest("SHA-256", memory.read());
      console.log("done");
      for await (const _ of Deno.stdin.readable) break;
      const end = await crypto.subtle.digest("SHA-256", memory.read());
      console.log(new Uint8Array(end).toHex());
    `)
  );
  try {
    for (const child of children) assertEquals(await child.line(), "done");
    for (const child of children) await child.say("");
    const own = new Uint8Array(
      await crypto.subtle.digest("SHA-256", memory.read()),
    ).toHex();
    for (const child of children) assertEquals(await child.line(), own);
    assertEquals(memory.updates, 900n);
    assertEquals(memory.broken, 0n);
  } finally {
    for (const child of children) await child[Symbol.asyncDispose]();
  }
});

Deno.test("maxpgs limits the owner's segments, and says so", () => {
  using host = new Host();
  const { xp } = host.up(0, 1, { maxpgs: 3 });
  const other = host.up(1, 2);
  const id = xp.shmget(xp.ftok(null, 1), 8193, IPC_CREAT);
  const key = xp.ftok(null, 2);
  for (const caller of [xp, other.xp]) {
    const error = assertThrows(
      () => caller.shmget(key, 1, IPC_CREAT),
      PartitionLimitError,
    );
    assertEquals(error.limit, "maxpgs");
    assertMatch(error.message, /Partition 1 .*maxpgs = 3/);
  }
  other.xp.shmget(other.xp.ftok(null, 2), 4096 * 4, IPC_CREAT);
  xp.shmctl(id, IPC_RMID);
  xp.shmget(key, 1, IPC_CREAT);
});

Deno.test("part names the partitions that are up, and who owns a segment", () => {
  using host = new Host();
  assertThrows(() => host.up(0, 5).part.gethostname(6), PartitionError, "6");
  const a = host.up(0, 5);
  const b = host.up(1, 2);
  assertEquals(a.part.getid(), 5);
  assertEquals(b.part.getid(), 2);
  assertEquals(a.part.getlist(), [2, 5]);
  assertEquals(a.part.getcount(), 2);
  assertEquals(a.part.gethostname(2), "here");
  const id = a.xp.shmget(a.xp.ftok("/partition/2", 1), 8, IPC_CREAT);
  assertEquals(a.part.getpart(id), 2);
  assertEquals(code(() => a.part.getpart(0x7fff_0000)), "EINVAL");
});

Deno.test("setpmo() places memory before the first shmget, or refuses clearly", () => {
  using host = new Host();
  const { xp, part } = host.up(0, 1);
  const key = xp.ftok(null, 1);
  assertThrows(
    () => part.setpmo(xp.ftok("/partition/2", 1), 0),
    PartitionError,
  );
  assertThrows(() => part.setpmo(key, 64), RangeError);
  const error = assertThrows(() => part.setpmo(key, 63), SegmentError);
  assertMatch(error.message, /node|sandbox/);
  const size = 1 << 16;
  const other = xp.ftok(null, 2);
  for (
    const [key, type, policy] of [
      [xp.ftok(null, 1), "bind", /^bind:0 /],
      [other, "preferred", /^prefer(?: \(many\)|=relative)?:0 /],
    ] as const
  ) {
    try {
      part.setpmo(key, 0, type);
    } catch (error) {
      // No nodes here, or a sandbox: told so.
      assert(error instanceof SegmentError, String(error));
      assertMatch(error.message, /no NUMA nodes|sandbox/);
      reportSkip("setpmo() places memory", error.message);
      return;
    }
    const id = xp.shmget(key, size, IPC_CREAT);
    using memory = xp.shmat(id);
    assertEquals(memory.read(0, 4), new Uint8Array(4));
    assertThrows(() => part.setpmo(key, 0), PartitionError, "already");
    // What the kernel keeps of it: an address, the policy, the file.
    const found = policyOf(id);
    if (found === undefined) {
      reportSkip("the policy of a segment", "the kernel has no numa_maps");
    } else assertMatch(found, policy);
  }
});

/** The policy of an attached segment, as the kernel tells it. */
function policyOf(id: number): string | undefined {
  let maps: string;
  let places: string;
  try {
    maps = Deno.readTextFileSync("/proc/self/maps");
    places = Deno.readTextFileSync("/proc/self/numa_maps");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const mapped = maps.split("\n").find((line) =>
    line.includes("/SYSV") && line.trim().split(/\s+/)[4] === `${id}`
  );
  const address = mapped?.split("-")[0]?.replace(/^0+/, "") ?? "none";
  return places.split("\n").find((line) => line.startsWith(`${address} `))
    ?.slice(address.length + 1);
}

Deno.test("XpMemory.view() without the full ffi permission is refused", async () => {
  using host = new Host();
  const { xp } = host.up(0, 1);
  const id = xp.shmget(xp.ftok(null, 1), 64, IPC_CREAT);
  using memory = xp.shmat(id);
  memory.update(0, bytes(7));
  const code = `
    import { Xp } from ${JSON.stringify(moduleUrl("src/partition/xp.ts"))};
    const xp = new Xp({ run: ${JSON.stringify(host.run)}, unit: 0 });
    using memory = xp.shmat(${id});
    console.log(memory.read(0, 1)[0]);
    try {
      memory.view();
      console.log("seen");
    } catch (error) {
      console.log(error instanceof Deno.errors.NotCapable, error.message);
    }
    memory.update(0, new Uint8Array([8]));
  `;
  const { stdout, stderr } = await runCode(code, [
    `--allow-ffi=${helperPath()}`,
    "--allow-env",
    "--allow-read",
    "--allow-write",
  ]);
  const lines = stdout.split("\n");
  assertEquals([lines[0], lines.length], ["7", 3], stdout + stderr);
  assertMatch(lines[1] ?? "", /^true .*ffi/i);
  assertEquals(memory.read(0, 1), bytes(8)); // all else goes on
});

Deno.test("a caller whose partition is not up is told what to do", () => {
  using host = new Host();
  const { xp } = host.up(0, 1);
  assertEquals(xp.ftok(null, 1) > 0, true);
  const other =
    new (xp.constructor as typeof import("../../src/partition/xp.ts").Xp)(
      { run: host.run, unit: 9 },
    );
  assertThrows(() => other.ftok(null, 1), PartitionError, "ctl startup");
  Deno.chmodSync(host.run, 0o755);
  assertThrows(() => xp.ftok(null, 1), PartitionError, "chmod 700");
  Deno.chmodSync(host.run, 0o700);
});
