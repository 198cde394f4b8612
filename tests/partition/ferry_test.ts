/** What carries segments, and a peer that does not keep to the rules. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { initiate, SERVICE } from "../../src/bridge/handshake.ts";
import { Ferry } from "../../src/partition/ferry.ts";
import {
  bytesOf,
  Layout,
  ownLock,
  recordOf,
  recordsOf,
} from "../../src/partition/layout.ts";
import { Line, type Message, type Parcel } from "../../src/partition/line.ts";
import { readRegistry } from "../../src/partition/registry.ts";
import { IPC_CREAT, type Xp } from "../../src/partition/xp.ts";
import { Segment } from "../../src/sysv/segment.ts";
import { until } from "../_support/cli.ts";
import { Host } from "./_support.ts";

const KEY = new TextEncoder().encode("a key of more than 16 bytes");

/** The far end of a line, in the hands of a test. */
class Peer implements AsyncDisposable {
  readonly messages: Message[] = [];
  readonly parcels: Parcel[] = [];
  readonly line: Line;
  readonly done: Promise<unknown>;
  ended = false;

  private constructor(line: Line) {
    this.line = line;
    this.done = line.run({
      onMessage: (message) => this.messages.push(message),
      onParcel: (parcel) => this.parcels.push(parcel),
      most: () => 2 ** 20,
    }).catch(() => {}).finally(() => this.ended = true);
  }

  static async meet(port: number, hello: object = {}): Promise<Peer> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const channel = await initiate(connection, {
      service: SERVICE.segments,
      key: KEY,
    });
    const peer = new Peer(new Line(channel, connection));
    const usual = { from: 2, to: 1, version: 1, timeoutS: 5 };
    peer.line.send({ t: "hello", ...usual, ...hello });
    return peer;
  }

  /** The next message of a kind. */
  async message(t: string): Promise<Message> {
    return await until(
      () => `${t} in ${JSON.stringify(this.messages)}`,
      () => this.messages.find((one) => one.t === t),
    );
  }

  async lost(): Promise<void> {
    await until("the line is given up", () => this.ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.line.close();
    await this.done;
  }
}

/** Partition 1 with what carries its segments to partition 2. */
class Carried implements AsyncDisposable {
  readonly host: Host = new Host();
  readonly xp: Xp;
  readonly ferry: Ferry;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(timeoutS = 5) {
    const peers = [{ partition: 2, host: "127.0.0.1", port: 1 }];
    this.xp = this.host.up(0, 1, { timeoutS }, peers).xp;
    this.ferry = new Ferry({
      folder: this.host.run,
      unit: 0,
      peer: 2,
      where: { listen: "127.0.0.1" },
      key: KEY,
      signal: this.#stop.signal,
    });
    this.#done = this.ferry.run();
  }

  /** A segment with a key. */
  segment(size = 100): { id: number; uid: string } {
    const id = this.xp.shmget(this.xp.ftok(null, 1), size, IPC_CREAT);
    const uid = this.uid(id);
    assert(uid !== undefined);
    return { id, uid };
  }

  uid(id: number): string | undefined {
    return readRegistry(this.host.run).segments
      .find(({ shmid }) => shmid === id)?.uid;
  }

  meet(hello?: object): Promise<Peer> {
    return Peer.meet(this.ferry.port, hello);
  }

  said(): string {
    return this.ferry.answer({ do: "status", after: 0 }).events
      .map(({ message }) => message).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.host[Symbol.dispose]();
  }
}

const COPY = "00000000000000c1";

async function held(peer: Peer, uid: string, since?: string): Promise<Parcel> {
  peer.line.send({
    t: "hold",
    handle: 5,
    uid,
    copy: COPY,
    since: since ?? null,
  });
  await peer.message("held");
  return await until("its bytes", () => peer.parcels.at(-1));
}

function ask(number: bigint, records: Uint8Array<ArrayBuffer>): Parcel {
  return { ask: true, handle: 5, update: number, own: 0n, records };
}

