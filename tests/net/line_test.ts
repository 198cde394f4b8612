/** What a line can do to a bridge: breaks, losses, delay, little room. */

import { assert, assertEquals } from "@std/assert";
import { Child } from "../_support/child.ts";
import { Flow, type NetEnd, PORT } from "./_flow.ts";
import { pause } from "./_frames.ts";
import { wireTest } from "./_hosts.ts";

/**
 * Lets frames run for a while over a connection that does not break: each is
 * sent or counted as skipped, on both sides.
 */
async function accounted(
  flow: Flow,
  ends: { tx: NetEnd; rx: NetEnd },
  hz: number,
  ms: number,
): Promise<{ sent: number; skipped: number }> {
  const first = flow.written;
  const before = await ends.tx.counts(({ lastCnt0 }) =>
    lastCnt0 === Number(flow.source.cnt0)
  );
  flow.run(hz);
  await pause(ms);
  await flow.rest();
  await flow.arrived();
  await flow.settle();
  const tx = await ends.tx.end();
  await ends.rx.counts(({ frames, skipped }) =>
    frames + skipped >= tx.frames + tx.skipped
  );
  const rx = await ends.rx.end();
  const sent = tx.frames - before.frames;
  const skipped = tx.skipped - before.skipped;
  assertEquals(sent + skipped, flow.written - first, "sent and skipped");
  assertEquals(rx.frames, tx.frames, "received");
  assertEquals(rx.skipped, tx.skipped, "skipped, by the receiver");
  assertEquals([tx.reconnects, rx.torn], [0, 0]);
  flow.requireClean();
  return { sent, skipped };
}

wireTest("1 % loss: every frame crosses or is counted", async (pair, wire) => {
  await using flow = new Flow(pair, wire);
  const ends = await flow.connect();
  await pair.rtc.loseEveryHundredth();
  await accounted(flow, ends, 200, 4000);
  assert(await pair.rtc.lost() > 0, "packets were lost"); // about ten
});

wireTest(
  "20 ms delay: every frame crosses or is counted",
  async (pair, wire) => {
    const relay = Child.spawn("ip", [
      ...["netns", "exec", pair.rtc.name, Deno.execPath(), "run", "-q", "-A"],
      new URL("_relay.ts", import.meta.url).pathname,
      ...[pair.rtc.address, "9000", String(PORT), "20"],
    ]);
    {
      await using _ = relay;
      assertEquals(await relay.line(), "listening");
      await using flow = new Flow(pair, wire, { dial: 9000 });
      const ends = await flow.connect();
      const { sent } = await accounted(flow, ends, 100, 3000);
      assert(sent > 50, "a delayed line carries as much as any");
    }
  },
);

wireTest(
  "10 Mbit/s: newest frames cross, the others are counted",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire, { size: [100, 100] });
    await pair.icc.slowLine("10mbit");
    const ends = await flow.connect();
    // 40 kB at 100 Hz are 32 Mbit/s.
    const { skipped } = await accounted(flow, ends, 100, 4000);
    assert(skipped > 50, `${skipped} skipped`);
  },
);

wireTest("a cable pulled for a moment breaks nothing", async (pair, wire) => {
  await using flow = new Flow(pair, wire);
  const ends = await flow.connect();
  flow.run(100);
  await pause(300);
  await pair.rtc.cable("down");
  await pause(1500);
  await pair.rtc.cable("up");
  await flow.rest();
  await flow.arrived();
  await accounted(flow, ends, 100, 500);
});

wireTest(
  "a cable pulled for long: both ends find each other again",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire);
    const { tx, rx } = await flow.pulledForLong();
    const [{ reconnects }] = await flow.finish(tx, rx);
    assertEquals(reconnects, 1);
  },
);
