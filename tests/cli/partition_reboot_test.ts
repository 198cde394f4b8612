/**
 * A reboot: every process is gone, and so are streams, segments and links in
 * memory; the run folder is gone, too, or is kept with the pids and ids of
 * before, which others may have now.
 */

import { assert, assertEquals } from "@std/assert";
import { processStartNs } from "../../ffi/process.ts";
import {
  readRegistry,
  registryPath,
  removeFromKernel,
} from "../../src/partition/registry.ts";
import { IPC_CREAT, Xp } from "../../src/partition/xp.ts";
import { Stream } from "../../src/stream/stream.ts";
import { listSegments } from "../../src/sysv/info.ts";
import { Segment } from "../../src/sysv/segment.ts";
import { Folder, json, Running, until } from "../_support/cli.ts";
import { camera, crosses, frame, Site } from "./_partition_site.ts";
import { freePort } from "../_support/ports.ts";

/** As a host that loses its power: what lies in memory goes with it. */
async function lose(site: Site): Promise<void> {
  await site.crash();
  for (const { pid } of site.duties()) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // it has ended
    }
  }
  for (const entry of readRegistry(site.run).segments) removeFromKernel(entry);
  for (const { name } of Deno.readDirSync(site.dir)) {
    Deno.removeSync(`${site.dir}/${name}`);
  }
}

/** Two hosts whose configuration shares and mounts a stream. */
function configured(): [Site, Site] {
  const [a, b] = [freePort(), freePort()];
  return [
    new Site(1, a, [{ partition: 2, port: b }], {
      tail: '[[share]]\nstream = "cam"\n',
    }),
    new Site(2, b, [{ partition: 1, port: a }], {
      tail: '[[mount]]\npartition = 1\nstream = "cam"\n',
    }),
  ];
}

/** A segment with a key, and one update of it. */
function segment(site: Site, value: number): number {
  const xp = new Xp({ run: site.run });
  const id = xp.shmget(xp.ftok(null, 1), 64, IPC_CREAT);
  using memory = xp.shmat(id);
  assertEquals(memory.updates, 0n, "new memory");
  memory.update(0, new Uint8Array([value]));
  return id;
}

Deno.test("after a reboot without the run folder all that is configured comes back", async () => {
  const [one, two] = configured();
  await using _one = one;
  await using _two = two;
  for (const boot of [1, 2]) {
    // The mount is there before its owner, and both before the camera.
    await two.up();
    await two.mounted("cam", /^waiting: Cannot reach partition 1/);
    await one.up();
    using cam = camera(one);
    await crosses(cam, two, "cam", boot);
    await two.mounted("cam", "received");
    segment(one, boot);
    if (boot === 2) break;
    await Promise.all([lose(one), lose(two)]);
    for (const { run } of [one, two]) Deno.removeSync(run, { recursive: true });
  }
});

Deno.test("after a reboot with the run folder nothing of before is taken for what it was", async () => {
  const [one, two] = configured();
  await using _one = one;
  await using _two = two;
  await one.up();
  await two.up();
  {
    using cam = camera(one);
    await crosses(cam, two, "cam", 1);
  }
  const id = segment(one, 1);
  await Promise.all([lose(one), lose(two)]);

  // The pids and the id of before are another's now.
  const other = new Deno.Command("sleep", { args: ["600"] }).spawn();
  await using _other = {
    [Symbol.asyncDispose]: async (): Promise<void> => {
      other.kill("SIGKILL");
      await other.status;
    },
  };
  using strange = Segment.create("private", { size: 100_000 });
  using _strange = { [Symbol.dispose]: () => strange.remove() };
  for (const { run } of [one, two]) {
    const path = `${run}/unit-0.json`;
    const state = json(Deno.readTextFileSync(path));
    assert(state.up && state.duties.length > 0, "as it was when it was lost");
    state.pid = other.pid;
    for (const one of [...state.duties, ...state.pumps]) one.pid = other.pid;
    Deno.writeTextFileSync(path, JSON.stringify(state));
  }
  const path = registryPath(one.run);
  const list = json(Deno.readTextFileSync(path));
  assertEquals(list.segments.length, 1);
  list.segments[0].shmid = strange.shmid;
  list.segments[0].creatorPid = other.pid;
  list.segments[0].holds = [
    { partition: 1, pid: other.pid, startNs: "1", count: 1 },
  ];
  list.bell = strange.shmid + 1;
  Deno.writeTextFileSync(path, JSON.stringify(list));

  await one.up();
  await two.up();
  using cam = camera(one);
  await crosses(cam, two, "cam", 2);
  await two.mounted("cam", "received");
  assert(segment(one, 2) !== strange.shmid);
  for (const site of [one, two]) {
    assert(site.duties().every(({ pid }) => pid !== other.pid));
    await site.done("ctl", "shutdown", "--force");
    assertEquals(await site.daemon?.ended(), 0);
  }
  assert(processStartNs(other.pid) !== undefined, "another's process lives");
  const left = listSegments().map(({ shmid }) => shmid);
  assert(left.includes(strange.shmid), "another's segment is there");
  assert(id === strange.shmid || !left.includes(id));
});

Deno.test("after a reboot a daemon links again to what it reaches, unasked", async () => {
  using folder = new Folder();
  const run = folder.file("run");
  const dirs = ["one", "two"].map((name) => folder.file(name));
  const [first = "", second = ""] = dirs;
  const config = folder.file("two.toml");
  Deno.writeTextFileSync(config, '[[mount]]\npartition = 1\nstream = "cam"\n');
  Deno.writeTextFileSync(
    folder.file("one.toml"),
    '[[share]]\nstream = "cam"\n',
  );
  const daemon = (unit: number, ...more: string[]): Running =>
    new Running([
      ...["daemon", "--unit", `${unit}`, "--partition", `${unit + 1}`],
      ...["--run", run, "--dir", dirs[unit] ?? "", ...more],
    ], { folder, flags: ["-A"] }); // narrows itself to what it is given
  const far = `${second}/cam.im.shm`;
  for (const reach of [true, true, false]) {
    for (const dir of dirs) Deno.mkdirSync(dir);
    await using one = daemon(0, "--config", folder.file("one.toml"));
    await until(() => `up: ${one.err}`, () => one.out.includes("is up"));
    await using two = daemon(
      1,
      ...["--config", config, ...reach ? ["--reach", first] : []],
    );
    await until(() => `up: ${two.err}`, () => two.out.includes("is up"));
    using cam = Stream.create("cam", { dir: first, size: [4, 3], type: "u16" });
    if (reach) {
      await until(() => `the link: ${two.err}`, () => {
        try {
          return Deno.lstatSync(far).isSymlink;
        } catch {
          return false;
        }
      });
      using mounted = Stream.open("cam", { dir: second, writable: false });
      cam.write(frame(7));
      assertEquals(mounted.read().pixels[3], 7);
    } else await two.says(/or start the daemon with --reach FOLDER/);
    one.kill("SIGKILL");
    two.kill("SIGKILL");
    for (const dir of dirs) Deno.removeSync(dir, { recursive: true });
    Deno.removeSync(run, { recursive: true });
  }
});
