/** One peer into one stream: when another takes its place. */

import { assertEquals } from "@std/assert";
import { Feed, type House } from "../../src/bridge/feed.ts";
import { readHandshake } from "../../src/bridge/milk_wire.ts";
import { Tally } from "../../src/bridge/session.ts";
import { flat, handshake, wireFrame } from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";

/** A connection's two ends. */
async function connected(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  return await Promise.all([
    listener.accept(),
    Deno.connect({ hostname: "127.0.0.1", port }),
  ]);
}

for (const evicted of [true, false]) {
  const what = evicted
    ? "that lost its place before its pump began ends at once"
    : "that keeps its place goes on";
  Deno.test(`a feed ${what}`, async () => {
    using folder = new Folder();
    const [ours, theirs] = await connected();
    using _ours = ours;
    using _theirs = theirs;
    const tally = new Tally();
    let stopped = false;
    const house: House = {
      options: { port: 0, dir: folder.path },
      tally,
      tallies: new Map(),
      known: new Map(),
      stopped: () => stopped,
      tell: () => {},
    };
    const announcement = readHandshake(handshake(), 1 << 20);
    const feed = new Feed(house, ours, {
      peer: "peer",
      name: "cam",
      greeting: { announcement },
    });
    let ended = false;
    const running = feed.run().then(() => ended = true);
    // run() has opened the stream, and waits for its answer.
    if (evicted) await feed.evict();
    await theirs.write(wireFrame(flat(7), 1n));
    if (evicted) {
      await until("its end", () => ended);
    } else {
      await until("the frame", () => tally.status().frames === 1);
      assertEquals(ended, false);
      stopped = true;
      feed.stop();
      await running;
    }
    assertEquals(feed.evicted, evicted);
  });
}
