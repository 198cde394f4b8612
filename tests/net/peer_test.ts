/** What a peer can do to a bridge: die, stop, come late, come twice. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { Folder, Running, until } from "../_support/cli.ts";
import { Flow, type NetEnd, PORT } from "./_flow.ts";
import { pause } from "./_frames.ts";
import { must, wireTest } from "./_hosts.ts";

/** 8 MB: more than the kernel takes at once. */
const LARGE = [2000, 1000];
const LARGE_BYTES = 8_000_000;

/**
 * Whether a receiver, which tells each second, is inside a large frame: at
 * 20 Mbit/s one takes three seconds.
 */
function insideFrame(
  { bytes, frames, repeats }: Record<"bytes" | "frames" | "repeats", number>,
): boolean {
  const part = bytes - (frames + repeats) * LARGE_BYTES;
  return part > LARGE_BYTES / 100;
}

/** Both ends, the receiver inside a frame; what came before has arrived. */
async function insideOne(
  flow: Flow,
): Promise<{ tx: NetEnd; rx: NetEnd; before: number }> {
  const ends = await flow.connect();
  await flow.pair.icc.slowLine("20mbit");
  const before = flow.written;
  flow.write();
  await ends.rx.counts(insideFrame);
  return { ...ends, before };
}

wireTest(
  "the transmitter is killed inside a frame: that frame is dropped",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire, { size: LARGE });
    const { tx, rx, before } = await insideOne(flow);
    await tx.kill();
    await rx.running.says(/broke off inside a frame/);
    assertEquals(flow.arrivedNumber(), before);
    await pair.icc.fullSpeed();
    const again = flow.transmitter();
    const [, received] = await flow.finish(again, rx);
    assertEquals(flow.seen, [1, 2]);
    assertEquals(received.reconnects, 1);
  },
);

wireTest(
  "the receiver is killed inside a frame: the next one brings it",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire, { size: LARGE });
    const { tx, rx, before } = await insideOne(flow);
    await rx.kill();
    assertEquals(flow.arrivedNumber(), before);
    await tx.running.says(/warning: /);
    await pair.icc.fullSpeed();
    const again = await flow.receiver();
    await flow.finish(tx, again);
  },
);

wireTest(
  "the receiver is stopped: that is told, and then it goes on",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire, { size: [100, 100] });
    const { tx, rx } = await flow.connect();
    flow.run(500);
    await pause(200);
    rx.running.kill("SIGSTOP");
    await tx.running.says(/takes nothing at the moment|is silent/);
    rx.running.kill("SIGCONT");
    await pause(500);
    const [{ skipped }] = await flow.finish(tx, rx);
    assert(skipped > 0, "what did not cross is counted");
  },
);

wireTest(
  "the transmitter is stopped: what was missed is counted",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire);
    const { tx, rx } = await flow.connect();
    flow.run(200);
    await pause(200);
    tx.running.kill("SIGSTOP");
    const passed = flow.written + 100; // as fast as the machine can
    await until("100 frames to pass", () => flow.written >= passed);
    tx.running.kill("SIGCONT");
    await pause(300);
    const [sent, received] = await flow.finish(tx, rx);
    assert(sent.skipped > 50, `${sent.skipped} skipped`);
    assertEquals(sent.frames + sent.skipped, flow.written);
    assertEquals([received.frames, received.skipped], [
      sent.frames,
      sent.skipped,
    ]);
  },
);

wireTest(
  "either end may be started long before the other",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire);
    flow.write();
    const tx = flow.transmitter();
    await tx.running.says(/no receiver at [^\n]+; trying again/);
    await pause(5000);
    const rx = await flow.receiver();
    await flow.arrived();
    await tx.end();
    await pause(3000);
    const late = flow.transmitter();
    flow.write();
    await flow.arrived();
    await late.end();
    assertEquals(tx.running.err.match(/trying again/g)?.length, 1, "told once");
    await rx.end();
    flow.requireClean();
  },
);

wireTest(
  "two bridges that claim one destination: the second has to wait",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire);
    const { tx, rx } = await flow.connect();
    using elsewhere = new Folder("/tmp");
    using rival = Stream.create(flow.name, {
      dir: elsewhere.path,
      size: [50, 50],
      type: "u32",
    });
    rival.write(new Uint32Array(2500).fill(1_000_000));
    await using second = new Running(
      [
        ...["transmit", flow.name, pair.rtc.address, String(PORT)],
        ...wire.transmit,
      ],
      { folder: elsewhere, within: pair.icc.within },
    );
    flow.run(100);
    await rx.running.says(/is fed by \S+ already/);
    await pause(500);
    await flow.rest();
    await flow.arrived();
    await flow.settle();
    assert(!flow.seen.includes(1_000_000), "the rival got through");
    await tx.end();
    await until("the rival", () => flow.arrivedNumber() === 1_000_000);
    assertEquals(await second.end(), 143);
    await rx.end();
    flow.requireClean();
  },
);

