/** A peer in Python, written from docs/wire.md alone, at either end. */

import { assert, assertEquals } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { flat, Receiving, Transmitting } from "../_support/bridge.ts";
import { Folder } from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";
import { keyFile } from "../_support/key.ts";

const PYTHON = program("python3", "python3");
const SCRIPT = new URL("./wire_peer.py", import.meta.url).pathname;

function python(...args: (string | number)[]): Deno.ChildProcess {
  return new Deno.Command("python3", {
    args: [SCRIPT, ...args.map(String)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function ended(child: Deno.ChildProcess): Promise<string> {
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  assertEquals([code, text.decode(stderr)], [0, ""]);
  return text.decode(stdout);
}

testWhere("a Python transmitter feeds our receiver", PYTHON, async () => {
  using folder = new Folder();
  const key = keyFile(folder);
  await using receiving = new Receiving(folder, { key });
  const said = await ended(
    python("transmit", receiving.port, "cube", 5, key),
  );
  assertEquals(JSON.parse(said), {
    known: 0,
    last: 5,
    frames: 5,
    damaged: 1,
    ordered: true,
  });
  const { frames, skipped, wire } = receiving.receiver.status();
  assertEquals([frames, skipped, wire?.aborted, wire?.damaged], [5, 0, 1, 1]);
  using copy = Stream.open("cube", { dir: folder.path });
  const frame = copy.read();
  assertEquals([copy.size, copy.type], [[6, 4, 3], "u16"]);
  assertEquals([frame.cnt0, frame.cnt1, frame.cnt2], [5n, 2n, 7n]);
  assertEquals(
    [frame.atimeNs, frame.writetimeNs],
    [1_005_000_000_005n, 2_005_000_000_006n],
  );
  // Frame 3 was all three slices, 4 and 5 were slices 1 and 2.
  const expected = [3, 4, 5].flatMap((value) => [...flat(value, 24)]);
  assertEquals([...frame.pixels], expected);
  assertEquals(copy.keywords().map(({ name, value }) => [name, value]), [
    ["GAIN", 42n],
  ]);
});

testWhere(
  "a Python receiver takes our transmitter's frames",
  PYTHON,
  async () => {
    using folder = new Folder();
    const key = keyFile(folder);
    using source = Stream.create("cam", {
      dir: folder.path,
      size: [100, 90],
      type: "f32",
    });
    source.setKeywords([{ name: "GAIN", type: "L", value: 1n, comment: "" }]);
    const pixels = Float32Array.from({ length: 9000 }, (_, i) => i / 7);
    source.write(pixels, { atimeNs: 123_000_000_456n });
    const peer = python("receive", 0, 2, key);
    const lines = peer.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const line = async (number: number): Promise<string> => {
      while (text.split("\n").length <= number + 1) {
        const { value, done } = await lines.read();
        if (done) break;
        text += value;
      }
      return text.split("\n")[number] ?? "";
    };
    {
      await using _transmitting = new Transmitting(
        folder,
        "cam",
        Number(await line(0)),
        { wire: "shmim", key, reconnect: false },
      );
      const first = JSON.parse(await line(1));
      // What the first round trip told, the second ping tells the peer.
      assertEquals(await line(2), "clocks");
      const facts = source.write(pixels.fill(3));
      const second = JSON.parse(await line(3));
      const hash = await crypto.subtle.digest("SHA-256", pixels);
      assertEquals(second.sha256, new Uint8Array(hash).toHex());
      assert(second.error < 1e9 && Math.abs(second.offset) <= second.error);
      assert(second.age < 1e10);
      assertEquals(second.writetime, [
        Number(facts.writetimeNs / 1_000_000_000n),
        Number(facts.writetimeNs % 1_000_000_000n),
      ]);
      const {
        sha256: _,
        age: _a,
        writetime: _w,
        error: _e,
        offset: _o,
        ...rest
      } = first;
      assertEquals(rest, {
        name: "cam",
        type: "f32",
        size: [100, 90],
        flags: 0,
        cnt0: 1,
        cnt1: 0,
        cnt2: 0,
        atime: [123, 456],
        slice: 2 ** 32 - 1,
        bytes: 36_000,
        expected: 4,
        keyword: "GAIN",
      });
    }
    await lines.cancel();
    assertEquals((await peer.status).code, 0);
    assertEquals(await new Response(peer.stderr).text(), "");
  },
);
