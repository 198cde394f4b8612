/** Segments between hosts while lines, processes and hosts are lost. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { IPC_AUTORMID, IPC_CREAT, IPC_RMID } from "../../src/partition/xp.ts";
import { Segment } from "../../src/sysv/segment.ts";
import { until } from "../_support/cli.ts";
import { type Program, type Site, Sites } from "./_site.ts";

const attach = (partition: number, size: number): string => `
  own.id = xp.shmget(xp.ftok("/partition/${partition}", 1), ${size},
    ${IPC_CREAT});
  own.memory = xp.shmat(own.id);
`;

async function same(a: Program, b: Program): Promise<void> {
  await until(
    "both have the same updates",
    async () =>
      await a.does("return own.memory.updates") ===
        await b.does("return own.memory.updates"),
  );
  assertEquals(
    await a.does("return own.memory.read().toBase64()"),
    await b.does("return own.memory.read().toBase64()"),
  );
}

/** Kills what carries segments at a host, and waits for the next one. */
async function killFerry(site: Site): Promise<void> {
  const before = site.duties().map(({ pid }) => pid);
  site.killDuties();
  await until("the next one", () => {
    const now = site.duties();
    return now.length > 0 && now.every(({ pid }) => !before.includes(pid));
  });
}

Deno.test("whatever dies meanwhile, every update is made once", async () => {
  await using sites = new Sites(2, { timeoutS: 20 });
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  await using a = one.program();
  await using b = two.program();
  await a.does(attach(1, 70_000));
  await b.does(attach(1, 70_000));
  const stop = one.folder.file("stop");
  const go = (program: Program, most: number): Promise<void> =>
    program.begin(`
      const stopped = () => {
        try {
          return Deno.statSync(${JSON.stringify(stop)}).isFile;
        } catch {
          return false;
        }
      };
      let made = 0;
      for (; made < 50 || !stopped(); made++) {
        own.memory.update(made % ${most}, new Uint8Array(1 + made % 3000)
          .fill(made));
        const until = performance.now() + 2;
        while (performance.now() < until);
      }
      return made;
    `);
  await go(a, 5000);
  await go(b, 7000);
  await killFerry(two); // the end of the copy
  await killFerry(one); // the owner's
  const before = [...one.duties(), ...two.duties()];
  await Promise.all([one.crash(), two.crash()]); // daemons: nobody notices
  await one.up();
  await two.up();
  assertEquals([...one.duties(), ...two.duties()], before);
  one.killDuties(); // both ends at once
  two.killDuties();
  Deno.writeTextFileSync(stop, "");
  const made = [await a.end(), await b.end()].map((said) => {
    assertEquals(said.error, undefined);
    return Number(said.value);
  });
  const [own = 0, far = 0] = made;
  assertEquals(await a.does("return own.memory.updates"), own + far);
  assertEquals(await a.does("return own.memory.broken"), 0);
  await same(a, b);
});

Deno.test("an update without a line waits, or fails and was not made", async () => {
  await using sites = new Sites(2, { timeoutS: 20 });
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  await using a = one.program();
  await using b = two.program();
  const patience = async (seconds: number): Promise<void> => {
    await two.done("ctl", "timeout", `${seconds}`);
    await b.does("own.memory.close(); own.memory = xp.shmat(own.id);");
  };
  await a.does(attach(1, 100));
  await b.does(attach(1, 100));
  await b.does("own.memory.update(0, new Uint8Array([1]))");
  await patience(3);
  // The owner's host is away for longer than the timeout.
  await one.die();
  const late = await b.says("own.memory.update(1, new Uint8Array([2]))");
  assertMatch(
    late.error ?? "",
    /^Cannot (update|say whether the update of) segment \d+ of partition 1.*(was not made|not be sent again)$/,
  );
  assertEquals(await b.does("return own.memory.read(0, 1)[0]"), 1);
  const gone = await b.says(`return xp.shmget(xp.ftok("/partition/1", 9), 1)`);
  assertMatch(gone.error ?? "", /Partition 1 does not answer within 3 s/);
  assertEquals(await b.does("return part.getlist()"), [2]);
  assertEquals((await two.shmim("ctl", "diag")).code, 1);
  await a.does("own.memory.update(2, new Uint8Array([3]))"); // on its own
  await one.up();
  await two.line(1);
  await same(a, b);
  assertEquals(
    await b.does("return [...own.memory.read(0, 3)]"),
    [1, 0, 3],
  );
  // One that is made while the line is away for a moment waits for it.
  await patience(20);
  one.killDuties();
  await b.does("own.memory.update(3, new Uint8Array([4]))");
  await same(a, b);
  assertEquals(await a.does("return own.memory.updates"), 3);
});

