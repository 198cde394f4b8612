/** The receiver with peers whose counters, sizes and manners are at a limit. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import {
  fixture,
  flat,
  handshake,
  join,
  Receiving,
  Sender,
  Transmitting,
  wireFrame,
} from "../_support/bridge.ts";
import { Child, moduleUrl } from "../_support/child.ts";
import { Folder, json, shmim, until } from "../_support/cli.ts";
import { Meanwhile } from "../_support/meanwhile.ts";

const LIMITS = [31n, 32n, 53n, 63n, 64n].map((power) => 2n ** power);

Deno.test.each(LIMITS)(
  "Receiver.listen() follows a counter across %s",
  async (limit) => {
    using folder = new Folder();
    await using receiving = new Receiving(folder);
    using sender = await Sender.connect(receiving.port);
    await sender.send(join(
      handshake(),
      ...[-2n, -1n, 0n, 1n].map((step, i) =>
        wireFrame(flat(i), BigInt.asUintN(64, limit + step))
      ),
    ));
    await receiving.frames(4);
    const { skipped, lastCnt0 } = receiving.receiver.status();
    assertEquals(skipped, 0);
    assertEquals(lastCnt0, BigInt.asUintN(64, limit + 1n));
    using stream = Stream.open("cam", { dir: folder.path });
    assertEquals([stream.cnt0, stream.read().pixels], [4n, flat(3)]);
  },
);

Deno.test("Receiver.listen() counts what lies between two counters far apart", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  await sender.send(join(
    handshake(),
    wireFrame(flat(1), 1n),
    wireFrame(flat(2), 2n ** 31n), // 2^31 - 2 between
    wireFrame(flat(3), 5n), // a source that began again: nothing is lost
    wireFrame(flat(4), 2n ** 53n),
  ));
  await receiving.frames(4);
  assertEquals(
    receiving.receiver.status().skipped,
    2 ** 31 - 2 + 2 ** 53 - 6,
  );
});

Deno.test("Receiver.listen() takes negative counters for what they are", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  await sender.send(join(
    handshake(),
    ...[-3n, -2n, -1n].map((cnt0) =>
      wireFrame(flat(Number(-cnt0)), BigInt.asUintN(64, cnt0))
    ),
  ));
  await receiving.frames(3);
  assertEquals(receiving.receiver.status().skipped, 0);
});

Deno.test("Receiver.listen() refuses a negative slice index", async () => {
  for (const index of [-1n, -(2n ** 31n), -(2n ** 63n)]) {
    using folder = new Folder();
    await using receiving = new Receiving(folder);
    using sender = await Sender.connect(receiving.port);
    const slice = BigInt.asUintN(64, index);
    await sender.send(join(
      handshake({ size: [4, 3, 3] }),
      wireFrame(flat(1), 1n, slice),
    ));
    assert(await sender.closedByPeer());
    await receiving.events.said(new RegExp(`sent slice ${index} of`));
  }
});

Deno.test("Transmitter.start() carries counters at their limits", async () => {
  for (const limit of [2n ** 31n, 2n ** 32n, 2n ** 53n]) {
    using here = new Folder();
    using there = new Folder();
    using stream = Stream.create("cam", {
      dir: here.path,
      size: [4, 3],
      type: "u16",
    });
    const cnt0 = new Uint8Array(8);
    new DataView(cnt0.buffer).setBigUint64(0, limit - 2n, true);
    stream.mapping.store(264, cnt0);
    await using receiving = new Receiving(there);
    await using sending = new Transmitting(here, "cam", receiving.port);
    for (let n = 1; n <= 4; n++) {
      stream.write(flat(n));
      await until(
        "it is across",
        () => receiving.receiver.status().lastCnt0 === stream.cnt0,
      );
    }
    assertEquals(stream.cnt0, limit + 2n);
    assertEquals(sending.transmitter.status().skipped, 0);
    assertEquals(receiving.receiver.status().skipped, 0);
    const { code, out } = await shmim(["info", "cam", "--json"], {
      folder: here,
    });
    assertEquals(code, 0);
    const exact = limit < 2n ** 53n ? Number(limit + 2n) : `${limit + 2n}`;
    assertEquals(json(out).cnt0, exact);
  }
});

Deno.test("Receiver.listen() refuses an announcement of 10 TB", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  const before = Deno.memoryUsage().rss;
  for (
    const size of [
      [50_000, 50_000, 2], // within what a stream may be, not --max-bytes
      [100_000, 100_000, 125],
      [0xFFFF_FFFF, 0xFFFF_FFFF],
    ]
  ) {
    using sender = await Sender.connect(receiving.port);
    await sender.send(handshake({ size, code: 10, elementBytes: 8 }));
    assert(await sender.closedByPeer());
  }
  await receiving.events.said(/refused/, 3);
  assertMatch(receiving.events.text, /allowed \(--max-bytes\)/);
  assertMatch(receiving.events.text, /at most 10000000000/);
  assertEquals(folder.names(), []);
  // The least of them is 40 GB; tests beside this one are in this process, too.
  assert(Deno.memoryUsage().rss - before < 4 * 2 ** 30);
});

Deno.test("Receiver.listen() takes a frame that comes byte by byte", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  await sender.send(handshake(), 1);
  await sender.send(wireFrame(flat(7), 1n), 1);
  await receiving.frames(1);
  using stream = Stream.open("cam", { dir: folder.path });
  assertEquals(stream.read().pixels, flat(7));
});

Deno.test("Receiver.listen() is not held up by one byte a second", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder, { handshakeTimeoutMs: 2500 });
  using slow = await Sender.connect(receiving.port);
  const bytes = handshake().values();
  await using _dripping = new Meanwhile(1000, async () => {
    const byte = Uint8Array.of(bytes.next().value ?? 0);
    return await slow.send(byte).catch(() => false);
  });
  {
    using sender = await Sender.connect(receiving.port);
    await sender.send(join(handshake(), wireFrame(flat(1), 1n)));
    await receiving.frames(1);
  }
  await receiving.events.said(/of 384 bytes of its announcement in 2\.5 s/);
});

Deno.test("Receiver.listen() survives 200 connections at once, whatever they send", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  const capture = fixture("shmimtcp/tcp_f32_8x6.bin");
  const senders = await Promise.all(
    Array.from({ length: 200 }, () => Sender.connect(receiving.port)),
  );
  try {
    await Promise.all(senders.map((sender, i) => {
      const bytes = [
        new Uint8Array(0),
        handshake().slice(0, 100),
        new Uint8Array(384).fill(i),
        capture,
      ][i % 4] ?? capture;
      return sender.send(bytes).catch(() => {});
    }));
    await receiving.events.said(/refused/, 50);
  } finally {
    for (const sender of senders) sender.close();
  }
  // Their places are free again.
  await until("an honest peer", async () => {
    using sender = await Sender.connect(receiving.port);
    await sender.send(
      join(handshake({ name: "honest" }), wireFrame(flat(1), 1n)),
    ).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    return folder.names().includes("honest.im.shm");
  });
});

Deno.test("Receiver.listen() drops the half frame of a process that is killed", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  await using child = Child.start(`
    import { flat, handshake, join, wireFrame } from
      "${moduleUrl("tests/_support/bridge.ts")}";
    const peer = await Deno.connect({ hostname: "127.0.0.1", port: ${receiving.port} });
    const bytes = join(handshake(), wireFrame(flat(1), 1n), wireFrame(flat(2), 2n));
    await peer.write(bytes.subarray(0, bytes.length - 9));
    console.log("sent");
    setInterval(() => {}, 1000);
  `);
  assertEquals(await child.line(), "sent");
  await receiving.frames(1);
  await child.kill();
  await receiving.events.said(/broke off inside a frame of "cam"/);
  using stream = Stream.open("cam", { dir: folder.path });
  assertEquals([stream.cnt0, stream.read().pixels], [1n, flat(1)]);
});

Deno.test("Transmitter.start() repeats a cube's first frame as it was", async () => {
  using here = new Folder();
  using there = new Folder();
  using stream = Stream.create("cam", {
    dir: here.path,
    size: [4, 3, 3],
    type: "u16",
  });
  for (const slice of [0, 1, 2]) stream.write(flat(10 + slice), { slice });
  await using receiving = new Receiving(there);
  await using sending = new Transmitting(here, "cam", receiving.port);
  await until(
    "the repeat",
    () => sending.transmitter.status().repeats > 0,
  );
  await until("what was repeated", () => {
    const { frames, repeats } = receiving.receiver.status();
    return frames + repeats > 3;
  });
  using copy = Stream.open("cam", { dir: there.path });
  assertEquals(
    [0, 1, 2].map((slice) => copy.read({ slice }).pixels),
    [10, 11, 12].map((value) => flat(value)),
  );
});
