/** What happens to daemons of two hosts: they come late, go, die, change. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../_support/cli.ts";
import { pause } from "./_frames.ts";
import { netTest } from "./_hosts.ts";
import { SHORT_S, Two } from "./_partitions.ts";

netTest(
  "partitions: one that comes late, goes down for maintenance and comes back",
  async (pair) => {
    await using both = new Two(pair);
    const { one, two } = both;
    one.configure([two], ['[[share]]\nstream = "cam"\nwith = [2]']);
    two.configure([one], ['[[mount]]\npartition = 1\nstream = "cam"']);
    await two.up();
    await two.mount("waiting", /Cannot reach partition 1 at 192\.168\.2\.3/);
    await one.up();
    await both.crosses();
    await two.mount("received");
    const { code, err } = await one.shmim("ctl", "shutdown");
    assertEquals(code, 1);
    assertMatch(err, /partition 2 at 192\.168\.2\.2 receives "cam"; --force/);
    both.arrivals.watch();
    const reader = both.arrivals.open();
    try {
      await one.shutdown();
      assertEquals(one.running(), []);
      await two.mount("waiting", /Cannot reach partition 1/);
      await one.up();
      await both.crosses();
      await two.mount("received");
      assertEquals(reader.presence(), "same", "readers went on");
    } finally {
      reader.close();
    }
    await both.settle();
    await both.end();
  },
);

netTest(
  "partitions: both daemons killed at once; frames go on, the next adopt",
  async (pair) => {
    await using both = new Two(pair);
    const { one, two } = both;
    await both.up();
    both.arrivals.watch();
    both.camera.run(200);
    const before = [one.running(), two.running()];
    assertEquals(before.map((pumps) => pumps.length), [1, 1]);
    await Promise.all([one.kill(), two.kill()]);
    const without = both.camera.written;
    await pause(1000);
    await both.arrivals.arrived(without + 1, () => "without daemons");
    await Promise.all([one.up(), two.up()]);
    await two.mount("received");
    await pause(2500); // longer than it takes to ask, and to be asked
    assertEquals([one.running(), two.running()], before);
    await both.settle();

    // Adopted pumps that are dead: while nobody looks, and while one does.
    for (const nobodyLooks of [true, false]) {
      if (nobodyLooks) await Promise.all([one.kill(), two.kill()]);
      const dead = [...one.pumps(), ...two.pumps()];
      for (const { pid } of dead) Deno.kill(pid, "SIGKILL");
      if (nobodyLooks) await Promise.all([one.up(), two.up()]);
      both.arrivals.watch();
      await both.crosses();
      await both.settle();
      const pids = [...one.running(), ...two.running()].map(({ pid }) => pid);
      assertEquals(pids.length, 2);
      assert(dead.every(({ pid }) => !pids.includes(pid)));
    }
    await both.end();
    // The next daemon of one that was shut down has nothing to adopt.
    await one.up();
    assertEquals(one.pumps(), []);
    await one.shutdown();
  },
);

netTest(
  "partitions: one whose daemon stays dead is let go, its own mount goes on",
  async (pair) => {
    await using both = new Two(pair, { timeoutS: SHORT_S });
    const { one, two } = both;
    await both.up();
    await two.kill();
    await one.says(/partition 2 was silent for 3 s/);
    await until("the end of its transmitter", () => one.running().length === 0);
    assertEquals(two.running().length, 1, "its receiver waits");
    await two.up();
    await both.crosses();
    both.requireCounted();
    await both.end();
  },
);
