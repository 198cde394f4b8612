/** Our own wire, both ends in our hands: what crosses, and how it is counted. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { KeyFileError } from "../../src/bridge/key.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  flat,
  handshake,
  join,
  Receiving,
  Sender,
  Transmitting,
  wireFrame,
} from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";
import { Ends, OWN } from "./_ends.ts";
import { keyFile } from "../_support/key.ts";

Deno.test("counters, times and pixels cross with a key on both sides", async () => {
  await using ends = new Ends();
  const { here, source } = ends;
  const key = keyFile(here);
  for (let i = 0; i < 41; i++) source.write(flat(i));
  const { receiving, transmitting } = ends.join({ key }, { key });
  await receiving.frames(1);
  source.write(flat(7), { atimeNs: 1_234_567_890_123_456_789n });
  await receiving.frames(2);
  using copy = ends.copy();
  const [from, to] = [source.read(), copy.read()];
  assertEquals(to.pixels, flat(7));
  assertEquals(
    [to.cnt0, to.cnt1, to.atimeNs, to.writetimeNs],
    [42n, from.cnt1, 1_234_567_890_123_456_789n, from.writetimeNs],
  );
  assertEquals(receiving.receiver.status().skipped, 0);
  assert(transmitting.events.text.includes("which has our key"));
});

Deno.test("complex pixels and one axis cross", async () => {
  await using ends = new Ends({ size: [5], type: "c64" });
  const { source } = ends;
  const pixels = Float32Array.from({ length: 10 }, (_, i) => i);
  source.write(pixels);
  const { receiving } = ends.join();
  await receiving.frames(1);
  using copy = ends.copy();
  assertEquals(copy.read().pixels, pixels);
});

Deno.test("an idle timeout of no whole milliseconds is taken, compressed or not", async () => {
  for (const zstd of [false, true]) {
    await using ends = new Ends();
    ends.source.write(flat(1));
    const { receiving } = ends.join({ zstd }, { idleTimeoutMs: 4500.5 });
    await receiving.frames(1);
    ends.source.write(flat(2));
    await receiving.frames(2);
  }
});

Deno.test("a peer with another key, with none, or of milk's wire is refused", async () => {
  await using ends = new Ends();
  const { here, there, source } = ends;
  const key = keyFile(here);
  source.write(flat(1));
  await using receiving = new Receiving(there, { key });
  {
    await using wrong = new Transmitting(here, "cam", receiving.port, {
      ...OWN,
      key: keyFile(here, "another key of mine"),
    });
    await receiving.events.said(/refused: its key is not ours/);
    await wrong.events.said(/it does not accept our key/);
  }
  {
    await using none = new Transmitting(here, "cam", receiving.port, OWN);
    await none.events.said(/it asks for a key/);
    await receiving.events.said(/refused: it has no key, we ask for one/);
  }
  {
    using milk = await Sender.connect(receiving.port);
    await milk.send(join(handshake(), wireFrame(flat(1), 1n)));
    assert(await milk.closedByPeer());
    await receiving.events.said(/refused: it speaks milk's wire/);
  }
  assertEquals([...Deno.readDirSync(there.path)].length, 0);
  // A transmitter that has a key does not talk to a receiver without.
  await using open = new Receiving(there);
  await using asks = new Transmitting(here, "cam", open.port, { ...OWN, key });
  await asks.events.said(/it has no key, we ask for one/);
});

Deno.test("--wire any takes milk's wire beside ours, --wire milk only that", async () => {
  await using ends = new Ends();
  const { here, there, source } = ends;
  const key = keyFile(here);
  await using receiving = new Receiving(there, { key, wire: "any" });
  using milk = await Sender.connect(receiving.port);
  await milk.send(join(handshake(), wireFrame(flat(1), 1n)));
  await receiving.frames(1);
  source.write(flat(1));
  await using narrow = new Receiving(there, { wire: "milk" });
  await using transmitting = new Transmitting(here, "cam", narrow.port, OWN);
  await narrow.events.said(/refused: it does not speak milk's wire/);
  assertEquals(transmitting.transmitter.status().frames, 0);
});

Deno.test("a key that others may read, is short or missing is refused", () => {
  using folder = new Folder();
  using _source = Stream.create("cam", {
    dir: folder.path,
    size: [2],
    type: "u8",
  });
  const start = (key: string, message: string): void => {
    assertThrows(
      () => new Receiving(folder, { key }),
      KeyFileError,
      message,
    );
    assertThrows(
      () => new Transmitting(folder, "cam", 1, { ...OWN, key }),
      KeyFileError,
      message,
    );
  };
  const open = keyFile(folder);
  Deno.chmodSync(open, 0o640);
  start(open, "has mode 0640, others may read or change it: chmod 600");
  start(keyFile(folder, "short"), "holds 5 bytes, at least 16 are needed");
  start(`${folder.path}/none`, "there is no such file");
  start(folder.path, "is no file");
});

Deno.test("keywords cross once, and again only when they change", async () => {
  await using ends = new Ends();
  const { source } = ends;
  const keyword = (value: bigint) =>
    ({ name: "GAIN", type: "L", value, comment: "" }) as const;
  source.setKeywords([keyword(1n)]);
  source.write(flat(1));
  const { receiving, transmitting } = ends.join();
  await receiving.frames(1);
  using copy = ends.copy();
  assertEquals(copy.keywords(), source.keywords());
  for (let i = 2; i <= 5; i++) {
    source.write(flat(i));
    await receiving.frames(i);
  }
  const updates = (): number | undefined =>
    transmitting.transmitter.status().wire?.keywordUpdates;
  assertEquals(updates(), 1);
  source.setKeywords([keyword(2n)]);
  source.write(flat(6));
  await receiving.frames(6);
  assertEquals(copy.keywords(), source.keywords());
  assertEquals(updates(), 2);
});

Deno.test("new slices of a ring, and slots of a circular buffer, all cross", async () => {
  using here = new Folder();
  using there = new Folder();
  using ring = Stream.create("ring", {
    dir: here.path,
    size: [8, 8, 5],
    type: "u8",
    circular: true,
  });
  using slots = Stream.create("slots", {
    dir: here.path,
    size: [8, 8],
    type: "u8",
    circularBuffer: 64,
  });
  await using receiving = new Receiving(there);
  const own = { ...OWN, policy: "every" } as const;
  await using _ring = new Transmitting(here, "ring", receiving.port, own);
  await using _slots = new Transmitting(here, "slots", receiving.port, own);
  await receiving.events.said(/sends "(ring|slots)"/, 2);
  for (let i = 1; i <= 40; i++) {
    ring.write(new Uint8Array(64).fill(i), { slice: i % 5 });
    slots.write(new Uint8Array(64).fill(i));
    await receiving.frames(2 * i);
  }
  for (let i = 41; i <= 60; i++) slots.write(new Uint8Array(64).fill(i));
  await receiving.frames(100);
  assertEquals(receiving.receiver.status().skipped, 0);
  using copy = Stream.open("ring", { dir: there.path });
  assertEquals(copy.read().pixels, ring.read().pixels);
  assertEquals([copy.cnt0, copy.read().cnt1], [40n, 0n]);
});

Deno.test("clocks an hour apart are measured, and the latency with them", async () => {
  await using ends = new Ends();
  const { source } = ends;
  const hour = 3_600_000_000_000n;
  const { receiving, transmitting } = ends.join({ clockShiftNs: hour });
  const clocks = () => receiving.receiver.status().wire?.clocks;
  await until("an estimate", clocks);
  source.write(flat(1));
  await receiving.frames(1);
  for (const end of [transmitting.transmitter, receiving.receiver]) {
    const found = end.status().wire?.clocks;
    assert(found !== undefined);
    const wrong = found.offsetNs > hour
      ? found.offsetNs - hour
      : hour - found.offsetNs;
    assert(wrong <= found.errorNs, `${wrong} ns off, ${found.errorNs} told`);
    assert(found.errorNs < 1_000_000_000n);
  }
  const oneWay = receiving.receiver.status().wire?.oneWayNs;
  assert(oneWay !== undefined && oneWay < 10_000_000_000n, `${oneWay}`);
});

Deno.test("a source that is re-created goes on, over a new offer", async () => {
  using here = new Folder();
  using there = new Folder();
  const make = (size: number[]) =>
    Stream.create("cam", {
      dir: here.path,
      size,
      type: "u16",
      existing: "replace",
    });
  using first = make([4, 3]);
  for (let i = 0; i < 9; i++) first.write(flat(i));
  await using receiving = new Receiving(there, { replace: true });
  await using _ = new Transmitting(here, "cam", receiving.port, {
    ...OWN,
    reopen: "any",
  });
  await receiving.frames(1);
  using second = make([4, 3]);
  second.write(flat(77));
  await receiving.frames(2);
  {
    using copy = Stream.open("cam", { dir: there.path });
    assertEquals([copy.cnt0, copy.read().pixels[0]], [1n, 77]);
  }
  using third = make([6, 2]);
  third.write(flat(78));
  await receiving.frames(3);
  using copy = Stream.open("cam", { dir: there.path });
  assertEquals([copy.size, copy.read().pixels[0]], [[6, 2], 78]);
});

Deno.test("a peer that answers is not silent, however long nothing is written", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = Stream.create("cam", {
    dir: here.path,
    size: [4, 3],
    type: "u16",
  });
  source.write(flat(1));
  await using receiving = new Receiving(there);
  await using transmitting = new Transmitting(
    here,
    "cam",
    receiving.port,
    OWN,
  );
  await receiving.frames(1);
  // Silence is 5 s without an answer; answers come every second.
  await new Promise((resolve) => setTimeout(resolve, 7500));
  source.write(flat(2));
  await receiving.frames(2);
  assertEquals(transmitting.transmitter.status().reconnects, 0);
  assert(!transmitting.events.text.includes("silent"));
});

Deno.test("two transmitters cannot feed one stream; the second is told why", async () => {
  await using ends = new Ends();
  const { here, source } = ends;
  source.write(flat(1));
  const { receiving } = ends.join();
  await receiving.frames(1);
  await using second = new Transmitting(here, "cam", receiving.port, OWN);
  await second.events.said(/it refuses: "cam" is fed by .* already/);
});

Deno.test("compressed, a frame crosses a thin line smaller than it is", async () => {
  await using ends = new Ends({ size: [300, 300] });
  const { source } = ends;
  source.setKeywords([{ name: "GAIN", type: "L", value: 3n, comment: "" }]);
  const smooth = Uint16Array.from({ length: 90_000 }, (_, i) => i % 300);
  source.write(smooth, { atimeNs: 5_000_000_007n });
  const { receiving, relay, transmitting } = ends.relayed({}, { zstd: true });
  await receiving.frames(1);
  using copy = ends.copy();
  const first = copy.read();
  assertEquals(first.pixels, smooth);
  assertEquals(
    [first.cnt0, first.atimeNs, first.writetimeNs],
    [1n, 5_000_000_007n, source.read().writetimeNs],
  );
  assertEquals(copy.keywords(), source.keywords());
  const before = receiving.receiver.status().bytes;
  assert(before < 40_000, `${before} bytes`);
  // Noise does not shrink and goes as it is, in pieces.
  const noise = new Uint16Array(90_000);
  for (let i = 0; i < noise.length; i += 30_000) {
    crypto.getRandomValues(noise.subarray(i, i + 30_000));
  }
  source.write(noise);
  await receiving.frames(2);
  assertEquals(copy.read().pixels, noise);
  const clocks = () => receiving.receiver.status().wire?.clocks;
  await until("an estimate", clocks);
  relay.cut();
  await until(
    "the end of the connection",
    () => !receiving.receiver.status().connected,
  );
  source.write(smooth);
  source.write(smooth);
  await receiving.frames(3);
  const [sent, came] = [
    transmitting.transmitter.status(),
    receiving.receiver.status(),
  ];
  assertEquals([came.skipped, sent.skipped, sent.frames], [1, 1, 3]);
});
