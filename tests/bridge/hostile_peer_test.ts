/** The receiver with peers that lie, stall, break off or talk nonsense. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import {
  type Claim,
  flat,
  handshake,
  join,
  Receiving,
  Sender,
  wireFrame,
} from "../_support/bridge.ts";
import { Folder, Running, until } from "../_support/cli.ts";

/** An honest peer must be served after whatever happened before. */
async function assertServes(receiving: Receiving): Promise<void> {
  const before = receiving.receiver.status().frames;
  using sender = await Sender.connect(receiving.port);
  await sender.send(
    join(handshake({ name: "honest" }), wireFrame(flat(42), 1n)),
  );
  await receiving.frames(before + 1);
}

/** Sends bytes that must be refused; returns what the receiver said. */
async function refusal(
  bytes: Uint8Array,
  options: ConstructorParameters<typeof Receiving>[1] = {},
): Promise<string> {
  using folder = new Folder();
  await using receiving = new Receiving(folder, options);
  using sender = await Sender.connect(receiving.port);
  await sender.send(bytes).catch(() => {});
  assert(await sender.closedByPeer());
  await receiving.events.said(/refused/);
  assertEquals(folder.names(), [], "nothing was made");
  await assertServes(receiving);
  return receiving.events.text;
}

const LIES: readonly (readonly [string, Claim, RegExp])[] = [
  ["version 1.05", { version: "1.05" }, /version "1\.05" is not supported/],
  ["no version", { version: "" }, /no version/],
  ["naxis 0", { naxis: 0 }, /number of axes is 0/],
  ["naxis 4", { naxis: 4 }, /number of axes is 4/],
  ["naxis 200", { naxis: 200 }, /number of axes is 200/],
  ["an axis of 0", { size: [4, 0] }, /length of axis 1 is 0/],
  ["a second axis of 0 of 3", { size: [4, 0, 3] }, /length of axis 1 is 0/],
  ["type 0", { code: 0 }, /data type code is 0/],
  ["type 14", { code: 14 }, /data type code is 14/],
  ["type 255", { code: 255 }, /data type code is 255/],
  ["complex pixels", { code: 11, elementBytes: 8 }, /complex pixels \(c64\)/],
  ["complex doubles", { code: 12, elementBytes: 16 }, /complex pixels/],
  [
    "a product beyond 64 bits",
    { size: [0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF], elements: 0xFFFFFFFFn },
    /number of pixels/,
  ],
  [
    "a product that wraps to a small one in 32 bits",
    { size: [65536, 65537], elements: 65536n, dataBytes: 131072n },
    /number of pixels/,
  ],
  [
    "a product that wraps to nothing in 64 bits",
    {
      size: [0x80000000, 0x80000000, 4],
      elements: 0n,
      dataBytes: 0n,
    },
    /number of pixels/,
  ],
  [
    "more than 1 GiB",
    { size: [65536, 16385], code: 1, elementBytes: 1 },
    /more than the 1073741824 allowed \(--max-bytes\)/,
  ],
  ["a wrong byte count", { dataBytes: 23n }, /size of the pixels in bytes/],
  ["a private stream", { shared: 0 }, /"shared" mark/],
  ["GPU memory", { location: 0 }, /GPU 0/],
  ["an empty name", { name: "" }, /is empty/],
  ["a name with ../", { name: "../../etc/x" }, /holds a "\/"/],
  ["an absolute name", { name: "/etc/x" }, /holds a "\/"/],
  ["the name ..", { name: ".." }, /leads out of the folder/],
  ["the name .", { name: "." }, /leads out of the folder/],
  ["a name with an escape", { name: "a\x1b[2Jb" }, /control character/],
  ["a name with a line feed", { name: "a\nb" }, /control character/],
  ["a name that fills its field", { name: "n".repeat(80) }, /longer than 79/],
  ["a rolling cube of two axes", { imageType: 1n }, /rolling cube/],
];

Deno.test.each(LIES)(
  "Receiver.listen() refuses an announcement with %s",
  async (_, claim, reason) => {
    const said = await refusal(join(handshake(claim), wireFrame(flat(1), 1n)));
    assertMatch(said, reason);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f]/.test(said), "nothing raw is echoed");
  },
);

Deno.test("Receiver.listen() refuses what is larger than maxBytes", async () => {
  const said = await refusal(handshake({ size: [5, 3] }), { maxBytes: 29 });
  assertMatch(said, /announces 30 bytes, more than the 29 allowed/);
});

Deno.test("Receiver.listen() refuses random bytes", async () => {
  let seed = 12345;
  const random = new Uint8Array(5000).map(() => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed >>> 16;
  });
  await refusal(random);
});

Deno.test("Receiver.listen() refuses an HTTP request", async () => {
  const request = "GET / HTTP/1.1\r\nHost: rtc\r\n".padEnd(600, "x");
  assertMatch(
    await refusal(new TextEncoder().encode(request)),
    /is not supported/,
  );
});

Deno.test("Receiver.listen() refuses half an announcement", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  {
    using sender = await Sender.connect(receiving.port);
    await sender.send(handshake().slice(0, 200));
  }
  await receiving.events.said(/closed after 200 of 384 bytes/);
  assertEquals(folder.names(), []);
  await assertServes(receiving);
});

