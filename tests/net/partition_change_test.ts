/** Daemons that come back with another configuration. */

import { assertEquals } from "@std/assert";
import { until } from "../_support/cli.ts";
import { must, netTest } from "./_hosts.ts";
import { MOUNT, SHARE, Two } from "./_partitions.ts";

netTest(
  "partitions: one comes back at another port, and without what it shared",
  async (pair) => {
    await using both = new Two(pair);
    const { one, two } = both;
    await both.configured();
    await one.kill();
    one.port = 7101;
    one.configure([two], [SHARE]);
    await one.up();
    await two.mount("waiting", /Cannot reach partition 1 at [\d.]+:7100/);
    await two.kill();
    two.configure([one], [MOUNT]);
    await two.up();
    await both.crosses();
    both.requireCounted();
    await one.kill();
    one.configure([two]);
    await one.up();
    await two.mount("waiting", /shares no "cam"/);
    await until("nothing is sent", () => one.running().length === 0);
    await both.end();
  },
);

netTest(
  "partitions: one comes back with other mounts, and without its peer",
  async (pair) => {
    await using both = new Two(pair);
    const { one, two } = both;
    await both.configured();
    await two.kill();
    two.configure([one], [`${MOUNT}\nas = "other"`]);
    await two.up();
    await until("the other name", async () => {
      const [mount, more] = await two.mounts();
      return mount?.path === two.streams.stream("other") &&
        mount.state === "received" && more === undefined;
    });
    assertEquals(both.arrivals.number, undefined, "the old copy is gone");
    assertEquals(two.running().length, 1);
    await two.kill();
    two.configure([]);
    await two.up();
    assertEquals([await two.mounts(), two.pumps()], [[], []]);
    const left = (): string[] =>
      two.streams.names().filter((name) => name.endsWith(".shm"));
    await until(() => `no copy but ${left()}`, () => left().length === 0);
    // What is mounted by hand stays when its peer is no longer known.
    await two.kill();
    two.configure([one]);
    await two.up();
    await two.done("mount", "1:cam");
    await both.crosses();
    await two.kill();
    two.configure([]);
    await two.up();
    await two.mount("waiting", /partition 1/);
    await until("nothing is received", () => two.running().length === 0);
    await two.done("umount", "cam");
    assertEquals(both.arrivals.number, undefined, "the copy is gone");
    await both.end();
  },
);

netTest(
  "partitions: one comes back at another address of its host",
  async (pair) => {
    await using both = new Two(pair);
    const { one, two } = both;
    await both.up();
    const address = async (what: string, which: string): Promise<void> => {
      const { name } = pair.rtc;
      const words = ["addr", what, `${which}/24`, "dev", "eth0"];
      await must("ip", "-n", name, ...words);
    };
    await Promise.all([one.kill(), two.kill()]);
    await address("del", "192.168.2.2");
    await address("add", "192.168.2.22");
    two.address = "192.168.2.22";
    one.configure([two]);
    two.configure([one]);
    await Promise.all([one.up(), two.up()]);
    await both.crosses();
    await two.mount("received");
    both.requireCounted();
    assertEquals([one.running().length, two.running().length], [1, 1]);
    await both.end();
  },
);
