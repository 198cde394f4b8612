/** `shmim transmit` and `shmim receive` as processes. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import {
  flat,
  HANDSHAKE,
  handshake,
  join,
  Recorder,
  Sender,
  wireFrame,
} from "../_support/bridge.ts";
import { Folder, json, Running, shmim, until } from "../_support/cli.ts";
import { freePort } from "../_support/ports.ts";

function cam(folder: Folder): Stream {
  return Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
    keywords: 0,
  });
}

async function receiving(
  folder: Folder,
  ...options: string[]
): Promise<{ receiver: Running; port: number }> {
  const receiver = new Running(["receive", "0", ...options], { folder });
  const [, port] = await receiver.says(/listening on \S+:(\d+)/);
  return { receiver, port: Number(port) };
}

/** Every line of a `--stats-json` file. */
// deno-lint-ignore no-explicit-any
function statsLines(path: string): any[] {
  const text = Deno.readTextFileSync(path);
  assert(text.endsWith("\n"), "whole lines");
  return text.trimEnd().split("\n").map(json);
}

Deno.test("shmim transmit and receive carry a stream, count it and end with 143", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = cam(here);
  const { receiver, port } = await receiving(
    there,
    "--stats-json",
    there.file("rx.json"),
  );
  await using _receiver = receiver;
  await using transmitter = new Running([
    "transmit",
    "cam",
    "localhost",
    String(port),
    "--stats-json",
    here.file("tx.json"),
  ], { folder: here });
  await receiver.says(/sends "cam" 4x3 u16 into/);
  using destination = Stream.open("cam", { dir: there.path });
  for (let n = 1; n <= 20; n++) {
    source.write(flat(n));
    await until("the frame", () => destination.cnt0 === BigInt(n));
    assertEquals(destination.read().pixels, flat(n));
  }
  await until(
    "a line of both",
    () =>
      Deno.statSync(there.file("rx.json")).size > 0 &&
      Deno.statSync(here.file("tx.json")).size > 0,
  );
  const claimed = () =>
    source.semaphores().filter(({ readerPid }) => readerPid > 0).length;
  assertEquals(claimed(), 1);
  for (const running of [transmitter, receiver]) {
    assertEquals(await running.end("SIGTERM"), 143, running.err);
    assertMatch(
      running.err,
      /shmim [^\n]*: 20 frames, 0 skipped/,
    );
    assert(!running.err.includes("    at "), running.err);
  }
  assertEquals(claimed(), 0, "the semaphore is given back");
  assertEquals(destination.fields().writing, false);
  for (
    const [kind, folder] of [["transmit", here], ["receive", there]] as const
  ) {
    const file = folder.file(kind === "transmit" ? "tx.json" : "rx.json");
    const lines = statsLines(file);
    const last = lines.at(-1);
    assertEquals(Object.keys(last).sort(), [
      "bytes",
      "connected",
      "droppedKeywords",
      "empty",
      "foreign",
      "frames",
      "kind",
      "lastCnt0",
      "latencyMaxUs",
      "latencyP50Us",
      "latencyP99Us",
      "mbPerSecond",
      "rateHz",
      "reconnects",
      "repeats",
      "skipped",
      "state",
      "stream",
      "time",
      "torn",
    ]);
    assertEquals([last.kind, last.frames, last.lastCnt0, last.skipped], [
      kind,
      20,
      20,
      0,
    ]);
    assertEquals(
      last.bytes,
      (20 + (kind === "transmit" ? last.repeats : 0)) * 40,
    );
    assertMatch(last.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert(last.latencyP50Us <= last.latencyMaxUs);
    const frames = lines.map((line) => line.frames);
    assertEquals(frames, frames.toSorted((a, b) => a - b));
  }
});

Deno.test("shmim transmit ends with 130 on SIGINT while it looks for a receiver", async () => {
  using folder = new Folder();
  using source = cam(folder);
  await using transmitter = new Running(
    ["transmit", "cam", "127.0.0.1", String(freePort())],
    { folder },
  );
  await transmitter.says(/no receiver at .* \(refused\); trying again/);
  assertEquals(await transmitter.end("SIGINT"), 130);
  assert(source.semaphores().every(({ readerPid }) => readerPid <= 0));
});

Deno.test("shmim transmit started before its receiver reaches it, and again after a restart", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = cam(here);
  source.write(flat(1));
  const port = freePort();
  await using transmitter = new Running(
    ["transmit", "cam", "127.0.0.1", String(port)],
    { folder: here },
  );
  await transmitter.says(/trying again/);
  const frames = (count: bigint) =>
    until("a frame", () => {
      try {
        using stream = Stream.open("cam", { dir: there.path });
        return stream.cnt0 >= count;
      } catch {
        return false;
      }
    });
  {
    await using _ = new Running(["receive", String(port)], { folder: there });
    await frames(1n);
  } // killed without mercy
  source.write(flat(2));
  await using second = new Running(["receive", String(port)], {
    folder: there,
  });
  await frames(2n);
  using destination = Stream.open("cam", { dir: there.path });
  await until("the last frame", () => destination.read().pixels[0] === 2);
  assertEquals(await transmitter.end(), 143);
  assertMatch(transmitter.err, /, 1 reconnects, /);
  assertEquals(await second.end(), 143);
});

