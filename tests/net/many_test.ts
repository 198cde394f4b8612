/** 64 streams at once between two hosts. */

import { assert, assertEquals } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { Child } from "../_support/child.ts";
import { json, until } from "../_support/cli.ts";
import { NetEnd, PORT } from "./_flow.ts";
import { wireTest } from "./_hosts.ts";

const STREAMS = 64;
/** A receiver serves as many peers. */
const GROUP = 16;
const FRAMES = 50;

wireTest(
  "64 streams at once: each keeps its frames, none is lost unseen",
  async (pair, { wire, receive }) => {
    const { icc, rtc } = pair;
    await using stack = new AsyncDisposableStack();
    const names = Array.from({ length: STREAMS }, (_, i) => `s${i}`);
    const sources = names.map((name) =>
      stack.use(
        Stream.create(name, {
          dir: icc.streams.path,
          size: [20, 20],
          type: "u32",
        }),
      )
    );
    const receivers: NetEnd[] = [];
    const senders: Child[] = [];
    for (let group = 0; group < STREAMS / GROUP; group++) {
      const port = String(PORT + group);
      const end = stack.use(
        new NetEnd(
          rtc,
          ["receive", port, "--bind", rtc.address, ...receive],
          `rx${group}`,
        ),
      );
      await end.running.says(/listening/);
      receivers.push(end);
      senders.push(stack.use(Child.spawn("ip", [
        ...["netns", "exec", icc.name, Deno.execPath(), "run", "-q", "-A"],
        new URL("_many.ts", import.meta.url).pathname,
        ...[icc.streams.path, rtc.address, port, wire, "0"],
        ...names.slice(group * GROUP, (group + 1) * GROUP),
      ])));
    }
    const destinations = await Promise.all(
      names.map((name) =>
        until(`"${name}"`, () => {
          try {
            return stack.use(Stream.open(name, { dir: rtc.streams.path }));
          } catch {
            return undefined;
          }
        })
      ),
    );
    // One number for each stream and frame: a mix-up would be seen.
    const value = (stream: number, frame: number): number =>
      frame * STREAMS + stream;
    for (let frame = 1; frame <= FRAMES; frame++) {
      sources.forEach((source, i) =>
        source.write(new Uint32Array(400).fill(value(i, frame)))
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
      destinations.forEach((destination, i) => {
        const { pixels, torn, cnt0 } = destination.read();
        if (torn || cnt0 === 0n) return;
        const [first] = pixels as Uint32Array<ArrayBuffer>;
        assert(pixels.every((pixel) => pixel === first), "torn");
        assertEquals(Number(first) % STREAMS, i, "another stream's frame");
      });
    }
    for (const [i, destination] of destinations.entries()) {
      await until(
        `the last frame of s${i}`,
        () => destination.read().pixels[0] === value(i, FRAMES),
      );
    }
    let sent = 0;
    for (const sender of senders) {
      await sender.endInput();
      const { frames, skipped, reconnects } = json(await sender.line());
      assertEquals(reconnects, 0);
      assertEquals(frames + skipped, GROUP * FRAMES);
      sent += frames;
    }
    let received = 0;
    for (const receiver of receivers) {
      received += (await receiver.end()).frames;
    }
    assertEquals(received, sent);
    for (const source of sources) {
      assert(source.semaphores().every(({ readerPid }) => readerPid <= 0));
    }
  },
);
