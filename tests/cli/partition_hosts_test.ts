/**
 * Mounts between hosts: daemons that know of each other by their addresses
 * only, here of loopback.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { MAGIC } from "../../src/bridge/handshake.ts";
import { Stream } from "../../src/stream/stream.ts";
import { endProcess } from "../../ffi/process.ts";
import { camera, crosses, pair, Site } from "./_partition_site.ts";
import { command as receive } from "../../src/commands/receive.ts";
import { Folder, json, until } from "../_support/cli.ts";

/** Whether streams can cross by our own wire, which keys take. */
const KEYED = receive.options.some(({ name }) => name === "key");

Deno.test("a stream of another host is found by name, and survives both daemons", async () => {
  const [one, two] = pair();
  await using _one = one;
  await using _two = two;
  using cam = camera(one);
  const daemon = await one.up();
  await daemon.says(/without a key only this host may/);
  await two.up();
  const early = await two.shmim("mount", "1:cam");
  assertEquals(early.code, 1);
  assertMatch(early.err, /shares no "cam"/);
  await one.done("share", "cam", "--with", "2");
  await two.done("mount", "1:cam", "--as", "far");
  await crosses(cam, two, "far", 1);
  assertEquals(one.pumps().map(({ kind }) => kind), ["transmit"]);
  assertEquals(two.pumps().map(({ kind }) => kind), ["receive"]);
  const busy = await one.shmim("ctl", "shutdown");
  assertMatch(busy.err, /partition 2 at 127\.0\.0\.1 receives "cam"/);

  // Both at once: frames go on, and the next daemons take over the pumps.
  const before = [one.pumps(), two.pumps()];
  await Promise.all([one.crash(), two.crash()]);
  await crosses(cam, two, "far", 2);
  await one.up();
  await two.up();
  await until(
    "the mount is up",
    async () =>
      json(await two.done("shares", "--json")).mounts[0].state === "received",
  );
  await crosses(cam, two, "far", 3);
  assertEquals([one.pumps(), two.pumps()], before);

  // What dies is started again, and the stream goes on under its readers.
  using far = Stream.open("far", { dir: two.dir });
  for (const { pid, startNs } of [...one.pumps(), ...two.pumps()]) {
    endProcess(pid, BigInt(startNs));
  }
  await crosses(cam, two, "far", 4);
  assertEquals(far.presence(), "same");
  assertEquals(far.read().pixels[0], 4);

  await two.done("umount", "far");
  assertEquals([...Deno.readDirSync(two.dir)], []);
  await until(
    "the owner sees that nobody asks",
    () => one.pumps().length === 0,
  );
  await one.done("ctl", "shutdown");
});

Deno.test("a partition that dies is let go after the timeout, and comes back", async () => {
  const [one, two] = pair({ timeoutS: 3 });
  await using _one = one;
  await using _two = two;
  using cam = camera(one);
  const daemon = await one.up();
  await two.up();
  await one.done("share", "cam");
  await two.done("mount", "1:cam");
  await crosses(cam, two, "cam", 1);
  await two.crash();
  await daemon.says(/partition 2 was silent for 3 s/);
  assertEquals(one.pumps(), []);
  await two.up();
  await crosses(cam, two, "cam", 2);
  await one.crash(); // now the owner
  await until(
    "the loss is told",
    async () =>
      /waiting: Cannot reach partition 1/.test(await two.done("shares")),
  );
  await one.up();
  await until(
    "it is back",
    async () =>
      json(await two.done("shares", "--json")).mounts[0].state === "received",
  );
  await crosses(cam, two, "cam", 3);
  // Who goes down in order leaves: the owner has not to wait for `timeout`.
  await two.done("ctl", "shutdown");
  await one.done("ctl", "shutdown");
  assertEquals([one.duties(), two.duties()], [[], []]);
  assertEquals([...Deno.readDirSync(two.dir)], []);
});

Deno.test("who has not the key learns the versions only, and holds nothing up", async () => {
  using keys = new Folder();
  const file = keys.file("key");
  Deno.writeTextFileSync(file, "a key of more than 16 bytes\n", {
    mode: 0o600,
  });
  const [one, two] = pair({ head: `key = "${file}"\n` });
  await using _one = one;
  await using _two = two;
  const daemon = await one.up();
  assert(!daemon.err.includes("without a key"), daemon.err);
  const hello = new Uint8Array(48);
  hello.set(MAGIC);
  new DataView(hello.buffer).setUint16(8, 1, true);
  new DataView(hello.buffer).setUint16(10, 1, true);
  hello[12] = 1;
  hello[13] = 1;
  hello[14] = 2;
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: one.port,
  });
  await connection.write(hello);
  await connection.write(new Uint8Array(32)); // no proof of anything
  let got = 0;
  const into = new Uint8Array(1000);
  for (;;) {
    const n = await connection.read(into).catch(() => null);
    if (n === null) break;
    got += n;
  }
  connection.close();
  assertEquals(got, 48); // versions and a nonce
  await daemon.says(/turned a peer away: its key is not ours/);
  // A crowd that says nothing takes no more than its places for 5 s.
  const crowd = await Promise.all(
    Array.from(
      { length: 100 },
      () => Deno.connect({ hostname: "127.0.0.1", port: one.port }),
    ),
  );
  using cam = camera(one);
  await one.done("share", "cam");
  await two.up();
  for (const one of crowd) one.close();
  if (!KEYED) return;
  await until(
    "it is mounted",
    async () => (await two.shmim("mount", "1:cam")).code === 0,
  );
  await crosses(cam, two, "cam", 5);
});

Deno.test("an address that other hosts reach takes a key", async () => {
  await using site = new Site(1, 1, []);
  Deno.writeTextFileSync(site.config, 'listen = "0.0.0.0:7100"\n');
  const { code, err } = await site.shmim("daemon", "--config", site.config);
  assertEquals(code, 2);
  assertMatch(err, /takes a "key"; without one only 127\.0\.0\.1/);
});