Deno.test("a segment is removed for new users, and stays for those who have it", async () => {
  await using sites = new Sites(2);
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  await using a = one.program();
  await using b = two.program();
  await a.does(attach(1, 100));
  await b.does(attach(1, 100));
  const shmid: number = await a.does("return own.id");
  await b.does(`xp.shmctl(own.id, ${IPC_RMID})`); // by the other host
  for (const program of [a, b]) {
    const { code } = await program.says(
      `return xp.shmget(xp.ftok("/partition/1", 1), 100)`,
    );
    assertEquals(code, "ENOENT");
    assertEquals((await program.says("xp.shmat(own.id)")).code, "EIDRM");
  }
  await b.does("own.memory.update(0, new Uint8Array([5]))");
  assertEquals(await a.does("return own.memory.read(0, 1)[0]"), 5);
  await a.does("own.memory.close()");
  await b.does("own.memory.update(1, new Uint8Array([6]))"); // it has it still
  assertEquals(Segment.byId(shmid).stat().shmid, shmid);
  // The key leads to another one from now on.
  await a.does(`own.next = xp.shmat(xp.shmget(xp.ftok(null, 1), 100,
    ${IPC_CREAT})); own.next.update(0, new Uint8Array([9]));`);
  const next = await b.does(`
    const next = xp.shmat(xp.shmget(xp.ftok("/partition/1", 1), 100));
    return [next.read(0, 1)[0], own.memory.read(0, 2).join()];
  `);
  assertEquals(next, [9, "5,6"]);
  await b.does("own.memory.close()");
  await until("it goes with its last user", () => {
    try {
      Segment.byId(shmid);
      return false;
    } catch {
      return true;
    }
  });
});

Deno.test("IPC_AUTORMID: a segment goes with its last user, on whichever host", async () => {
  await using sites = new Sites(2, { timeoutS: 20 });
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  const key = one.xp.ftok(null, 1);
  const is = (): boolean => {
    try {
      one.xp.shmget(key, 0);
      return true;
    } catch {
      return false;
    }
  };
  // Its last user detaches.
  await using a = one.program();
  await a.does(attach(1, 100) + `xp.shmctl(own.id, ${IPC_AUTORMID});`);
  const b = two.program();
  await using _b = b;
  await b.does(attach(1, 100));
  await a.does("own.memory.close()");
  await b.does("own.memory.update(0, new Uint8Array([5]))");
  assert(is());
  await b.does("own.memory.close()");
  await until("it is gone", () => !is());
  await until(
    "the copy goes, too",
    async () => (await b.says("xp.shmat(own.id)")).code === "EINVAL",
  );
  // Its last user is killed.
  await b.does(attach(1, 100) + `xp.shmctl(own.id, ${IPC_AUTORMID});`);
  assert(is());
  await b.kill();
  await until("it is gone", () => !is());
  // The last user's host dies, and comes back later.
  await using c = two.program();
  await c.does(attach(1, 100) + `xp.shmctl(own.id, ${IPC_AUTORMID});`);
  await c.does("own.memory.update(0, new Uint8Array([7]))");
  const daemon = one.daemon;
  await one.done("ctl", "timeout", "3");
  await two.die();
  assert(is(), "not before the timeout");
  await daemon?.says(/partition 2 was silent for 3 s: it no longer has 1 seg/);
  await until("it is gone", () => !is());
  await two.up();
  await until(
    "the copy is told",
    async () => await c.does("return own.memory.kind") === "orphan",
  );
  assertEquals(await c.does("return own.memory.read(0, 1)[0]"), 7);
  const { code } = await c.says("own.memory.update(0, new Uint8Array(1))");
  assertEquals(code, "EIDRM");
});

Deno.test("a partition that is shut down takes its segments from the others", async () => {
  await using sites = new Sites(2);
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  await using b = two.program();
  await b.does(attach(1, 100));
  await b.does("own.memory.update(0, new Uint8Array([5]))");
  await one.done("ctl", "shutdown", "--force");
  await until(
    "the copy is told",
    async () => await b.does("return own.memory.kind") === "orphan",
  );
  assertEquals(await b.does("return own.memory.read(0, 1)[0]"), 5);
  await b.does("own.memory.close()");
  assertMatch(await two.done("ctl", "shutdown"), /is shut down/);
  assertEquals(two.duties(), []);
});
