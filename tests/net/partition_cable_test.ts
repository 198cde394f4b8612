/** The cable between two partitions is pulled, at the worst moments. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Folder, until } from "../_support/cli.ts";
import { Arrivals, pause, Source } from "./_frames.ts";
import { type NetPair, netTest } from "./_hosts.ts";
import { Partition, SHORT_S, Two } from "./_partitions.ts";

/** Ways to cut a line: the link goes, or packets vanish without a word. */
const CUTS = [
  {
    how: "link down",
    cut: (pair: NetPair) => pair.rtc.cable("down"),
    mend: (pair: NetPair) => pair.rtc.cable("up"),
  },
  {
    how: "packets vanish",
    cut: (pair: NetPair) => pair.icc.loseAll(),
    mend: (pair: NetPair) => pair.icc.loseNothing(),
  },
] as const;

for (const { how, cut, mend } of CUTS) {
  netTest(`partitions: the line is cut and mended: ${how}`, async (pair) => {
    await using both = new Two(pair, { timeoutS: SHORT_S });
    const { one, two } = both;
    await both.up();
    both.arrivals.watch();
    both.camera.run(100);
    await cut(pair);
    await two.mount("waiting", /Cannot reach partition 1/);
    await one.says(/partition 2 was silent for 3 s/);
    await mend(pair);
    await two.mount("received");
    await both.settle();
    await both.end();
  });

  netTest(`partitions: the line is cut during set-up: ${how}`, async (pair) => {
    await using both = new Two(pair, { timeoutS: SHORT_S });
    const { one, two } = both;
    await Promise.all([one.up(), two.up()]);
    await one.done("share", "cam");
    // From before the owner is asked until both processes stand.
    for (const ms of [0, 250, 450, 700, 1000]) {
      const mounting = two.shmim("mount", "1:cam");
      await pause(ms);
      await cut(pair);
      const { code, err } = await mounting;
      if (code !== 0) {
        assertMatch(err, /^shmim: [^\n]*Cannot reach partition 1[^\n]*\n$/);
        assertEquals(await two.mounts(), [], "a mount that failed is none");
      }
      await mend(pair);
      if (code !== 0) await two.done("mount", "1:cam");
      await both.crosses();
      await two.mount("received");
      both.requireCounted();
      await until(
        "one process at each end",
        () => one.running().length === 1 && two.running().length === 1,
      );
      await two.done("umount", "cam");
      assertEquals(both.arrivals.number, undefined, "the copy is gone");
      await until("nothing is sent", () => one.running().length === 0);
    }
    await both.end();
  });

  netTest(
    `partitions: the line is cut during tear-down: ${how}`,
    async (pair) => {
      await using both = new Two(pair, { timeoutS: SHORT_S });
      const { one, two } = both;
      await both.up();
      await cut(pair);
      await two.done("umount", "cam");
      assertEquals([two.running(), await two.mounts()], [[], []]);
      assertEquals(both.arrivals.number, undefined, "the copy is gone");
      await one.says(/partition 2 was silent for 3 s/);
      await until("nothing is sent", () => one.running().length === 0);
      await mend(pair);
      await two.done("mount", "1:cam");
      await both.crosses();
      // The owner takes it back, and neither end can tell the other.
      await cut(pair);
      await one.done("unshare", "cam");
      await until("nothing is sent", () => one.running().length === 0);
      await mend(pair);
      await two.mount("waiting", /shares no "cam"/);
      await one.done("share", "cam");
      await both.crosses();
      await two.mount("received");
      // Both go down, and neither can tell the other.
      await cut(pair);
      await both.end();
      assert((await pair.rtc.processes()).length === 0);
      await mend(pair);
    },
  );
}

netTest(
  "partitions: one that does not answer holds no other one up",
  async (pair) => {
    await using both = new Two(pair, { timeoutS: SHORT_S });
    const { one, two } = both;
    using streams = new Folder("/tmp");
    await using three = new Partition(pair.icc, 3, {
      ...{ port: 7101, streams },
      timeoutS: SHORT_S,
    });
    using other = new Source("other", streams.path, [4, 4]);
    two.configure([one, three]);
    three.configure([two]);
    await Promise.all([one.up(), two.up(), three.up()]);
    await three.done("share", "other");
    await two.done("mount", "3:other");
    await one.done("share", "cam");
    await two.done("mount", "1:cam");
    await both.crosses();
    other.write();
    await new Arrivals("other", two.streams.path)
      .arrived(other.written, () => two.log);
    const before = one.running();
    await pair.icc.losePort(three.port);
    await two.says(/other\.im\.shm" waits: Cannot reach partition 3/);
    await pause(SHORT_S * 1000 + 2000); // each call takes that long
    assertEquals(one.running(), before);
    assert(!one.log.includes("was silent"), one.log);
    await both.crosses();
    await pair.icc.loseNothing();
    for (const partition of [two, three, one]) await partition.shutdown();
  },
);
