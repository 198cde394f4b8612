/** Both ends of our own wire with peers that lie, stall or talk nonsense. */

import { assert, assertEquals } from "@std/assert";
import {
  type Duplex,
  HELLO_BYTES,
  initiate,
  MAGIC,
  readExactly,
  respond,
  SERVICE,
} from "../../src/bridge/handshake.ts";
import { readAnswer, writeAnswer, writeOffer } from "../../src/bridge/wire.ts";
import { crc32c } from "../../ffi/wire_pump.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  flat,
  join,
  Receiving,
  Sender,
  Transmitting,
} from "../_support/bridge.ts";
import { Folder, PATIENCE_MS } from "../_support/cli.ts";
import { Meanwhile } from "../_support/meanwhile.ts";
import { Relay } from "../_support/relay.ts";

const OFFER = {
  capabilities: 0,
  policy: "latest",
  pieceBytes: 4096,
  pingMs: 1000,
  keywords: 2,
  imageType: 2n,
  source: { inode: 9n, creationNs: 7n },
  base: 0n,
  instance: 4n,
  type: "u16",
  size: [4, 3],
  name: "cam",
} as const;

function hello(change: (bytes: Uint8Array) => void = () => {}): Uint8Array {
  const bytes = new Uint8Array(HELLO_BYTES);
  bytes.set(MAGIC);
  bytes.set([1, 0, 1, 0, 0, 1, 1, 0], 8);
  crypto.getRandomValues(bytes.subarray(16));
  change(bytes);
  return bytes;
}

/** A message of words of 32 bits. */
function words(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function frame(
  change: (view: DataView) => void = () => {},
): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(96);
  const view = new DataView(head.buffer);
  view.setUint32(0, 1, true);
  view.setBigUint64(8, 1n, true);
  view.setUint32(80, 0xffff_ffff, true);
  view.setBigUint64(88, 24n, true);
  change(view);
  const pixels = new Uint8Array(flat(5).buffer);
  return join(head, pixels, words(1, crc32c(pixels, crc32c(head))));
}

/** An honest frame must be taken after whatever happened before. */
async function assertServes(receiving: Receiving): Promise<void> {
  const before = receiving.receiver.status().frames;
  using peer = await connect(receiving.port);
  const channel = await initiate(peer, { service: SERVICE.frames });
  await channel.send(writeOffer({ ...OFFER, name: "honest" }));
  assertEquals(readAnswer(await channel.receive(), 0).refusal, "");
  await peer.write(frame());
  await receiving.frames(before + 1);
}

function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

const GREETINGS: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ["noise behind the first bytes", join(MAGIC, hello().slice(16)), /./],
  ["a version of another time", hello((b) => b.set([9, 0, 9, 0], 8)), /speaks/],
  ["versions the wrong way round", hello((b) => b.set([2, 0, 1, 0], 8)), /./],
  ["the role of a receiver", hello((b) => b[13] = 2), /breaks the rules/],
  ["an unknown mode", hello((b) => b[12] = 7), /breaks the rules/],
  ["a key where none is asked for", hello((b) => b[12] = 1), /asks for a key/],
  ["another service", hello((b) => b[14] = 2), /something else/],
  ["a wrong proof", join(hello(), new Uint8Array(32)), /its key is not ours/],
];

Deno.test("greetings that lie are refused, and the next peer is served", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  for (const [what, bytes, message] of GREETINGS) {
    receiving.events.clear();
    using sender = await Sender.connect(receiving.port);
    await sender.send(bytes).catch(() => {});
    // It is answered once at most, then closed; what stays open waits.
    if (/noise/.test(what)) sender.close();
    await receiving.events.said(/refused/);
    assert(message.test(receiving.events.text), receiving.events.text);
  }
  assertEquals(folder.names(), []);
  await assertServes(receiving);
});

