/** What a daemon cannot do now is tried again; it does not end of it. */

import { assertEquals } from "@std/assert";
import { camera, crosses } from "../cli/_partition_site.ts";
import { until } from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";
import { Sites } from "./_site.ts";

/** How often a line came. */
function told(text: string, pattern: RegExp): number {
  return text.split("\n").filter((line) => pattern.test(line)).length;
}

Deno.test("a daemon outlives files that it cannot read or write, and says so once", async () => {
  await using sites = new Sites(2);
  await sites.up();
  const [one, two] = [sites.at(1), sites.at(2)];
  const daemon = two.daemon;
  // Nothing can take the name of a folder; what is read is cut short.
  const peers = `${two.run}/peers-0.json`;
  const segments = `${two.run}/segments.json`;
  await until("the peers are noted", () => {
    try {
      return Deno.readTextFileSync(peers).includes('"up":true');
    } catch {
      return false;
    }
  });
  Deno.removeSync(peers);
  Deno.mkdirSync(peers);
  Deno.writeTextFileSync(segments, '{"version":1,"segm');
  await one.crash();
  await daemon?.says(/warning: State file "[^"]+segments\.json" is cut short/);
  await daemon?.says(/warning: .*peers-0\.json/);
  // It goes on: what does not need them works.
  using cam = camera(two);
  await two.done("share", "cam");
  assertEquals(told(daemon?.err ?? "", /segments\.json/), 1);
  assertEquals(told(daemon?.err ?? "", /peers-0\.json/), 1);
  Deno.removeSync(peers);
  Deno.removeSync(segments);
  await one.up();
  await one.done("mount", "2:cam");
  await crosses(cam, one, "cam", 5);
  await until("the peers are noted again", () => {
    try {
      return Deno.readTextFileSync(peers).includes('"up":true');
    } catch {
      return false;
    }
  });
  assertEquals(two.daemon, daemon);
  assertEquals(await daemon?.end(), 143);
});

testWhere(
  "a daemon outlives a process that is stopped with the lock in its hand",
  program("flock", "util-linux"),
  async () => {
    await using sites = new Sites(2);
    await sites.up();
    const two = sites.at(2);
    const keeper = new Deno.Command("flock", {
      args: ["--no-fork", `${two.run}/lock`, "sleep", "60"],
      stdin: "null",
    }).spawn();
    try {
      await two.daemon?.says(/warning: "[^"]+lock" was held for 5 s/);
    } finally {
      keeper.kill("SIGTERM");
      await keeper.status;
    }
    await until(
      "it answers",
      async () => (await two.shmim("ctl", "status")).code === 0,
    );
    assertEquals(await two.daemon?.end(), 143);
  },
);
