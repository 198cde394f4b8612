/** More than two partitions: two that have one number, and a ring. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { Folder, until } from "../_support/cli.ts";
import { Arrivals, pause } from "./_frames.ts";
import { netTest } from "./_hosts.ts";
import { Partition, SHORT_S, Two } from "./_partitions.ts";

netTest("partitions: two with one number: the second is told", async (pair) => {
  await using both = new Two(pair, { timeoutS: SHORT_S });
  const { one, two } = both;
  using streams = new Folder("/tmp");
  await using twin = new Partition(pair.rtc, 2, { port: 7101, streams });
  twin.configure([one]);
  await both.up();
  const before = [one.running(), two.running()];
  await twin.up();
  const { code, err } = await twin.shmim("mount", "1:cam");
  assertEquals(code, 1, err);
  assertMatch(err, /^shmim: [^\n]*partition 2 [^\n]*\n$/i);
  both.arrivals.watch();
  both.camera.run(100);
  await pause(SHORT_S * 1000 + 1000); // longer than anything is forgotten
  await both.settle();
  assertEquals([one.running(), two.running()], before, "not disturbed");
  // The first one goes, and its number is free.
  await two.shutdown();
  await until(
    "its number is free",
    async () => (await twin.shmim("mount", "1:cam")).code === 0,
  );
  const arrivals = new Arrivals("cam", streams.path);
  both.camera.write();
  await arrivals.arrived(both.camera.written, () => twin.log);
  for (const partition of [twin, one]) {
    await partition.shutdown();
    partition.requireNothingLeft();
  }
});

netTest(
  "partitions: one that is another than the configuration says",
  async (pair) => {
    await using both = new Two(pair);
    const { one, two } = both;
    await using other = new Partition(pair.icc, 3);
    other.configure([two]);
    await other.up();
    await other.done("share", "cam");
    await two.up();
    const { code, err } = await two.shmim("mount", "1:cam");
    assertEquals(code, 1);
    assertMatch(err, /^shmim: [^\n]*partition 3[^\n]*\n$/);
    await other.shutdown();
    await two.shutdown();
    void one;
  },
);

netTest("partitions: three in a ring of mounts", async (pair) => {
  await using both = new Two(pair);
  const { one, two, camera } = both;
  using streams = new Folder("/tmp");
  await using three = new Partition(pair.icc, 3, { port: 7101, streams });
  one.configure([two, three]);
  two.configure([one, three]);
  three.configure([one, two]);
  // 1 -> 2 -> 3 -> 1, in the wrong order: who comes first has to wait.
  await Promise.all([one.up(), two.up(), three.up()]);
  await one.done("share", "cam");
  await two.done("mount", "1:cam");
  await both.crosses();
  await two.done("share", "cam");
  await three.done("mount", "2:cam");
  const third = new Arrivals("cam", streams.path);
  await third.arrived(camera.written, () => three.log);
  await three.done("share", "cam");
  const closed = await one.shmim("mount", "3:cam");
  assertEquals(closed.code, 1);
  assertMatch(closed.err, /exists and is another stream: --as/);
  await one.done("mount", "3:cam", "--as", "back");
  const back = new Arrivals("back", one.streams.path);
  await back.arrived(camera.written, () => one.log);
  for (const arrivals of [both.arrivals, third, back]) arrivals.watch();
  camera.run(100);
  await pause(500);
  // A cut in the middle, and a death: what is behind it comes back by itself.
  await pair.rtc.cable("down");
  await pause(1500);
  await two.kill();
  for (const { pid } of two.running()) Deno.kill(pid, "SIGKILL");
  await pair.rtc.cable("up");
  await two.up();
  await pause(1000);
  await camera.rest();
  camera.write();
  for (
    const [arrivals, partition] of [
      [both.arrivals, two],
      [third, three],
      [back, one],
    ] as const
  ) {
    await arrivals.arrived(camera.written, () => partition.log);
    await arrivals.settle();
    using stream = arrivals.open();
    assertEquals(stream.cnt0, camera.stream.cnt0, "cnt0");
  }
  // At rest nothing goes round.
  const before = camera.stream.cnt0;
  await pause(500);
  assertEquals(camera.stream.cnt0, before);
  for (const partition of [two, three, one]) {
    await partition.shutdown();
    partition.requireNothingLeft();
  }
});

netTest("partitions: a ring cannot be closed on itself", async (pair) => {
  await using both = new Two(pair);
  const { one, two, camera } = both;
  await both.up();
  await two.done("share", "cam");
  // The camera's file goes, its share stays: its name is free for a mount.
  Deno.removeSync(one.streams.stream("cam"));
  const { code, err } = await one.shmim("mount", "2:cam");
  assertEquals(code, 1, err);
  assertMatch(err, /^shmim: [^\n]*\n$/);
  assert(!one.streams.names().includes("cam.im.shm"));
  Stream.create("cam", {
    dir: one.streams.path,
    size: [50, 50],
    type: "u32",
  }).close();
  camera.recreate([50, 50]);
  await both.crosses();
  await both.end();
});