Deno.test("half a greeting, silence, and a byte now and then end in time", async () => {
  using folder = new Folder();
  // What honest peers have to do in time is done at another receiver's pace.
  await using hasty = new Receiving(folder, { handshakeTimeoutMs: 300 });
  await using receiving = new Receiving(folder);
  using silent = await Sender.connect(hasty.port);
  await silent.send(hello().slice(0, 20));
  using slow = await Sender.connect(hasty.port);
  const bytes = hello().values();
  await using dripping = new Meanwhile(50, async () => {
    const { value, done } = bytes.next();
    if (done) return false;
    return await slow.send(Uint8Array.of(value)).catch(() => false);
  });
  using early = await Sender.connect(receiving.port);
  await early.send(MAGIC.slice(0, 3));
  early.close();
  await hasty.events.said(/(greeting|announcement) in 0.3 s/, 2);
  await receiving.events.said(/refused: it closed after 3 of 384 bytes/);
  slow.close();
  await dripping.end();
  await assertServes(receiving);
});

Deno.test("a greeting that was recorded proves nothing when it is sent again", async () => {
  using here = new Folder();
  using there = new Folder();
  const key = `${here.path}/key`;
  Deno.writeTextFileSync(key, "sixteen bytes and more", { mode: 0o600 });
  using source = Stream.create("cam", {
    dir: here.path,
    size: [4, 3],
    type: "u16",
  });
  source.write(flat(1));
  await using receiving = new Receiving(there, { key });
  await using relay = new Relay(receiving.port);
  {
    await using _ = new Transmitting(here, "cam", relay.port, {
      wire: "shmim",
      key,
    });
    await receiving.frames(1);
  }
  using thief = await Sender.connect(receiving.port);
  await thief.send(join(...relay.seen)).catch(() => {});
  await receiving.events.said(/refused: its key is not ours/);
  assertEquals(receiving.receiver.status().frames, 1);
});

Deno.test("a stranger gets one greeting of 48 bytes out of a receiver with a key", async () => {
  using folder = new Folder();
  const key = `${folder.path}/key`;
  Deno.writeTextFileSync(key, "sixteen bytes and more", { mode: 0o600 });
  await using receiving = new Receiving(folder, { key });
  using peer = await connect(receiving.port);
  await peer.write(hello((bytes) => bytes[12] = 1));
  await peer.write(new Uint8Array(32));
  const got = new Uint8Array(1000);
  let n = 0;
  for (;;) {
    const more = await peer.read(got.subarray(n)).catch(() => null);
    if (more === null) break;
    n += more;
  }
  assertEquals(n, HELLO_BYTES);
  assertEquals([...got.subarray(8, 16)], [1, 0, 1, 0, 1, 2, 1, 0]);
});

const OFFERS: readonly (readonly [object, RegExp])[] = [
  [{ name: "../x" }, /holds a "\/"/],
  [{ name: "a\nb" }, /control character/],
  [{ size: [65_536, 65_536, 65_536] }, /more than the \d+ allowed/],
  [{ size: [0, 3] }, /an axis of length 0/],
  [{ size: [] }, /0 axes/],
  [{ type: "f128" }, /unknown data type/],
  [{ pieceBytes: 1 }, /pieces of 1 bytes/],
  [{ pieceBytes: 2 ** 31 }, /pieces of/],
  [{ keywords: 70_000 }, /70000 keywords/],
  [{ imageType: 1n }, /rolling cube of 2 axes/],
];

Deno.test("offers that lie are refused by name, nothing is made", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  for (const [change, message] of OFFERS) {
    using peer = await connect(receiving.port);
    const channel = await initiate(peer, { service: SERVICE.frames });
    await channel.send(writeOffer({ ...OFFER, ...change }));
    const { refusal } = readAnswer(await channel.receive(), 0);
    assert(message.test(refusal), refusal);
  }
  {
    using peer = await connect(receiving.port);
    const channel = await initiate(peer, { service: SERVICE.frames });
    await channel.send(new Uint8Array(7));
    const { refusal } = readAnswer(await channel.receive(), 0);
    assert(/7 bytes, expected 192/.test(refusal), refusal);
  }
  {
    using peer = await connect(receiving.port);
    await initiate(peer, { service: SERVICE.frames });
    await peer.write(words(0xffff_ffff));
    await receiving.events.said(/its message claims 4294967295 bytes/);
  }
  {
    using peer = await connect(receiving.port);
    await initiate(peer, { service: SERVICE.frames });
    await peer.write(join(words(4), new Uint8Array(36)));
    await receiving.events.said(/its message was changed on the way/);
  }
  assertEquals(folder.names(), []);
  await assertServes(receiving);
});