Deno.test("shmim transmit --no-reconnect ends with 1 where nobody listens", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  const port = freePort();
  const { code, out, err } = await shmim(
    ["transmit", "cam", "127.0.0.1", String(port), "--no-reconnect"],
    { folder },
  );
  assertEquals([code, out], [1, ""]);
  assertStringIncludes(
    err,
    `shmim: Cannot connect to 127.0.0.1:${port}: refused`,
  );
});

Deno.test("shmim transmit ends with 1 for a host that nobody knows", async () => {
  using folder = new Folder();
  using _ = cam(folder);
  const { code, err } = await shmim(
    ["transmit", "cam", "no-such-host.invalid", "8886"],
    { folder },
  );
  assertEquals(code, 1);
  assertMatch(err, /shmim: Cannot connect to no-such-host\.invalid:8886: /);
});

Deno.test("shmim transmit refuses complex pixels before it connects", async () => {
  using folder = new Folder();
  Stream.create("cplx", { dir: folder.path, size: [4], type: "c64" }).close();
  await using recorder = new Recorder();
  const { code, err } = await shmim(
    ["transmit", "cplx", "127.0.0.1", String(recorder.port)],
    { folder },
  );
  assertEquals(code, 1);
  assertMatch(err, /shmim: Stream "cplx" holds complex pixels \(c64\)/);
  assertEquals(recorder.recordings.length, 0);
});

Deno.test("shmim transmit ends with 1 where the source changes its shape", async () => {
  using folder = new Folder();
  using source = cam(folder);
  source.write(flat(1));
  await using recorder = new Recorder();
  await using transmitter = new Running(
    ["transmit", "cam", "127.0.0.1", String(recorder.port)],
    { folder },
  );
  await (await recorder.connection()).take(HANDSHAKE + 40);
  Stream.create("cam", {
    dir: folder.path,
    size: [5],
    type: "u8",
    existing: "replace",
  }).close();
  assertEquals(await transmitter.ended(), 1);
  assertStringIncludes(
    transmitter.err,
    'shmim: Stream "cam" was re-created as 5 u8, it was 4x3 u16 (--reopen any',
  );
});

Deno.test("shmim transmit says where it may not have priority or cores", async () => {
  using folder = new Folder();
  using source = cam(folder);
  source.write(flat(1));
  await using recorder = new Recorder();
  await using transmitter = new Running([
    "transmit",
    "cam",
    "127.0.0.1",
    String(recorder.port),
    "--cpu",
    "63",
    "--priority",
    "10",
  ], { folder });
  await (await recorder.connection()).take(HANDSHAKE + 40);
  await transmitter.says(/warning: [^\n]+: going on without/);
  assertEquals(await transmitter.end(), 143);
});

Deno.test("shmim receive ends with 1 and one line where its port is taken", async () => {
  using folder = new Folder();
  await using recorder = new Recorder();
  const { code, out, err } = await shmim(["receive", String(recorder.port)], {
    folder,
  });
  assertEquals([code, out], [1, ""]);
  assertEquals(
    err,
    `shmim: Port ${recorder.port} on 127.0.0.1 is taken by another program\n`,
  );
});

Deno.test("shmim receive listens on 127.0.0.1 only, unless told otherwise", async () => {
  using folder = new Folder();
  const { receiver, port } = await receiving(folder);
  await using _ = receiver;
  await Deno.connect({ hostname: "::1", port }).then(
    (connection) => {
      connection.close();
      throw new Error("it listens on ::1, too");
    },
    () => {},
  );
  const other = await receiving(folder, "--bind", "[::1]");
  await using _other = other.receiver;
  using sender = await Sender.connect(other.port, "::1");
  await sender.send(join(handshake(), wireFrame(flat(1), 1n)));
  await other.receiver.says(/\[::1\]:\d+ sends "cam"/);
});

Deno.test("shmim receive --once --as stores under that name and ends with 0", async () => {
  using folder = new Folder();
  const { receiver, port } = await receiving(folder, "--once", "--as", "other");
  await using _ = receiver;
  {
    using sender = await Sender.connect(port);
    await sender.send(join(handshake(), wireFrame(flat(6), 1n)));
  }
  assertEquals(await receiver.ended(), 0);
  assertEquals(folder.names(), ["other.im.shm"]);
  using stream = Stream.open("other", { dir: folder.path });
  assertEquals([stream.cnt0, stream.read().pixels], [1n, flat(6)]);
});

