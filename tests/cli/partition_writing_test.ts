/** Mounts for writing between hosts, and mounts that would lead in a circle. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { json, until } from "../_support/cli.ts";
import { camera, crosses, frame, Site } from "./_partition_site.ts";
import { freePort } from "../_support/ports.ts";

/** An owner and two that have it for a peer. */
function three(): [Site, Site, Site] {
  const ports = [freePort(), freePort(), freePort()];
  const peer = (partition: number): { partition: number; port: number } => ({
    partition,
    port: ports[partition - 1] ?? 0,
  });
  return [
    new Site(1, peer(1).port, [peer(2), peer(3)]),
    new Site(2, peer(2).port, [peer(1), peer(3)]),
    new Site(3, peer(3).port, [peer(1), peer(2)]),
  ];
}

Deno.test("what a mount for writing gets reaches the owner's stream, where he allows it", async () => {
  const [one, two, other] = three();
  await using _one = one;
  await using _two = two;
  await using _other = other;
  using mirror = camera(one, "dm");
  for (let i = 1; i <= 5; i++) mirror.write(frame(i));
  const daemon = await one.up();
  await two.up();
  await other.up();
  await one.done("share", "dm");
  const refused = await two.shmim("mount", "1:dm", "--write");
  assertEquals(refused.code, 1);
  assertMatch(
    refused.err,
    /shares "dm" for reading only: there, "shmim share dm --write" allows/,
  );
  await one.done("share", "dm", "--write");
  await two.done("mount", "1:dm", "--write");
  await two.mounted("dm", "sent");
  {
    using near = Stream.open("dm", { dir: two.dir });
    // Shaped like the owner's, counting on from it, and nothing sent yet.
    assertEquals([near.size, near.type, near.cnt0], [[4, 3], "u16", 5n]);
    assertEquals([mirror.cnt0, mirror.read().pixels[3]], [5n, 5]);
    near.write(frame(6));
    await until("it has come", () => mirror.cnt0 === 6n);
    assertEquals(mirror.read().pixels[3], 6);
    await until(
      "one frame was sent, and no empty one before",
      async () =>
        /_frames_total\{[^}]*direction="transmit",of="mount"\} 1$/m.test(
          await two.done("ctl", "metrics"),
        ),
    );

    // One writer at a time; for reading there may be many.
    const second = await other.shmim("mount", "1:dm", "--write");
    assertMatch(second.err, /"dm" of partition 1 is written by partition 2/);
    await other.done("mount", "1:dm", "--as", "seen");
    await until("it is seen", () => {
      try {
        using seen = Stream.open("seen", { dir: other.dir, writable: false });
        return seen.read().pixels[3] === 6;
      } catch {
        return false;
      }
    });
    const { shares } = json(await one.done("shares", "--json"));
    assertEquals([shares[0].writer, shares[0].mountedBy.toSorted()], [2, [
      2,
      3,
    ]]);
    const busy = await one.shmim("ctl", "shutdown");
    assertMatch(busy.err, /partition 2 writes "dm"/);

    // Both daemons die: frames go on, and nothing comes back to the writer.
    await Promise.all([one.crash(), two.crash()]);
    near.write(frame(7));
    await until("it has come", () => mirror.cnt0 === 7n);
    assertEquals(near.cnt0, 7n);
    const before = [one.duties(), two.duties()];
    await one.up();
    await two.up();
    await two.mounted("dm", "sent");
    near.write(frame(8));
    await until("it has come", () => mirror.read().pixels[0] === 8);
    assertEquals([one.duties(), two.duties()], before);
    assertEquals([near.cnt0, mirror.cnt0], [8n, 8n]);

    // The owner changes its mind.
    await one.done("share", "dm");
    await two.mounted("dm", /^waiting: .*for reading only/);
    near.write(frame(9));
    await until(
      "no writer",
      async () =>
        json(await one.done("shares", "--json")).shares[0].writer === null,
    );
    assertEquals(mirror.read().pixels[0], 8);
    await one.done("share", "dm", "--write");
    await two.mounted("dm", "sent");
    await until("the newest", () => mirror.read().pixels[0] === 9);
  }
  // The next writer comes as soon as this one has gone, and zeroes nothing.
  await two.done("umount", "dm");
  assertEquals([...Deno.readDirSync(two.dir)], []);
  await until(
    "its place is free",
    async () => (await other.shmim("mount", "1:dm", "--write")).code === 0,
  );
  await other.mounted("dm", "sent");
  using last = Stream.open("dm", { dir: other.dir });
  assertEquals(mirror.read().pixels[0], 9);
  last.write(frame(10));
  await until("it has come", () => mirror.read().pixels[0] === 10);
  assertEquals(mirror.cnt0, 10n);
  assert(daemon.err.includes('partition 2 writes "dm"'), daemon.err);
});

Deno.test("a ring of mounts that lead to no owner is refused, and named", async () => {
  const ports = [freePort(), freePort(), freePort()];
  const site = (partition: number, from: number): Site =>
    new Site(
      partition,
      ports[partition - 1] ?? 0,
      [1, 2, 3].filter((one) => one !== partition)
        .map((one) => ({ partition: one, port: ports[one - 1] ?? 0 })),
      {
        tail: '[[share]]\nstream = "cam"\n' +
          `[[mount]]\npartition = ${from}\nstream = "cam"\n`,
      },
    );
  await using one = site(1, 3);
  await using two = site(2, 1);
  await using other = site(3, 2);
  const sites = [one, two, other];
  using left = camera(two); // of an earlier time: frames could go round
  await Promise.all(sites.map((one) => one.up()));
  for (const one of sites) {
    await one.mounted(
      "cam",
      /^waiting: These mounts lead in a circle: (\d:cam <- ){2,3}\d:cam$/,
    );
  }
  left.write(frame(3));
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertEquals(left.cnt0, 1n);
  // One of them goes, and the others lead to it.
  await two.done("umount", "cam");
  Deno.removeSync(`${two.dir}/cam.im.shm`); // it was there before the mount
  using real = camera(two);
  await crosses(real, other, "cam", 4);
  await crosses(real, one, "cam", 5);
});
