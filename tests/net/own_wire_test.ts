/** Faults that only our own wire knows: keys, clocks, exact losses. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { Child } from "../_support/child.ts";
import { until } from "../_support/cli.ts";
import { Flow, PORT } from "./_flow.ts";
import { pause } from "./_frames.ts";
import { type NetHost, type NetPair, OWN, WIRES, wireTest } from "./_hosts.ts";

/** Nothing where `transmit` does not speak it. */
const OWN_ONLY = WIRES.filter(({ wire }) => wire === OWN.wire);

/** A key file on a host. */
function putKey(host: NetHost, letter: string): string {
  const path = host.streams.file("key.json"); // an ending that may stay
  Deno.writeTextFileSync(path, letter.repeat(32), { mode: 0o600 });
  return path;
}

/** A flow whose two ends have these keys. */
function keyed(pair: NetPair, there: string, here: string, dial = PORT): Flow {
  return new Flow(pair, OWN, {
    dial,
    transmit: ["--key", putKey(pair.icc, here)],
    receive: ["--key", putKey(pair.rtc, there)],
  });
}

/** Streams on a host. */
function streams(host: NetHost): string[] {
  return host.streams.names().filter((name) => name.endsWith(".im.shm"));
}

wireTest(
  "a cable pulled for long: what was missed is counted exactly, on both sides",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire);
    const { tx, rx } = await flow.pulledForLong();
    await pause(300);
    const [sent, received] = await flow.finish(tx, rx);
    assertEquals(sent.reconnects, 1);
    for (const { frames, skipped } of [sent, received]) {
      assertEquals(frames + skipped, flow.written);
      assert(skipped > 100, `${skipped} skipped`);
    }
    assertEquals(received.frames, sent.frames);
    using destination = Stream.open(flow.name, {
      dir: pair.rtc.streams.path,
    });
    assertEquals(destination.cnt0, flow.source.cnt0);
  },
  OWN_ONLY,
);

wireTest(
  "a receiver that is killed and started again goes on counting",
  async (pair, wire) => {
    await using flow = new Flow(pair, wire);
    const { tx, rx } = await flow.connect();
    flow.run(200);
    await pause(300);
    await rx.kill();
    await tx.running.says(/warning: /);
    await pause(1000);
    const again = await flow.receiver();
    await pause(500);
    const [sent] = await flow.finish(tx, again);
    assertEquals(sent.frames + sent.skipped, flow.written);
    using destination = Stream.open(flow.name, {
      dir: pair.rtc.streams.path,
    });
    assertEquals(destination.cnt0, flow.source.cnt0);
  },
  OWN_ONLY,
);

wireTest(
  "a wrong key, none, and milk's wire are refused; nothing is made",
  async (pair) => {
    await using flow = keyed(pair, "a", "b");
    flow.write();
    const rx = await flow.receiver();
    const tx = flow.transmitter();
    await rx.running.says(/refused: [^\n]*key/);
    await tx.running.says(/warning: [^\n]*key/);
    await tx.end();
    const { icc, rtc } = pair;
    for (const options of [["--wire", "shmim"], []]) {
      const before = rx.running.err.match(/ refused: /g)?.length ?? 0;
      await using stranger = icc.shmim([
        ...["transmit", flow.name, rtc.address, String(PORT)],
        ...options,
      ]);
      await until(
        () => `a refusal more: ${rx.running.err}`,
        () => (rx.running.err.match(/ refused: /g)?.length ?? 0) > before,
      );
      assertEquals(await stranger.end(), 143);
    }
    assertEquals(streams(rtc), []);
    await rx.end();
    // With its key at last, it is let in.
    putKey(icc, "a");
    const good = await flow.receiver();
    const again = flow.transmitter();
    await flow.arrived();
    await again.end();
    await good.end();
    flow.requireClean();
  },
  OWN_ONLY,
);

wireTest(
  "a recorded session proves nothing when it is sent again",
  async (pair) => {
    await using flow = keyed(pair, "a", "a", 9000);
    const { icc, rtc } = pair;
    const tape = icc.streams.file("tape.json");
    const program = (...words: string[]): Child =>
      Child.spawn("ip", [
        ...["netns", "exec", rtc.name, Deno.execPath(), "run", "-q", "-A"],
        new URL("_tape.ts", import.meta.url).pathname,
        ...words,
      ]);
    {
      await using recorder = program(
        ...["record", rtc.address, "9000", String(PORT), tape],
      );
      assertEquals(await recorder.line(), "listening");
      const { tx, rx } = await flow.connect();
      flow.write();
      await flow.arrived();
      await flow.settle();
      await tx.end();
      await rx.end();
      await recorder.ended();
    }
    const size = Deno.statSync(tape).size;
    assert(size > 2 * 10_000, `${size} bytes on the tape: two frames`);
    Deno.removeSync(rtc.streams.stream(flow.name));
    const rx = await flow.receiver();
    await using player = program(
      ...["replay", rtc.address, String(PORT), tape],
    );
    await player.line();
    await rx.running.says(/refused: [^\n]*key/);
    assertEquals(streams(rtc), []);
    assertEquals((await rx.end()).frames, 0);
  },
  OWN_ONLY,
);

wireTest(
  "a key that is changed while frames cross counts at the next connection",
  async (pair) => {
    await using flow = keyed(pair, "a", "a");
    const { tx, rx } = await flow.connect();
    putKey(pair.rtc, "b");
    flow.write();
    await flow.arrived(); // who has been let in stays
    await flow.settle();
    rx.running.kill("SIGSTOP");
    await tx.running.says(/is silent|takes nothing/);
    await pause(5000);
    rx.running.kill("SIGCONT");
    await tx.running.says(/warning: [^\n]*key/);
    putKey(pair.icc, "b");
    flow.write();
    await flow.arrived();
    await tx.end();
    await rx.end();
    flow.requireClean();
  },
  OWN_ONLY,
);

wireTest(
  "clocks an hour apart: the offset is measured, latencies stay right",
  async (pair, { wire, receive }) => {
    const { icc, rtc } = pair;
    await using flow = new Flow(pair, OWN, { receive: [...receive] });
    flow.write();
    const rx = await flow.receiver();
    const hour = 3_600_000_000_000;
    {
      await using sender = Child.spawn("ip", [
        ...["netns", "exec", icc.name, Deno.execPath(), "run", "-q", "-A"],
        new URL("_many.ts", import.meta.url).pathname,
        ...[icc.streams.path, rtc.address, String(PORT), wire, String(hour)],
        flow.name,
      ]);
      await flow.arrived();
      flow.run(50);
      const stats = await rx.counts(({ frames, wire }) =>
        frames > 50 && wire?.clocks
      );
      await flow.rest();
      const { offsetNs, errorNs } = stats.wire.clocks;
      assert(errorNs < 1e9, JSON.stringify(stats.wire));
      assert(
        Math.abs(offsetNs - hour) <= errorNs + 1e6,
        JSON.stringify(stats.wire),
      );
      await sender.endInput();
      assertMatch(await sender.line(), /"reconnects":0/);
    }
    await rx.end();
  },
  OWN_ONLY,
);
