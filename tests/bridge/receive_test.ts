/** The receiver with honest peers: destinations, limits, life and end. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Receiver } from "../../src/bridge/receive.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  flat,
  handshake,
  join,
  keywordRecord,
  Receiving,
  Sender,
  wireFrame,
} from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";
import { outOfSight } from "./_outlet.ts";

function inode(folder: Folder, name: string): number | null {
  return Deno.lstatSync(folder.stream(name)).ino;
}

/** Sends an announcement and one frame, and waits until it is published. */
async function sendOne(
  receiving: Receiving,
  value: number,
  frames = 1,
): Promise<Sender> {
  const sender = await Sender.connect(receiving.port);
  await sender.send(join(handshake(), wireFrame(flat(value), 1n)));
  await receiving.frames(frames);
  return sender;
}

Deno.test("Receiver.listen() reuses a stream of the same type and size in place", async () => {
  using folder = new Folder();
  using local = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
    keywords: 0,
  });
  local.write(flat(1));
  const before = inode(folder, "cam");
  await using receiving = new Receiving(folder);
  using _ = await sendOne(receiving, 7);
  assertEquals(inode(folder, "cam"), before);
  const frame = local.read();
  assertEquals([frame.cnt0, frame.pixels], [2n, flat(7)]);
});

Deno.test("Receiver.listen() leaves a stream of another size alone", async () => {
  using folder = new Folder();
  using local = Stream.create("cam", {
    dir: folder.path,
    size: [5, 3],
    type: "u16",
  });
  const before = inode(folder, "cam");
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  await sender.send(join(handshake(), wireFrame(flat(7), 1n)));
  assert(await sender.closedByPeer());
  await receiving.events.said(/5x3 u16, the peer sends 4x3 u16; --replace/);
  assertEquals([inode(folder, "cam"), local.cnt0], [before, 0n]);
});

Deno.test("Receiver.listen() leaves a stream of as many pixels in other slices alone", async () => {
  using folder = new Folder();
  using local = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  // Three slices of 1x4 are the same memory, but no frame of it is whole.
  const size = [1, 4, 3];
  await sender.send(join(handshake({ size }), wireFrame(flat(7, 4), 1n)));
  assert(await sender.closedByPeer());
  await receiving.events.said(/4x3 u16, the peer sends 1x4x3 u16; --replace/);
  assertEquals(local.cnt0, 0n);
  // One slice, and no slices, are the same.
  using other = await Sender.connect(receiving.port);
  await other.send(join(
    handshake({ size: [4, 3, 1] }),
    wireFrame(flat(8), 1n),
  ));
  await receiving.frames(1);
  assertEquals(local.read().pixels, flat(8));
});

Deno.test("Receiver.listen() replaces a stream of another size with replace", async () => {
  using folder = new Folder();
  using local = Stream.create("cam", {
    dir: folder.path,
    size: [5, 3],
    type: "u16",
  });
  const before = inode(folder, "cam");
  await using receiving = new Receiving(folder, { replace: true });
  using _ = await sendOne(receiving, 7);
  assert(inode(folder, "cam") !== before);
  using next = Stream.open("cam", { dir: folder.path });
  assertEquals([next.size, next.read().pixels], [[4, 3], flat(7)]);
  assertEquals(local.cnt0, 0n, "who has the old one open keeps it unharmed");
});

Deno.test("Receiver.listen() refuses to write through a link", async () => {
  using folder = new Folder();
  using target = Stream.create("real", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  Deno.symlinkSync(folder.stream("real"), folder.stream("cam"));
  for (const replace of [false, true]) {
    await using receiving = new Receiving(folder, { replace });
    using sender = await Sender.connect(receiving.port);
    await sender.send(join(handshake(), wireFrame(flat(7), 1n)));
    assert(await sender.closedByPeer());
    await receiving.events.said(/as a link: frames would overwrite its source/);
  }
  assertEquals(target.cnt0, 0n);
  assert(Deno.lstatSync(folder.stream("cam")).isSymlink);
});

Deno.test("Receiver.listen() refuses a damaged stream without replace", async () => {
  using folder = new Folder();
  Deno.writeFileSync(folder.stream("cam"), new Uint8Array(100));
  {
    await using receiving = new Receiving(folder);
    using sender = await Sender.connect(receiving.port);
    await sender.send(handshake());
    assert(await sender.closedByPeer());
    await receiving.events.said(/refused/);
  }
  await using receiving = new Receiving(folder, { replace: true });
  using _ = await sendOne(receiving, 3);
});

Deno.test("Receiver.listen() stores under the name that `as` gives", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder, { as: "other" });
  using _ = await sendOne(receiving, 7);
  assertEquals(folder.names(), ["other.im.shm"]);
  using stream = Stream.open("other", { dir: folder.path });
  assertEquals(stream.layout.name, "other");
});

Deno.test("Receiver.listen() keeps what fits into a smaller keyword block and says so", async () => {
  using folder = new Folder();
  using local = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
    keywords: 1,
  });
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  const keywords = join(keywordRecord("A", 1n), keywordRecord("B", 2n));
  await sender.send(join(
    handshake({ keywords: 2 }),
    wireFrame(flat(7), 1n, 0n, keywords),
  ));
  await receiving.frames(1);
  assertEquals(local.keywords(), [
    { name: "A", type: "L", value: 1n, comment: "" },
  ]);
  assertEquals(receiving.events.count(/holds 1 keywords, the peer sends 2/), 1);
  assertEquals(
    local.semaphores().map(({ value }) => value),
    new Array(10).fill(1),
    "what lies behind the keywords is untouched",
  );
});