Deno.test("Receiver.listen() drops a peer that never announces anything", async () => {
  using folder = new Folder();
  {
    await using hasty = new Receiving(folder, { handshakeTimeoutMs: 50 });
    using silent = await Sender.connect(hasty.port);
    assert(await silent.closedByPeer());
    await hasty.events.said(/sent 0 of 384 bytes of its announcement/);
    // However many of them it had read when the time was up.
    using slow = await Sender.connect(hasty.port);
    await slow.send(handshake().slice(0, 383)).catch(() => {});
    assert(await slow.closedByPeer());
    await hasty.events.said(/sent \d+ of 384 bytes/, 2);
  }
  assertEquals(folder.names(), []);
  await using receiving = new Receiving(folder);
  await assertServes(receiving);
});

Deno.test("Receiver.listen() serves others while a peer keeps silent", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using _ = await Sender.connect(receiving.port);
  await assertServes(receiving);
});

Deno.test("Receiver.listen() never publishes a frame that is cut off", async () => {
  const frame = wireFrame(flat(2), 2n);
  for (const part of [1, 23, 24, 32, 39]) {
    using folder = new Folder();
    await using receiving = new Receiving(folder);
    using sender = await Sender.connect(receiving.port);
    await sender.send(join(
      handshake(),
      wireFrame(flat(1), 1n),
      frame.slice(0, part),
    ));
    sender.close();
    await receiving.events.said(/broke off inside a frame of "cam"/);
    using stream = Stream.open("cam", { dir: folder.path });
    assertEquals([stream.cnt0, stream.read().pixels], [1n, flat(1)]);
    assertEquals(receiving.receiver.status().frames, 1);
    await assertServes(receiving);
  }
});

const INDICES = [3n, 255n, 1n << 31n, 1n << 32n, (1n << 64n) - 1n];

Deno.test.each(INDICES)(
  "Receiver.listen() refuses slice %s of a cube of three",
  async (index) => {
    using folder = new Folder();
    await using receiving = new Receiving(folder);
    using sender = await Sender.connect(receiving.port);
    await sender.send(join(
      handshake({ size: [4, 3, 3] }),
      wireFrame(flat(1), 1n, 0n),
      wireFrame(flat(2), 2n, index),
    ));
    assert(await sender.closedByPeer());
    await receiving.events.said(/which has no such slice/);
    using stream = Stream.open("cam", { dir: folder.path });
    assertEquals(stream.cnt0, 1n);
    await assertServes(receiving);
  },
);

Deno.test("Receiver.listen() refuses slice 1 of an image", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  await sender.send(join(handshake(), wireFrame(flat(1), 1n, 1n)));
  assert(await sender.closedByPeer());
  await receiving.events.said(/sent slice 1 of "cam"/);
});

Deno.test("Receiver.listen() takes 65535 keywords", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  const keywords = new Uint8Array(128 * 65535);
  await sender.send(join(
    handshake({ keywords: 65535 }),
    wireFrame(flat(1), 1n, 0n, keywords),
  ));
  await receiving.frames(1);
  using stream = Stream.open("cam", { dir: folder.path });
  assertEquals(stream.layout.keywordCount, 65535);
});

Deno.test("Receiver.listen() stays in its folder for a name that ends like a file", async () => {
  using folder = new Folder();
  using elsewhere = new Folder();
  await using receiver = new Running(["receive", "0"], {
    folder,
    cwd: elsewhere.path,
  });
  const [, port] = await receiver.says(/listening on 127\.0\.0\.1:(\d+)/);
  using sender = await Sender.connect(Number(port));
  await sender.send(join(
    handshake({ name: "cam.im.shm" }),
    wireFrame(flat(1), 1n),
  ));
  await receiver.says(/sends "cam.im.shm" 4x3 u16/);
  assertEquals(elsewhere.names(), []);
  assertEquals(folder.names(), ["cam.im.shm.im.shm"]);
});

Deno.test("Receiver.listen() feeds a stream from one of many peers that come at once", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  const senders = await Promise.all(
    Array.from({ length: 8 }, () => Sender.connect(receiving.port)),
  );
  try {
    await Promise.all(senders.map((sender) => sender.send(handshake())));
    await receiving.events.said(/is fed by/, 7);
    assertEquals(receiving.events.count(/sends "cam"/), 1);
  } finally {
    for (const sender of senders) sender.close();
  }
});

Deno.test("Receiver.listen() gives the place of a peer that died silently to a new one", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using first = await Sender.connect(receiving.port);
  await first.send(join(handshake(), wireFrame(flat(1), 1n)));
  await receiving.frames(1);
  const next = await until("the place is free", async () => {
    const sender = await Sender.connect(receiving.port);
    await sender.send(join(handshake(), wireFrame(flat(9), 1n)));
    const refusals = receiving.events.count(/is fed by/);
    await until(
      "an answer",
      () =>
        receiving.events.count(/is fed by/) > refusals ||
        receiving.receiver.status().frames === 2,
    );
    if (receiving.receiver.status().frames === 2) return sender;
    sender.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  next.close();
  assert(await first.closedByPeer());
  await receiving.events.said(/is silent, a new peer takes its place/);
});

Deno.test("Receiver.listen() survives a flood of connections that say nothing", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  const senders: Sender[] = [];
  try {
    for (let i = 0; i < 70; i++) {
      senders.push(await Sender.connect(receiving.port));
    }
    await receiving.events.said(/too many connections that announce nothing/);
  } finally {
    for (const sender of senders) sender.close();
  }
  await until("room again", async () => {
    using sender = await Sender.connect(receiving.port);
    await sender.send(join(handshake(), wireFrame(flat(1), 1n)));
    await new Promise((resolve) => setTimeout(resolve, 20));
    return receiving.receiver.status().frames > 0;
  });
});
