/** The commands of partitions, each under its own permission set. @module */

import { assertEquals } from "@std/assert";
import { askSocket } from "../../src/partition/control.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Folder, json, Running, until } from "../_support/cli.ts";
import { good, own, type OwnCases, TMP } from "./_own_set.ts";

let shared: Promise<void> | undefined;

/** The five commands of sharing, each under its own set, once for all. */
function sharing(): Promise<void> {
  return shared ??= (async () => {
    using folder = new Folder(TMP);
    const dirs = ["a", "b"].map((name) => folder.file(name));
    for (const dir of dirs) Deno.mkdirSync(dir);
    const size = [4, 3];
    Stream.create("cam", { dir: dirs[0] ?? "", size, type: "u8" }).close();
    const at = (
      unit: number,
    ): string[] => ["--run", folder.file("run"), "--unit", `${unit}`];
    await using first = new Running(
      ["daemon", "--dir", dirs[0] ?? "", ...at(0)],
      { folder },
    );
    await using second = new Running(
      ["daemon", "--dir", dirs[1] ?? "", ...at(1)],
      { folder },
    );
    for (const one of [first, second]) {
      await until("it is up", () => one.out.includes("is up"));
    }
    good(await own(["share", "cam", ...at(0)], folder));
    good(await own(["mount", "0:cam", ...at(1)], folder));
    const out = good(await own(["shares", "--json", ...at(1)], folder));
    assertEquals(json(out).mounts[0].state, "linked");
    good(await own(["umount", "cam", ...at(1)], folder));
    good(await own(["unshare", "cam", ...at(0)], folder));
  })();
}

/** One real case of each of them. */
export const PARTITION_CASES: OwnCases = {
  async daemon(folder): Promise<void> {
    const run = folder.file("run");
    await using daemon = new Running(
      ["daemon", "--run", run, "--metrics", "0"],
      { folder, flags: ["-P=daemon"] },
    );
    await daemon.says(/metrics on/);
    await until("it is up", () => daemon.out.includes("is up"));
    assertEquals(await daemon.end(), 143);
  },
  async ctl(folder): Promise<void> {
    const run = ["--run", folder.file("run")];
    good(await own(["ctl", "startup", ...run], folder));
    assertEquals(
      json(good(await own(["ctl", "getcfg", "--json", ...run], folder)))
        .partition,
      0,
    );
    good(await own(["ctl", "shutdown", ...run], folder));
  },
  async ferry(folder): Promise<void> {
    const run = ["--run", folder.file("run")];
    good(await own(["ctl", "startup", ...run], folder));
    await using ferry = new Running(
      ["ferry", "2", "--listen", "127.0.0.1", "--control", "f.sock", ...run],
      { folder, flags: ["-P=ferry"], cwd: folder.path },
    );
    await ferry.says(/stands/);
    assertEquals(await ferry.end(), 143);
    good(await own(["ctl", "shutdown", ...run], folder));
  },
  share: sharing,
  mount: sharing,
  unshare: sharing,
  umount: sharing,
  shares: sharing,
  async carry(folder, cam): Promise<void> {
    const start = async (kind: string): Promise<Running> => {
      const control = folder.file(`${kind}.sock`);
      const one = new Running(
        ["carry", kind, "127.0.0.1", "--control", control],
        { folder, flags: ["-P=carry"] },
      );
      await one.says(/stands/);
      return one;
    };
    const add = async (
      kind: string,
      name: string,
      port: number,
    ): Promise<number> => {
      const path = folder.stream(name);
      const request = { do: "add", id: name, path, port, after: "0" };
      const answer = await askSocket(
        folder.file(`${kind}.sock`),
        kind,
        request,
        5,
      );
      return (answer as { port: number }).port;
    };
    await using receiver = await start("receive");
    await using transmitter = await start("transmit");
    await add("transmit", "cam", await add("receive", "far", 0));
    await until("the stream", () => folder.names().includes("far.im.shm"));
    using far = Stream.open("far", { dir: folder.path });
    await until("the frame", () => far.cnt0 === cam.cnt0);
    assertEquals(await transmitter.end(), 143);
    assertEquals(await receiver.end(), 143);
  },
};
