/** A partition whose memory is damaged while streams cross. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { json, until } from "../_support/cli.ts";
import { netTest } from "./_hosts.ts";
import { Two } from "./_partitions.ts";

netTest(
  "partitions: the state is cut short on both hosts: all comes back once",
  async (pair) => {
    await using both = new Two(pair);
    const { one, two } = both;
    await both.configured();
    await two.mount("received");
    const before = [one.running(), two.running()];
    assertEquals(before.map((pumps) => pumps.length), [1, 1]);
    await Promise.all([one.kill(), two.kill()]);
    for (const { state } of [one, two]) {
      Deno.truncateSync(state, Deno.statSync(state).size >> 1);
    }
    await Promise.all([one.up(), two.up()]);
    for (const one of [both.one, both.two]) {
      await one.says(/cut short or damaged.*set aside as/);
    }
    await both.crosses();
    await two.mount("received");
    // What the lost state knew does not go on beside what was started anew.
    for (const partition of [one, two]) {
      await until(
        "its daemon, and what that knows",
        async () =>
          (await partition.host.processes()).length ===
            1 + partition.duties().length,
      );
    }
    both.requireCounted();
    await both.end();
  },
);

netTest(
  "partitions: the state is from a newer version: left alone, frames go on",
  async (pair) => {
    await using both = new Two(pair);
    const { one, two } = both;
    await both.up();
    await two.kill();
    const text = Deno.readTextFileSync(two.state);
    const { version } = json(text);
    const newer = text.replace(
      `"version":${version}`,
      `"version":${version + 1}`,
    );
    assert(newer !== text);
    Deno.writeTextFileSync(two.state, newer);
    const { code, err } = await two.shmim("ctl", "startup");
    assertEquals(code, 1);
    assertMatch(err, /^shmim: [^\n]*this shmim knows \d+: it is left alone/);
    assertEquals(Deno.readTextFileSync(two.state), newer);
    await both.crosses();
    Deno.writeTextFileSync(two.state, text); // by the version that wrote it
    await two.up();
    await two.mount("received");
    await both.crosses();
    both.requireCounted();
    assertEquals(one.running().length, 1);
    await both.end();
  },
);
