/** The receiver with honest peers: the streams that it stores into. */

import { assert, assertEquals } from "@std/assert";
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
import { refused, sendOne, sent } from "./_inlet.ts";
import { outOfSight, source } from "./_outlet.ts";

function inode(folder: Folder, name: string): number | null {
  return Deno.lstatSync(folder.stream(name)).ino;
}

Deno.test("Receiver.listen() reuses a stream of the same type and size in place", async () => {
  using folder = new Folder();
  using local = source(folder);
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
  using local = source(folder, {
    size: [5, 3],
  });
  const before = inode(folder, "cam");
  await using receiving = new Receiving(folder);
  await refused(
    receiving,
    /5x3 u16, the peer sends 4x3 u16; --replace/,
    handshake(),
    wireFrame(flat(7), 1n),
  );
  assertEquals([inode(folder, "cam"), local.cnt0], [before, 0n]);
});

Deno.test("Receiver.listen() leaves a stream of as many pixels in other slices alone", async () => {
  using folder = new Folder();
  using local = source(folder);
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  // Three slices of 1x4 are the same memory, but no frame of it is whole.
  const size = [1, 4, 3];
  await sender.send(join(handshake({ size }), wireFrame(flat(7, 4), 1n)));
  assert(await sender.closedByPeer());
  await receiving.events.said(/4x3 u16, the peer sends 1x4x3 u16; --replace/);
  assertEquals(local.cnt0, 0n);
  // One slice, and no slices, are the same.
  using _ = await sent(
    receiving,
    handshake({ size: [4, 3, 1] }),
    wireFrame(flat(8), 1n),
  );
  await receiving.frames(1);
  assertEquals(local.read().pixels, flat(8));
});

Deno.test("Receiver.listen() replaces a stream of another size with replace", async () => {
  using folder = new Folder();
  using local = source(folder, {
    size: [5, 3],
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
    await refused(
      receiving,
      /as a link: frames would overwrite its source/,
      handshake(),
      wireFrame(flat(7), 1n),
    );
  }
  assertEquals(target.cnt0, 0n);
  assert(Deno.lstatSync(folder.stream("cam")).isSymlink);
});

Deno.test("Receiver.listen() refuses a damaged stream without replace", async () => {
  using folder = new Folder();
  Deno.writeFileSync(folder.stream("cam"), new Uint8Array(100));
  {
    await using receiving = new Receiving(folder);
    await refused(receiving, /refused/, handshake());
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
  using local = source(folder, {
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
  using local = source(folder, {
    keywords: 4,
  });
  local.setKeywords(["X", "Y", "Z"].map((name) => ({
    name,
    type: "L",
    value: 9n,
    comment: "old",
  })));
  await using receiving = new Receiving(folder);
  using _ = await sent(
    receiving,
    handshake({ keywords: 1 }),
    wireFrame(flat(7), 1n, 0n, keywordRecord("A", 1n)),
  );
  await receiving.frames(1);
  assertEquals(local.keywords(), [
    { name: "A", type: "L", value: 1n, comment: "" },
  ]);
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
  using next = source(folder, {
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
  using next = source(folder, {
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