Deno.test("a copy is given all that the owner has, then what changes", async () => {
  await using carried = new Carried();
  const { id, uid } = carried.segment();
  using memory = carried.xp.shmat(id);
  memory.update(1, new Uint8Array([7]));
  await using peer = await carried.meet();
  const first = await held(peer, uid);
  assertEquals([first.update, first.own], [1n, 0n]);
  const whole = new Uint8Array(100);
  whole[1] = 7;
  assertEquals(first.records, recordOf(0, whole));
  memory.update(50, new Uint8Array([1, 2]));
  const second = await until("more", () => peer.parcels[1]);
  assertEquals(second.update, 2n);
  assertEquals(second.records, recordOf(50, new Uint8Array([1, 2])));

  // Its own come back with their number; the same once more is not made.
  for (const _ of [1, 2]) {
    peer.line.sendParcel(ask(9n, recordOf(60, new Uint8Array([3]))));
  }
  const third = await until("its own", () => peer.parcels[2]);
  assertEquals([third.update, third.own], [3n, 9n]);
  peer.line.sendParcel(ask(10n, recordOf(61, new Uint8Array([4]))));
  await until("the next", () => peer.parcels.at(-1)?.own === 10n);
  assertEquals(memory.updates, 4n);

  // After a line was lost it lacks just what came since.
  await peer[Symbol.asyncDispose]();
  memory.update(70, new Uint8Array([5]));
  await using again = await carried.meet();
  const since = await held(again, uid, "4");
  assertEquals((await again.message("held")).last, "10");
  assertEquals([since.update, since.own], [5n, 10n]);
  assertEquals(since.records, recordOf(70, new Uint8Array([5])));
});

Deno.test("beyond the log a copy is given the blocks that have changed", async () => {
  await using carried = new Carried();
  const { id, uid } = carried.segment(40_000);
  using memory = carried.xp.shmat(id);
  {
    await using peer = await carried.meet();
    await held(peer, uid);
  }
  for (let n = 0; n < 300; n++) memory.update(5000, new Uint8Array([n]));
  memory.update(39_999, new Uint8Array([1]));
  await using peer = await carried.meet();
  const { records, update } = await held(peer, uid, "0");
  assertEquals(update, 301n);
  const expected = recordsOf([
    { offset: 4096, length: 4096 },
    { offset: 36_864, length: 40_000 - 36_864 },
  ]);
  expected.set(memory.read(4096, 4096), 16);
  expected.set(memory.read(36_864), 16 + 4096 + 16);
  assertEquals(records, expected);
});

Deno.test("who breaks the rules loses the line, and touches nothing", async () => {
  await using carried = new Carried();
  const { id, uid } = carried.segment();
  const other = carried.xp.shmget(0, 100); // no key leads to it
  using memory = carried.xp.shmat(id);
  const beyond = recordOf(0, new Uint8Array(8));
  beyond.set(bytesOf([96n, 8n]), 0);
  const wrap = recordOf(0, new Uint8Array(8));
  wrap.set(bytesOf([2n ** 64n - 4n, 8n]), 0);
  const long = recordOf(0, new Uint8Array(8));
  long.set(bytesOf([0n, 100n]), 0);
  const bad: [string, (peer: Peer) => void][] = [
    ["beyond its end", (peer) => peer.line.sendParcel(ask(1n, beyond))],
    ["around the end", (peer) => peer.line.sendParcel(ask(1n, wrap))],
    ["more than it sent", (peer) => peer.line.sendParcel(ask(1n, long))],
    ["two at once", (peer) =>
      peer.line.sendParcel(ask(
        1n,
        recordsOf([{ offset: 0, length: 1 }, { offset: 1, length: 1 }]),
      ))],
    [
      "too large",
      (peer) =>
        peer.line.sendParcel(ask(1n, recordOf(0, new Uint8Array(5000)))),
    ],
    ["cut short", (peer) => peer.line.sendParcel(ask(1n, new Uint8Array(9)))],
    [
      "a bad name",
      (peer) =>
        peer.line.send({ t: "hold", handle: 6, uid, copy: "0", since: null }),
    ],
    [
      "a handle twice",
      (peer) =>
        peer.line.send({ t: "hold", handle: 5, uid, copy: COPY, since: null }),
    ],
    [
      "a segment twice",
      (peer) =>
        peer.line.send({ t: "hold", handle: 6, uid, copy: COPY, since: null }),
    ],
    ["no such thing", (peer) => peer.line.send({ t: "what" })],
    ["no number", (peer) => peer.line.send({ t: "drop", handle: "x" })],
  ];
  for (const [what, send] of bad) {
    await using peer = await carried.meet();
    await held(peer, uid);
    send(peer);
    await peer.lost();
    assertEquals(memory.read(), new Uint8Array(100), what);
    assert(!carried.said().includes("no sign"), `${what}: it was silent`);
  }
  for (
    const [hello, why] of [
      [{ from: 3 }, /it is partition 3 and looks for 1/],
      [{ to: 9 }, /looks for 9; here is 1/],
      [{ version: 2 }, /speaks version 2/],
      [{ t: "tick" }, /does not say who it is/],
    ] as const
  ) {
    await using peer = await carried.meet(hello);
    await peer.lost();
    assertMatch(carried.said(), why);
  }

  // What it may not touch it is not given.
  await using peer = await carried.meet();
  await held(peer, uid);
  const hidden = carried.uid(other);
  peer.line.send({
    t: "call",
    id: "a",
    what: "ctl",
    uid: hidden,
    command: 0,
  });
  assertMatch(String((await peer.message("reply")).message), /is gone/);
  peer.messages.length = 0;
  const far = carried.xp.ftok("/partition/3", 1);
  peer.line.send({
    t: "call",
    id: "b",
    what: "get",
    key: far,
    size: 1,
    flags: IPC_CREAT,
  });
  assertMatch(
    String((await peer.message("reply")).message),
    /not partition 1's/,
  );
  assertEquals(memory.read(), new Uint8Array(100));
});

