/** Mounts between hosts: what a crash at a bad moment leaves, and whose files. */

import { assertEquals } from "@std/assert";
import { camera, crosses } from "../cli/_partition_site.ts";
import { run } from "../_support/child.ts";
import { until } from "../_support/cli.ts";
import { type Site, Sites } from "./_site.ts";

function names({ dir }: Site): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name);
}

/** Processes of a host: each has the folder among its words. */
async function processes({ folder }: Site): Promise<number[]> {
  const { stdout } = await run("pgrep", ["-f", folder.path]);
  return stdout.split("\n").filter((pid) => pid !== "").map(Number)
    .sort((a, b) => a - b);
}

Deno.test("daemons that are killed while a mount is set up leave nothing unknown", async () => {
  await using sites = new Sites(2);
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  using cam = camera(one);
  await one.done("share", "cam");
  for (const [n, ms] of [0, 150, 300, 500].entries()) {
    await two.done("mount", "1:cam");
    await new Promise((resolve) => setTimeout(resolve, ms));
    await Promise.all([one.crash(), two.crash()]);
    await sites.up();
    await crosses(cam, two, "cam", n + 1);
    for (const site of [one, two]) {
      let found: number[] = [];
      await until(
        () => `${found} are what partition ${site.partition} knows`,
        async () => {
          found = await processes(site);
          const known = [
            site.daemon?.pid ?? 0,
            ...site.duties().map(({ pid }) => pid),
          ].sort((a, b) => a - b);
          return found.join() === known.join();
        },
      );
    }
    await two.done("umount", "cam");
    assertEquals(names(two), []);
  }
});

Deno.test("a copy goes with its mount, a stream that was there does not", async () => {
  await using sites = new Sites(2);
  const [one, two] = [sites.at(1), sites.at(2)];
  using cam = camera(one);
  await sites.up();
  await one.done("share", "cam");
  await two.done("mount", "1:cam");
  await crosses(cam, two, "cam", 1);
  await two.done("ctl", "shutdown", "--force");
  assertEquals(names(two), []);
  await two.daemon?.ended();
  // The configuration may say that another's stream is written, not removed.
  camera(two).close();
  const text = Deno.readTextFileSync(two.config);
  const mount = '[[mount]]\npartition = 1\nstream = "cam"\n';
  Deno.writeTextFileSync(two.config, text + mount);
  await two.up();
  await crosses(cam, two, "cam", 2);
  await two.done("umount", "cam");
  assertEquals(names(two), ["cam.im.shm"]);
});
