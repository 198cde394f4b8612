/** What real milk sent and stored, held against both of our ends. */

import { assertEquals } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import {
  fixture,
  framesOf,
  HANDSHAKE,
  join,
  Receiving,
  Recorder,
  Sender,
  Transmitting,
} from "../_support/bridge.ts";
import { asleep } from "./_outlet.ts";
import { Folder, until } from "../_support/cli.ts";

const IMAGES = ["tcp_f32_8x6", "tcp_u16_4x4x3"];

function capture(name: string): Uint8Array<ArrayBuffer> {
  return fixture(`shmimtcp/${name}.bin`);
}

/** Replays a capture in chunks; returns what our receiver made of it. */
async function replay(
  folder: Folder,
  name: string,
  parts: readonly Uint8Array[],
  chunk?: number,
): Promise<void> {
  await using receiving = new Receiving(folder);
  using sender = await Sender.connect(receiving.port);
  for (const part of parts) await sender.send(part, chunk);
  await receiving.frames(3);
  sender.close();
  await receiving.events.said(/closed, .* keeps its last frame/);
  assertEquals(receiving.receiver.status().skipped, 0, name);
}

/** Holds a stream against the file that milk's receiver left. */
function assertLikeMilk(folder: Folder, name: string): void {
  using theirs = new Folder();
  Deno.writeFileSync(
    theirs.stream(name),
    fixture(`shmimtcp/rx_${name}.im.shm`),
  );
  using mine = Stream.open(name, { dir: folder.path });
  using milks = Stream.open(name, { dir: theirs.path, writable: false });
  const facts = (stream: Stream) => ({
    type: stream.type,
    size: stream.size,
    pixels: stream.read().bytes,
    keywords: stream.keywords(),
    keywordCount: stream.layout.keywordCount,
    cnt0: stream.cnt0,
    cnt1: stream.fields().cnt1,
    imageType: stream.fields().other.imageType,
    fileBytes: stream.layout.bytes,
    posts: stream.semaphores().map(({ value }) => value),
  });
  assertEquals(facts(mine), facts(milks));
}

Deno.test.each(IMAGES)(
  "receive makes of the capture %s what milk's receiver made",
  async (name) => {
    using folder = new Folder();
    await replay(folder, name, [capture(name)]);
    assertLikeMilk(folder, name);
  },
);

Deno.test.each(IMAGES)(
  "receive takes the capture %s one byte at a time",
  async (name) => {
    using folder = new Folder();
    await replay(folder, name, [capture(name)], 1);
    assertLikeMilk(folder, name);
  },
);

Deno.test("receive takes a capture that is split anywhere", async () => {
  const name = "tcp_u16_4x4x3";
  const bytes = capture(name);
  const places = [1, 383, 384, 385, 400, 416, 424, 432, 433, 479, 480, 527];
  for (const place of places) {
    using folder = new Folder();
    await replay(folder, name, [bytes.slice(0, place), bytes.slice(place)]);
    assertLikeMilk(folder, name);
  }
});

Deno.test(
  "receive counts milk's frames of one axis, publishes none, says so once",
  async () => {
    using folder = new Folder();
    await using receiving = new Receiving(folder);
    using sender = await Sender.connect(receiving.port);
    await sender.send(capture("tcp_u8_7"));
    await until(
      "three empty frames",
      () => receiving.receiver.status().empty === 3,
    );
    sender.close();
    await receiving.events.said(/closed/);
    assertEquals(receiving.events.count(/one axis: milk sends no pixels/), 1);
    assertEquals(receiving.receiver.status().frames, 0);
    using stream = Stream.open("tcp_u8_7", { dir: folder.path });
    assertEquals([stream.cnt0, stream.type, stream.size], [0n, "u8", [7]]);
  },
);