Deno.test("shmim receive refuses with its options, and goes on", async () => {
  using folder = new Folder();
  using local = Stream.create("cam", {
    dir: folder.path,
    size: [2],
    type: "u8",
  });
  const { receiver, port } = await receiving(
    folder,
    "--max-bytes",
    "100",
    "--idle-timeout",
    "0.1",
    "--allow",
    "192.0.2.1,127.0.0.1",
  );
  await using _ = receiver;
  for (
    const [claim, reason] of [
      [{ size: [51] }, /announces 102 bytes, more than the 100 allowed/],
      [{ name: "../x" }, /holds a "\/"/],
      [{}, /the peer sends 4x3 u16; --replace gives its name/],
    ] as const
  ) {
    using sender = await Sender.connect(port);
    await sender.send(handshake(claim));
    assert(await sender.closedByPeer());
    await receiver.says(reason);
  }
  using silent = await Sender.connect(port);
  await silent.send(handshake({ name: "silent" }));
  assert(await silent.closedByPeer());
  await receiver.says(/was silent for too long/);
  assertEquals(local.presence(), "same");
  assertEquals(await receiver.end("SIGINT"), 130);
});

Deno.test("shmim receive goes on where its statistics cannot be written", async () => {
  using folder = new Folder();
  const { receiver, port } = await receiving(
    folder,
    "--stats-json",
    "/dev/full",
  );
  await using _ = receiver;
  await receiver.says(/warning: cannot write "\/dev\/full": [^\n]+; no more/);
  using sender = await Sender.connect(port);
  await sender.send(join(handshake(), wireFrame(flat(1), 1n)));
  await receiver.says(/sends "cam"/);
  assertEquals(await receiver.end(), 143);
  assertEquals(receiver.err.match(/\/dev\/full/g)?.length, 1);
});

Deno.test("shmim receive ends with 1 where its statistics have no place", async () => {
  using folder = new Folder();
  const { code, err } = await shmim(
    ["receive", "0", "--stats-json", "/nowhere/x"],
    { folder },
  );
  assertEquals(code, 1);
  assertMatch(err, /shmim: Cannot write "\/nowhere\/x": [^\n]+\n$/);
});

Deno.test("shmim receive --replace gives the name to a new stream", async () => {
  using folder = new Folder();
  using local = Stream.create("cam", {
    dir: folder.path,
    size: [2],
    type: "u8",
  });
  const { receiver, port } = await receiving(folder, "--replace");
  await using _ = receiver;
  using sender = await Sender.connect(port);
  await sender.send(join(handshake(), wireFrame(flat(1), 1n)));
  await receiver.says(/sends "cam"/);
  await until("the new one", () => local.presence() === "replaced");
});

Deno.test("shmim receive ends within its time though a peer is inside a frame", async () => {
  using folder = new Folder();
  const { receiver, port } = await receiving(folder);
  await using _ = receiver;
  using sender = await Sender.connect(port);
  await sender.send(join(handshake(), new Uint8Array(5)));
  await receiver.says(/sends "cam"/);
  assertEquals(await receiver.end("SIGTERM"), 143);
  using stream = Stream.open("cam", { dir: folder.path });
  assertEquals([stream.cnt0, stream.fields().writing], [0n, false]);
});

const WRONG = [
  [["transmit"], "NAME is missing"],
  [["transmit", "cam"], "HOST is missing"],
  [["transmit", "cam", "rtc"], "PORT is missing"],
  [
    ["transmit", "cam", "a b", "1"],
    'HOST takes a name or an address, not "a b"',
  ],
  [["transmit", "cam", "", "1"], "HOST takes a name"],
  [["receive", "1", "--bind", "x y"], "--bind takes a name or an address"],
  [["transmit", "cam", "rtc", "0"], "PORT takes 1 to 65535"],
  [["transmit", "cam", "rtc", "milk"], "PORT takes a whole number"],
  [
    ["transmit", "cam", "rtc", "1", "--slices", "hole"],
    'did you mean "whole"?',
  ],
  [["transmit", "cam", "rtc", "1", "--keywords", "x"], "--keywords takes all"],
  [["transmit", "cam", "rtc", "1", "--priority", "100"], "1 to 99"],
  [["transmit", "cam", "rtc", "1", "--cpu", "64"], "--cpu takes 0 to 63"],
  [["transmit", "../x>", "rtc"], "missing"],
  [["receive"], "PORT is missing"],
  [["receive", "65536"], "PORT takes 0 to 65535"],
  [["receive", "1", "--as", "../x"], 'holds a "/"'],
  [["receive", "1", "--max-bytes", "0"], "--max-bytes takes 1 or more"],
  [["receive", "1", "--idle-timeout", "-1"], "--idle-timeout takes"],
  [["receive", "1", "--onse"], 'did you mean "--once"?'],
] as const;

Deno.test.each(WRONG)("shmim ends with 2 for %s", async (words, reason) => {
  const { code, out, err } = await shmim(words);
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(err, reason);
});