const MESSAGES: readonly (readonly [string, Uint8Array])[] = [
  ["an unknown type", words(9)],
  ["a slice of an image", frame((view) => view.setUint32(80, 0, true))],
  ["too many bytes", frame((view) => view.setBigUint64(88, 25n, true))],
  ["endless bytes", frame((view) => view.setBigUint64(88, 2n ** 64n - 1n))],
  ["unknown flags", frame((view) => view.setUint32(4, 1, true))],
  ["an unknown mark", join(frame().slice(0, -8), words(5, 0))],
  ["more pieces than there are", join(frame().slice(0, -8), words(0, 0))],
  ["keywords beyond those offered", words(2, 1, 2, 0)],
  ["no keywords", words(2, 0, 0, 0)],
  ["endless keywords", words(2, 0xffff_ffff, 2, 0)],
  ["keywords with a wrong sum", join(words(2, 0, 1, 0), new Uint8Array(128))],
  ["a pong", join(words(4), new Uint8Array(52))],
];

Deno.test("messages that break the rules end the connection, not the receiver", async () => {
  using folder = new Folder();
  await using receiving = new Receiving(folder);
  for (const [what, bytes] of MESSAGES) {
    receiving.events.clear();
    using peer = await connect(receiving.port);
    const channel = await initiate(peer, { service: SERVICE.frames });
    await channel.send(writeOffer(OFFER));
    assertEquals(readAnswer(await channel.receive(), 0).refusal, "", what);
    await peer.write(bytes);
    await receiving.events.said(/broke the rules of the wire/);
  }
  assertEquals(receiving.receiver.status().frames, 0);
  await assertServes(receiving);
});

/** A receiver that does as it likes with each connection. */
async function against(
  serve: (connection: Deno.TcpConn) => Promise<void>,
  said: RegExp,
  handshakeTimeoutMs = PATIENCE_MS,
): Promise<void> {
  using folder = new Folder();
  using source = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  source.write(flat(1));
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    using connection = await listener.accept();
    await serve(connection).catch(() => {});
    // Until the transmitter has had enough.
    while (await connection.read(new Uint8Array(512)).catch(() => null)) {
      /**/
    }
  })();
  await using transmitting = new Transmitting(
    folder,
    "cam",
    (listener.addr as Deno.NetAddr).port,
    { wire: "shmim", handshakeTimeoutMs },
  );
  await transmitting.events.said(said);
  transmitting.transmitter.stop();
  await serving;
}

async function agree(connection: Duplex): Promise<void> {
  const first = await readExactly(connection, new Uint8Array(8), "greeting");
  const channel = await respond(connection, first, { service: SERVICE.frames });
  await channel.receive();
  await channel.send(
    writeAnswer({ refusal: "", capabilities: 0, progress: undefined }),
  );
}

Deno.test("a transmitter survives receivers that lie, stall or talk nonsense", async () => {
  await against(
    async () => {},
    /did not finish its greeting in 0.3 s/,
    300,
  );
  await against(async (connection) => {
    await connection.write(crypto.getRandomValues(new Uint8Array(48)));
  }, /does not speak shmim's wire/);
  await against(async (connection) => {
    await connection.write(hello((bytes) => bytes[13] = 2));
    await connection.write(new Uint8Array(32));
  }, /its key is not ours/);
  await against(async (connection) => {
    await agree(connection);
    await connection.write(new Uint8Array(56).fill(3));
  }, /broke the rules of the wire/);
  await against(async (connection) => {
    await agree(connection);
    await connection.write(join(words(4, 1), new Uint8Array(48).fill(0xff)));
    await connection.write(join(words(4, 7), new Uint8Array(48)));
  }, /broke the rules of the wire/);
});