/** A source with the capture's own metadata and keywords. */
function sourceOf(folder: Folder, name: string): Stream {
  const bytes = capture(name);
  const [first] = framesOf(bytes);
  const spec = name === "tcp_f32_8x6"
    ? { type: "f32" as const, size: [8, 6], keywords: 2 }
    : { type: "u16" as const, size: [4, 4, 3], keywords: 0 };
  Stream.create(name, { dir: folder.path, ...spec }).close();
  using file = Deno.openSync(folder.stream(name), { write: true });
  file.writeSync(bytes.slice(0, HANDSHAKE));
  const stream = Stream.open(name, { dir: folder.path, writable: true });
  if (first !== undefined && first.keywords.length > 0) {
    stream.mapping.store(stream.layout.table.keywords, first.keywords);
  }
  return stream;
}

Deno.test.each(IMAGES)(
  "transmit sends the bytes of the capture %s for the same source",
  async (name) => {
    const expected = capture(name);
    using folder = new Folder();
    using source = sourceOf(folder, name);
    await using recorder = new Recorder();
    await using transmitting = new Transmitting(folder, name, recorder.port);
    const recording = await recorder.connection();
    assertEquals(
      await recording.take(HANDSHAKE),
      expected.slice(0, HANDSHAKE),
      "the announcement goes alone, before there is a frame",
    );
    await asleep(source);
    const cube = source.size.length === 3;
    const wanted = framesOf(expected);
    for (const [index, frame] of wanted.entries()) {
      source.write(frame.pixels, cube ? { slice: Number(frame.slice) } : {});
      await until(
        "the frame goes out",
        () => framesOf(recording.bytes).length > index,
      );
    }
    const { repeats } = transmitting.transmitter.status();
    const all = recording.bytes;
    const frame = (all.length - HANDSHAKE) / (wanted.length + repeats);
    // On a very slow machine the first frame has gone out twice by now.
    const once = join(
      all.subarray(0, HANDSHAKE),
      all.subarray(HANDSHAKE + repeats * frame),
    );
    assertEquals(once, expected);
  },
);

Deno.test("transmit sends one axis as n x 1, with its pixels", async () => {
  using folder = new Folder();
  using source = sourceOf1d(folder);
  await using recorder = new Recorder();
  await using _ = new Transmitting(folder, "tcp_u8_7", recorder.port);
  const recording = await recorder.connection();
  const sent = await recording.take(HANDSHAKE);
  const expected = capture("tcp_u8_7").slice(0, HANDSHAKE);
  expected[112] = 2; // naxis
  expected[120] = 1; // size[1]
  assertEquals(sent, expected);
  source.write(new Uint8Array([1, 2, 3, 4, 5, 6, 7]));
  await recording.take(HANDSHAKE + 7 + 16);
  const [frame] = framesOf(recording.bytes);
  assertEquals(frame?.pixels, new Uint8Array([1, 2, 3, 4, 5, 6, 7]));
  assertEquals([frame?.cnt0, frame?.slice], [1n, 0n]);
});

function sourceOf1d(folder: Folder): Stream {
  Stream.create("tcp_u8_7", {
    dir: folder.path,
    type: "u8",
    size: [7],
    keywords: 0,
  }).close();
  using file = Deno.openSync(folder.stream("tcp_u8_7"), { write: true });
  file.writeSync(capture("tcp_u8_7").slice(0, HANDSHAKE));
  return Stream.open("tcp_u8_7", { dir: folder.path, writable: true });
}

Deno.test("the fixtures are what the manifest says", async () => {
  const manifest = JSON.parse(
    new TextDecoder().decode(fixture("manifest.json")),
  );
  for (const { path, sha256, bytes } of manifest.files) {
    if (!/^shmimtcp\/(tcp|rx)_/.test(path)) continue;
    const found = fixture(path);
    const digest = await crypto.subtle.digest("SHA-256", found);
    assertEquals([path, found.length, new Uint8Array(digest).toHex()], [
      path,
      bytes,
      sha256,
    ]);
  }
});
