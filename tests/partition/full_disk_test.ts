/** A list of segments that cannot be written leaves no segment behind. */

import { assertEquals, assertThrows } from "@std/assert";
import { IPC_CREAT } from "../../src/partition/xp.ts";
import { listSegments } from "../../src/sysv/info.ts";

import { until } from "../_support/cli.ts";
import { Host } from "./_support.ts";
import { Sites } from "./_site.ts";

/** No other test of this process makes segments as large. */
const BYTES = 7_654_321;

/** Segments of the size that a process made. */
function madeBy(pid: number): number {
  return listSegments().filter(({ creatorPid, size, removed }) =>
    creatorPid === pid && !removed && size >= BYTES
  ).length;
}

/** While it is there a process cannot write the list: as on a full disk. */
function full(run: string, pid: number): Disposable {
  const path = `${run}/segments.json.${pid}.tmp`;
  Deno.mkdirSync(`${path}/x`, { recursive: true });
  return {
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

Deno.test("Xp: no segment is left that nobody knows of, and none attached", () => {
  using host = new Host();
  const { xp } = host.up(0, 1);
  const before = madeBy(Deno.pid);
  const key = xp.ftok(null, 1);
  {
    using _ = full(host.run, Deno.pid);
    assertThrows(() => xp.shmget(key, BYTES, IPC_CREAT));
    assertEquals(madeBy(Deno.pid), before);
  }
  const id = xp.shmget(key, BYTES, IPC_CREAT);
  {
    using _ = full(host.run, Deno.pid);
    assertThrows(() => xp.shmat(id));
  }
  const found = listSegments().find(({ shmid }) => shmid === id);
  assertEquals(found?.attached, 0);
  using memory = xp.shmat(id);
  memory.update(0, new Uint8Array([1]));
});

Deno.test("a copy that cannot be written down is not made, and made once later", async () => {
  await using sites = new Sites(2);
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  const key = one.xp.ftok(null, 1);
  one.xp.shmget(key, BYTES, IPC_CREAT);
  await using program = two.program();
  // What carries is there before the disk is full.
  assertEquals(await program.says(`xp.shmget(${key + 1}, 8)`), {
    error: `No segment has the key ${key + 1} (ENOENT)`,
    name: "SegmentError",
    code: "ENOENT",
  });
  const [ferry] = two.duties();
  const pid = ferry?.pid ?? 0;
  {
    using _ = full(two.run, pid);
    await program.begin(`return xp.shmget(${key}, ${BYTES})`);
    await two.daemon?.says(/segments\.json/);
    await until("none is left", () => madeBy(pid) === 0);
  }
  assertEquals(typeof (await program.end()).value, "number");
  assertEquals(two.duties().map((one) => one.pid), [pid]);
  assertEquals(madeBy(pid), 1);
});
