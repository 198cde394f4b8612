/**
 * Large frames that come faster than they are taken: they wait in the socket
 * until they are whole. Nothing of a frame that is cut off, or not to be had,
 * may come into the stream.
 */

import { assertEquals } from "@std/assert";
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
import { program, testWhere } from "../_support/skip.ts";

/** 512 kB of u16. */
const SIZE = [512, 512];
const PIXELS = 512 * 512;

function frame(number: number, slice = 0n): Uint8Array<ArrayBuffer> {
  return wireFrame(flat(number, PIXELS), BigInt(number), slice);
}

/** Frames `from` to `to`, one right behind the other. */
function frames(from: number, to: number): Uint8Array<ArrayBuffer> {
  return join(
    ...Array.from({ length: to - from + 1 }, (_, i) => frame(from + i)),
  );
}

/** A receiver, and a sender that has announced its frames. */
class Scene implements AsyncDisposable {
  readonly folder = new Folder();
  readonly receiving = new Receiving(this.folder);
  readonly #size: readonly number[];
  #sender: Sender | undefined;

  constructor(size: readonly number[] = SIZE) {
    this.#size = size;
  }

  async send(bytes: Uint8Array, chunk?: number): Promise<void> {
    if (this.#sender === undefined) {
      this.#sender = await Sender.connect(this.receiving.port);
      await this.#sender.send(handshake({ size: this.#size }));
    }
    await this.#sender.send(bytes, chunk);
  }

  /** The sender breaks off. */
  close(): void {
    this.#sender?.close();
  }

  /** All of so many came, and the last one is in the stream. */
  async has(frames: number, last = frames): Promise<void> {
    await this.receiving.frames(frames);
    using stream = this.open();
    const { pixels, cnt0, torn } = stream.read();
    assertEquals([cnt0, torn], [BigInt(frames), false]);
    assertEquals(pixels, flat(last, PIXELS));
  }

  open(): Stream {
    return Stream.open("cam", { dir: this.folder.path });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.receiving[Symbol.asyncDispose]();
    this.folder[Symbol.dispose]();
  }
}

Deno.test("large frames in a row all come, the last one stays", async () => {
  await using scene = new Scene();
  await scene.send(frames(1, 60));
  await scene.has(60);
  assertEquals(scene.receiving.receiver.status().skipped, 0);
});

Deno.test("a large frame in small chunks comes when it is whole", async () => {
  await using scene = new Scene();
  await scene.send(frames(1, 3), 1000);
  await scene.send(join(frames(4, 5), frame(6).subarray(0, 300_000)));
  await scene.has(5);
  await scene.send(frame(6).subarray(300_000), 777);
  await scene.has(6);
});

for (const there of [1, 300_000, 2 * PIXELS, 2 * PIXELS + 15]) {
  Deno.test(`a large frame of which ${there} bytes came is none`, async () => {
    await using scene = new Scene();
    await scene.send(join(frames(1, 9), frame(10).subarray(0, there)));
    scene.close();
    await scene.receiving.events.said(/broke off inside a frame/);
    await scene.has(9);
  });
}

Deno.test("a slice that is none ends it before its pixels are written", async () => {
  await using scene = new Scene();
  await scene.send(join(frames(1, 9), frame(10, 1n), frame(11)));
  await scene.receiving.events.said(/slice 1/);
  await scene.has(9);
});

Deno.test("a large frame that comes twice is published once", async () => {
  await using scene = new Scene();
  const other = wireFrame(flat(7, PIXELS), 3n);
  await scene.send(join(frames(1, 3), frame(3), other, frame(4)));
  await scene.has(5, 4);
  assertEquals(scene.receiving.receiver.status().repeats, 1);
});

Deno.test("large slices go where they belong", async () => {
  await using scene = new Scene([...SIZE, 3]);
  await scene.send(join(
    ...Array.from({ length: 12 }, (_, i) => frame(i + 1, BigInt(i % 3))),
  ));
  await scene.receiving.frames(12);
  using stream = scene.open();
  const { pixels, cnt0, cnt1 } = stream.read();
  const first = [0, PIXELS, 2 * PIXELS].map((at) => pixels[at]);
  assertEquals([first, cnt0, cnt1], [[10, 11, 12], 12n, 2n]);
});

Deno.test("a destination that is re-created gets the large frames that wait", async () => {
  using here = new Folder();
  using there = new Folder();
  const spec = { size: SIZE, type: "u16" } as const;
  using source = Stream.create("cam", { dir: here.path, ...spec });
  await using receiving = new Receiving(there);
  await using _ = new Transmitting(here, "cam", receiving.port);
  let number = 0;
  const busy = setInterval(() => {
    for (let i = 0; i < 4; i++) source.write(flat(++number, PIXELS));
  }, 1);
  try {
    const came = (): number => receiving.receiver.status().frames;
    await until("frames", () => came() > 20);
    Deno.removeSync(there.file("cam.im.shm"));
    await receiving.events.said(/was removed; making it anew/);
    const before = came();
    await until("more of them", () => came() > before + 20);
  } finally {
    clearInterval(busy);
  }
  using destination = Stream.open("cam", { dir: there.path });
  await until("the last one", () => {
    const { pixels } = destination.read();
    return (pixels as Uint16Array)[0] === number % 65536;
  });
  assertEquals(destination.read().pixels, flat(number, PIXELS));
});

Deno.test("a destination that shrinks while large frames come is named", async () => {
  await using scene = new Scene();
  await scene.send(frames(1, 2));
  await scene.has(2);
  const path = scene.folder.stream("cam");
  const { size } = Deno.statSync(path);
  Deno.truncateSync(path, 100_000);
  await scene.send(frames(3, 12)).catch(() => {});
  await scene.receiving.events.said(/warning: 127/);
  assertEquals(Deno.statSync(path).size < size, true);
});

const URGENT = `
import socket, sys
port, half = int(sys.argv[1]), int(sys.argv[2])
data = sys.stdin.buffer.read()
s = socket.create_connection(("127.0.0.1", port))
s.sendall(data[:half])
s.send(data[half:half + 1], socket.MSG_OOB)
s.sendall(data[half + 1:])
s.recv(1)
`;

testWhere(
  "an urgent byte is a byte of its frame",
  program("python3", "python3"),
  async () => {
    await using scene = new Scene();
    const head = handshake({ size: SIZE });
    const data = join(head, frames(1, 12));
    const half = head.length + 6 * frame(1).length + 100_000;
    await using peer = new Deno.Command("python3", {
      args: ["-c", URGENT, String(scene.receiving.port), String(half)],
      stdin: "piped",
    }).spawn();
    const writer = peer.stdin.getWriter();
    await writer.write(data);
    await writer.close();
    await scene.has(12);
    assertEquals(scene.receiving.receiver.status().skipped, 0);
    peer.kill("SIGTERM");
  },
);