wireTest(
  "two receivers that write one stream: both tell of the other",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire);
    const { tx, rx } = await flow.connect();
    const name = flow.name;
    await using other = pair.rtc.shmim([
      ...["receive", "8804", "--bind", pair.rtc.address],
      ...wire.receive,
    ]);
    await other.says(/listening/);
    await using second = pair.icc.shmim([
      ...["transmit", name, pair.rtc.address, "8804"],
      ...wire.transmit,
    ]);
    await other.says(/sends "dm01disp03"/);
    flow.run(50);
    await rx.running.says(/another program writes "dm01disp03", too/);
    await other.says(/another program writes "dm01disp03", too/);
    await flow.rest();
    assertEquals(await second.end(), 143);
    assertEquals(await other.end(), 143);
    await flow.settle();
    await tx.end();
    await rx.end();
    flow.requireClean();
  },
);

wireTest("a taken port is told, and changes nothing", async (pair, wire) => {
  await using flow = new Flow(pair, wire);
  const { tx, rx } = await flow.connect();
  await using second = pair.rtc.shmim([
    ...["receive", String(PORT), "--bind", pair.rtc.address],
    ...wire.receive,
  ]);
  assertEquals(await second.ended(), 1);
  assertMatch(second.err, /^shmim: Port 8803 on 192\.168\.2\.2 is taken/);
  flow.write();
  await flow.finish(tx, rx);
});

wireTest(
  "the source is created anew with the same size: the bridge goes on",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire);
    const { tx, rx } = await flow.connect();
    flow.recreate([50, 50]);
    flow.write();
    await tx.running.says(/"dm01disp03" was re-created; going on/);
    flow.write();
    await flow.finish(tx, rx);
  },
);

wireTest(
  "the source is created anew with another size: that ends it, unless it may",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire, { receive: ["--replace"] });
    const { tx, rx } = await flow.connect();
    await flow.settle();
    flow.recreate([60, 40]);
    assertEquals(await tx.running.ended(), 1);
    assertMatch(
      tx.running.err,
      /was re-created as 60x40 u32, it was 50x50 u32/,
    );
    const { icc, rtc } = pair;
    await using follower = icc.shmim([
      ...["transmit", flow.name, rtc.address, String(PORT), "--reopen", "any"],
      ...wire.transmit,
    ]);
    flow.write();
    await flow.arrived();
    flow.recreate([7, 5]);
    await follower.says(/re-created; going on/);
    flow.write();
    await flow.arrived();
    using destination = Stream.open(flow.name, { dir: rtc.streams.path });
    assertEquals(destination.size, [7, 5]);
    assertEquals(await follower.end(), 143);
    await rx.end();
    flow.requireClean();
  },
);

wireTest(
  "the destination's folder is full: nothing half-made is left",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire, { size: [500, 500] });
    const folder = pair.rtc.streams.path;
    await must("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder);
    try {
      flow.write();
      const rx = await flow.receiver();
      const tx = flow.transmitter();
      await rx.running.says(/refused: [^\n]+(ENOSPC|[Nn]o space)/);
      assertEquals(
        pair.rtc.streams.names().filter((one) => !one.endsWith(".json")),
        [],
      );
      await must("mount", "-o", "remount,size=16m", folder);
      await flow.arrived();
      await tx.end();
      await rx.end();
      flow.requireClean();
    } finally {
      await must("umount", folder);
    }
  },
);

const AT_CNT0 = 264;

for (const power of [31, 32, 53]) {
  wireTest(`the source's counter passes 2^${power}`, async (pair, wire) => {
    await using flow = new Flow(pair, wire);
    const preset = 2n ** BigInt(power) - 3n;
    using file = Deno.openSync(pair.icc.streams.stream(flow.name), {
      write: true,
    });
    file.seekSync(AT_CNT0, Deno.SeekMode.Start);
    file.writeSync(new Uint8Array(new BigUint64Array([preset]).buffer));
    assertEquals(flow.source.cnt0, preset);
    const { tx, rx } = await flow.connect();
    for (let i = 0; i < 6; i++) {
      flow.write();
      await flow.arrived();
    }
    const stats = await flow.finish(tx, rx);
    assertEquals(flow.source.cnt0, preset + 7n);
    for (const { frames, skipped, lastCnt0 } of stats) {
      assertEquals([frames, skipped, BigInt(lastCnt0)], [7, 0, preset + 7n]);
    }
    if (wire.wire === "shmim") {
      using destination = Stream.open(flow.name, {
        dir: pair.rtc.streams.path,
      });
      assertEquals(destination.cnt0, preset + 7n);
    }
  });
}
