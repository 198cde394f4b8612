/** What daemons are asked while they do something else. */

import "../_support/load.ts";
import { assertEquals } from "@std/assert";
import { ask } from "../../src/partition/control.ts";
import { Daemon } from "../../src/partition/daemon.ts";
import { Stream } from "../../src/stream/stream.ts";
import { camera } from "../cli/_partition_site.ts";
import { Folder, json, until } from "../_support/cli.ts";
import { Sites } from "./_site.ts";

Deno.test("two mounts that ask for one name at once: one of them has it", async () => {
  await using sites = new Sites(2);
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  for (const name of ["a", "b"]) {
    camera(one, name).close();
    await one.done("share", name);
  }
  const asked = await Promise.allSettled(
    ["a", "b"].map((stream) =>
      ask(two.run, 0, {
        do: "mount",
        partition: 1,
        stream,
        as: "cam",
        write: false,
      })
    ),
  );
  assertEquals(asked.map(({ status }) => status).sort(), [
    "fulfilled",
    "rejected",
  ]);
  const { mounts } = json(await two.done("shares", "--json"));
  assertEquals(mounts.length, 1);
});

// The last one: the peer that says nothing is still being asked when the test is over.
const options = { sanitizeOps: false, sanitizeResources: false };
Deno.test(
  "while a partition goes down nothing that it mounts is set up again",
  options,
  async () => {
    using folder = new Folder();
    const run = folder.file("run");
    const dirs = [folder.file("one"), folder.file("two")] as const;
    for (const dir of dirs) Deno.mkdirSync(dir);
    // A peer that says nothing: taking leave of it takes a second.
    using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = mute.addr as Deno.NetAddr;
    const common = { folder: run, onEvent: (): void => {} };
    const one = Daemon.start({
      ...common,
      unit: 0,
      partition: 1,
      dir: dirs[0],
    });
    const two = Daemon.start({
      ...common,
      unit: 1,
      partition: 2,
      dir: dirs[1],
      startDuty: () => Promise.reject(new Error("there is none")),
      config: {
        limits: {},
        shares: [],
        mounts: [
          { partition: 1, stream: "cam", as: "cam", write: false },
          { partition: 3, stream: "far", as: "far", write: false },
        ],
        peers: [{ partition: 3, host: "127.0.0.1", port }],
      },
    });
    try {
      const size = [4, 3];
      using _ = Stream.create("cam", { dir: dirs[0], size, type: "u16" });
      const names = (): string[] =>
        [...Deno.readDirSync(dirs[1])].map(({ name }) => name);
      await ask(run, 0, { do: "share", stream: "cam" });
      await until("the link", () => names().includes("cam.im.shm"));
      await ask(run, 1, { do: "shutdown", force: true });
      await two.done;
      assertEquals(names(), []);
      assertEquals(two.state.mounts, []);
    } finally {
      await one.close();
      await two.close();
    }
  },
);