Deno.test("without the key nobody has a line, and a crowd holds nothing up", async () => {
  await using carried = new Carried();
  const { uid } = carried.segment();
  const { port } = carried.ferry;
  const crowd: Deno.TcpConn[] = [];
  for (let n = 0; n < 15; n++) {
    crowd.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  }
  await new Promise((resolve) => setTimeout(resolve, 1100)); // the next second
  await using peer = await carried.meet();
  await held(peer, uid);
  for (const connection of crowd) connection.close();
  const stranger = await Deno.connect({ hostname: "127.0.0.1", port });
  const key = new TextEncoder().encode("another key of 16 bytes");
  const found = await initiate(stranger, { service: SERVICE.segments, key })
    .then(() => "let in", ({ message }: Error) => message);
  stranger.close();
  assertEquals(found, "it does not accept our key (--key)");
});

Deno.test("a local writer that stands still keeps its own segment up only", async () => {
  await using carried = new Carried();
  const { id, uid } = carried.segment();
  using memory = carried.xp.shmat(id);
  using segment = Segment.byId(id).attach({ writable: true });
  const lock = new Layout(100).head("lock");
  await using peer = await carried.meet();
  await held(peer, uid);
  segment.swap(lock, 0n, ownLock());
  peer.line.sendParcel(ask(1n, recordOf(0, new Uint8Array([1]))));
  const other = carried.xp.shmget(carried.xp.ftok(null, 2), 10, IPC_CREAT);
  peer.line.send({
    t: "hold",
    handle: 6,
    uid: carried.uid(other),
    copy: COPY,
    since: null,
  });
  await until(
    "the other one",
    () => peer.parcels.some(({ handle }) => handle === 6),
  );
  assertEquals(memory.updates, 0n);
  segment.swap(lock, ownLock(), 0n);
  await until("its turn has come", () => peer.parcels.at(-1)?.own === 1n);
  assertEquals(memory.read(0, 1), new Uint8Array([1]));
});

Deno.test("what a silent partition has is released after the timeout", async () => {
  await using carried = new Carried(0.5);
  const { id, uid } = carried.segment();
  const remote = (): unknown =>
    readRegistry(carried.host.run).segments[0]?.remote;
  {
    await using peer = await carried.meet();
    await held(peer, uid);
    assertEquals(remote(), [{ partition: 2, copy: COPY }]);
    await peer.lost(); // it says nothing more: no tick
    assertMatch(carried.said(), /no sign for 0.5 s/);
  }
  await until(
    "released",
    () => /it no longer has 1 segments/.test(carried.said()),
  );
  assertEquals(remote(), []);
  assertEquals(carried.xp.shmget(carried.xp.ftok(null, 1), 0), id);
});