Deno.test("Receiver.listen() clears a larger keyword block", async () => {
  using folder = new Folder();
  using local = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
    keywords: 4,
  });
  local.setKeywords(["X", "Y", "Z"].map((name) => ({
    name,
    type: "L",
    value: 9n,
    comment: "old",
  })));
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  await sender.send(join(
    handshake({ keywords: 1 }),
    wireFrame(flat(7), 1n, 0n, keywordRecord("A", 1n)),
  ));
  await receiving.frames(1);
  assertEquals(local.keywords(), [
    { name: "A", type: "L", value: 1n, comment: "" },
  ]);
});

Deno.test("Receiver.listen() publishes slices where the peer's index says", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  await sender.send(join(
    handshake({ size: [4, 3, 3] }),
    wireFrame(flat(20), 1n, 2n),
    wireFrame(flat(10), 2n, 1n),
  ));
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
  using sender = await Sender.connect(receiving.port);
  await sender.send(join(
    handshake({ size: [4, 3, 3], imageType: 1n }),
    wireFrame(flat(5), 1n, 0n),
  ));
  await receiving.frames(1);
  using stream = Stream.open("cam", { dir: folder.path });
  assert(stream.layout.rolling);
});

Deno.test("Receiver.listen() counts gaps in the peer's counter as skipped", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  await sender.send(join(
    handshake(),
    wireFrame(flat(1), 500n),
    wireFrame(flat(2), 501n),
    wireFrame(flat(3), 505n),
  ));
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
    using sender = await Sender.connect(receiving.port);
    await sender.send(handshake()).catch(() => {});
    assert(await sender.closedByPeer());
    await receiving.events.said(/not among those of --allow/);
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

Deno.test("Receiver.listen() goes on where its stream cannot be looked at, and says so once", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await sendOne(receiving, 1);
  {
    using _ = outOfSight(folder);
    await receiving.events.said(/cannot look after "cam".*ELOOP/);
    await sender.send(wireFrame(flat(2), 2n));
    await receiving.frames(2);
  }
  assertEquals(receiving.events.count(/cannot look after/), 1);
});

Deno.test("Receiver.listen() takes an idle timeout of no whole milliseconds", async () => {
  using folder = new Folder();
  {
    await using receiving = new Receiving(folder, { idleTimeoutMs: 60_000.5 });
    using _ = await sendOne(receiving, 7);
  }
  await using receiving = new Receiving(folder, { idleTimeoutMs: 0.4 });
  using silent = await Sender.connect(receiving.port);
  await silent.send(handshake());
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
  const refused = new AbortController();
  const alive = (async () => { // a silent one would have to make room
    while (!refused.signal.aborted) {
      await first.send(wireFrame(flat(1), 1n));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  using second = await Sender.connect(receiving.port);
  await second.send(handshake());
  assert(await second.closedByPeer());
  await receiving.events.said(/"cam" is fed by 127\.0\.0\.1:\d+ already/);
  refused.abort();
  await alive;
  await first.send(wireFrame(flat(2), 2n));
  await receiving.frames(2);
});

Deno.test("Receiver.listen() makes a removed destination anew and goes on", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await sendOne(receiving, 1);
  Deno.removeSync(folder.stream("cam"));
  await receiving.events.said(/was removed; making it anew/);
  await sender.send(wireFrame(flat(2), 2n));
  await receiving.frames(2);
  using stream = Stream.open("cam", { dir: folder.path });
  assertEquals(stream.read().pixels, flat(2));
});

Deno.test("Receiver.listen() goes on with a destination re-created in the same shape", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await sendOne(receiving, 1);
  using next = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
    existing: "replace",
  });
  await receiving.events.said(/was re-created; going on/);
  await sender.send(wireFrame(flat(2), 2n));
  await receiving.frames(2);
  assertEquals(next.read().pixels, flat(2));
});

Deno.test("Receiver.listen() closes where its destination is re-created in another shape", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await sendOne(receiving, 1);
  using next = Stream.create("cam", {
    dir: folder.path,
    size: [9],
    type: "u8",
    existing: "replace",
  });
  await receiving.events.said(/re-created with another type or size/);
  assert(await sender.closedByPeer());
  assertEquals(next.cnt0, 0n);
});

Deno.test("Receiver.listen() survives a destination that shrinks under it", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await sendOne(receiving, 1);
  Deno.truncateSync(folder.stream("cam"), 0);
  await sender.send(wireFrame(flat(2), 2n)).catch(() => {});
  assert(await sender.closedByPeer());
  await receiving.events.said(/warning: 127/);
  Deno.removeSync(folder.stream("cam"));
  using _ = await Sender.connect(receiving.port).then(async (honest) => {
    await honest.send(join(handshake(), wireFrame(flat(3), 1n)));
    return honest;
  });
  await until("the next peer's frame", () => {
    try {
      using stream = Stream.open("cam", { dir: folder.path });
      return stream.cnt0 === 1n;
    } catch {
      return false;
    }
  });
});

Deno.test("Receiver.listen() warns of another writer, and counts it", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await sendOne(receiving, 1);
  using other = Stream.open("cam", { dir: folder.path });
  other.write(flat(100));
  await sender.send(wireFrame(flat(2), 2n));
  await receiving.frames(2);
  assertEquals(other.cnt0, 3n);
  await receiving.events.said(/another program writes "cam", too/);
  assertEquals(receiving.receiver.status().foreign, 1);
});

Deno.test("Receiver.stop() ends it though a peer is inside a frame", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  await sender.send(join(handshake(), wireFrame(flat(1), 1n).slice(0, 20)));
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
  using sender = await Sender.connect(receiving.port);
  await sender.send(handshake().slice(0, 100));
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
