/** The receiver with honest peers: frames, peers, life and end. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Receiver } from "../../src/bridge/receive.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  flat,
  handshake,
  join,
  Receiving,
  Sender,
  wireFrame,
} from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";
import { Meanwhile } from "../_support/meanwhile.ts";
import { refused, sendOne, sent } from "./_inlet.ts";

Deno.test("Receiver.listen() publishes slices where the peer's index says", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using _ = await sent(
    receiving,
    handshake({ size: [4, 3, 3] }),
    wireFrame(flat(20), 1n, 2n),
    wireFrame(flat(10), 2n, 1n),
  );
  await receiving.frames(2);
  using stream = Stream.open("cam", { dir: folder.path });
  assertEquals(
    stream.read().pixels,
    new Uint16Array([...flat(0), ...flat(10), ...flat(20)]),
  );
  assertEquals(stream.fields().cnt1, 1n);
});

Deno.test("Receiver.listen() keeps a rolling cube rolling", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using _ = await sent(
    receiving,
    handshake({ size: [4, 3, 3], imageType: 1n }),
    wireFrame(flat(5), 1n, 0n),
  );
  await receiving.frames(1);
  using stream = Stream.open("cam", { dir: folder.path });
  assert(stream.layout.rolling);
});

Deno.test("Receiver.listen() counts gaps in the peer's counter as skipped", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using _ = await sent(
    receiving,
    handshake(),
    wireFrame(flat(1), 500n),
    wireFrame(flat(2), 501n),
    wireFrame(flat(3), 505n),
  );
  await receiving.frames(3);
  const { skipped, lastCnt0, bytes } = receiving.receiver.status();
  assertEquals([skipped, lastCnt0, bytes], [3, 505n, 3 * (24 + 16)]);
});

Deno.test("Receiver.listen() counts a frame that comes twice as no frame", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  const frame = wireFrame(flat(1), 9n);
  await sender.send(join(handshake(), frame, frame));
  await until("the repeat", () => receiving.receiver.status().repeats === 1);
  assertEquals(receiving.receiver.status().frames, 1);
  using stream = Stream.open("cam", { dir: folder.path });
  assertEquals(stream.cnt0, 1n);
});

Deno.test("Receiver.listen() goes on listening when its peer leaves", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  (await sendOne(receiving, 1)).close();
  await receiving.events.said(/closed, "cam" keeps its last frame/);
  using _ = await sendOne(receiving, 2, 2);
  assertEquals(receiving.receiver.status().reconnects, 1);
  using stream = Stream.open("cam", { dir: folder.path });
  assertEquals([stream.cnt0, stream.read().pixels], [2n, flat(2)]);
});

Deno.test("Receiver.listen() ends with its first peer with once", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder, { once: true });
  (await Sender.connect(receiving.port)).close(); // just looked in
  (await sendOne(receiving, 1)).close();
  await receiving.receiver.done;
});

Deno.test("Receiver.listen() takes peers of `allow` only", async () => {
  using folder = new Folder();
  {
    await using receiving = new Receiving(folder, { allow: ["192.0.2.1"] });
    await refused(receiving, /not among those of --allow/, handshake()).catch(
      () => {},
    );
    assertEquals(folder.names(), []);
  }
  await using receiving = new Receiving(folder, {
    allow: ["192.0.2.1", "127.0.0.1"],
  });
  using _ = await sendOne(receiving, 1);
});

Deno.test("Receiver.listen() knows an allowed IPv4 peer on an IPv6 socket", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder, {
    bind: "::",
    allow: ["127.0.0.1"],
  });
  using _ = await sendOne(receiving, 1);
});

Deno.test("Receiver.listen() serves ::1", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder, { bind: "::1" });
  using sender = await Sender.connect(receiving.port, "::1");
  await sender.send(join(handshake(), wireFrame(flat(4), 1n)));
  await receiving.frames(1);
});

Deno.test("Receiver.listen() says that a port is taken", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  const { port } = receiving;
  assertThrows(
    () => Receiver.listen({ port, dir: folder.path }),
    Deno.errors.AddrInUse,
    `Port ${port} on 127.0.0.1 is taken`,
  );
});

Deno.test("Receiver.listen() says that an address is not of this host", () => {
  assertThrows(
    () => Receiver.listen({ port: 0, bind: "192.0.2.7" }),
    Deno.errors.AddrNotAvailable,
    "no address 192.0.2.7",
  );
});

Deno.test("Receiver.listen() drops a silent peer after the idle timeout", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder, { idleTimeoutMs: 100 });
  using sender = await sendOne(receiving, 1);
  assert(await sender.closedByPeer());
  await receiving.events.said(/silent for too long/);
});

Deno.test("Receiver.listen() takes an idle timeout of no whole milliseconds", async () => {
  using folder = new Folder();
  {
    await using receiving = new Receiving(folder, { idleTimeoutMs: 60_000.5 });
    using _ = await sendOne(receiving, 7);
  }
  await using receiving = new Receiving(folder, { idleTimeoutMs: 0.4 });
  using silent = await sent(receiving, handshake());
  assert(await silent.closedByPeer());
  await receiving.events.said(/silent/);
});

Deno.test("Receiver.listen() refuses an idle timeout that is none", () => {
  for (const idleTimeoutMs of [-1, NaN, Infinity]) {
    assertThrows(
      () => Receiver.listen({ port: 0, idleTimeoutMs }),
      RangeError,
      "idle",
    );
  }
});

Deno.test("Receiver.listen() serves several peers with different streams", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using one = await Sender.connect(receiving.port);
  using two = await Sender.connect(receiving.port);
  await one.send(join(handshake({ name: "a" }), wireFrame(flat(1), 1n)));
  await two.send(join(handshake({ name: "b" }), wireFrame(flat(2), 1n)));
  await receiving.frames(2);
  assertEquals(receiving.receiver.streams.sort(), ["a", "b"]);
  assertEquals(folder.names(), ["a.im.shm", "b.im.shm"]);
});

Deno.test("Receiver.listen() refuses a second peer for a stream that is being fed", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using first = await sendOne(receiving, 1);
  // A silent one would have to make room.
  await using alive = new Meanwhile(
    50,
    () => first.send(wireFrame(flat(1), 1n)),
  );
  using second = await sent(receiving, handshake());
  assert(await second.closedByPeer());
  await receiving.events.said(/"cam" is fed by 127\.0\.0\.1:\d+ already/);
  await alive.end();
  await first.send(wireFrame(flat(2), 2n));
  await receiving.frames(2);
});

Deno.test("Receiver.stop() ends it though a peer is inside a frame", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using _ = await sent(
    receiving,
    handshake(),
    wireFrame(flat(1), 1n).slice(0, 20),
  );
  await until(
    "part of a frame",
    () => receiving.receiver.status().bytes === 20,
  );
  receiving.receiver.stop();
  await receiving.receiver.done;
  using stream = Stream.open("cam", { dir: folder.path });
  assertEquals([stream.cnt0, stream.fields().writing], [0n, false]);
});

Deno.test("Receiver.stop() ends it though a peer has announced nothing yet", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await sent(receiving, handshake().slice(0, 100));
  using other = await sendOne(receiving, 1);
  receiving.receiver.stop();
  receiving.receiver.stop();
  await receiving.receiver.done;
  assert(await sender.closedByPeer());
  assert(await other.closedByPeer());
});

Deno.test("Receiver.listen() that is told to end before it starts does", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder, {
    signal: AbortSignal.abort(),
  });
  await receiving.receiver.done;
});
