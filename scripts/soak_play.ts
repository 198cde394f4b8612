/**
 * A camera for the long checks: the helper's player, frame after frame at an
 * exact rate, until its standard input ends.
 *
 * ```sh
 * deno run -A scripts/soak_play.ts FOLDER STREAM HZ CORE
 * ```
 *
 * Frame number n (by the counter, from 1) is filled with (n - 1) % 64.
 * @module
 */

import { FrameRing, startPlay } from "../ffi/ring.ts";
import { Stream } from "../src/stream/stream.ts";

/** How many different frames there are. */
export const ROUND = 64;

if (import.meta.main) {
  const [dir = "", name = "", hz = "1000", core = "1"] = Deno.args;
  const stream = Stream.open(name, { dir, writable: true });
  const { dataBytes } = stream.layout.table;
  const ring = new FrameRing(ROUND, dataBytes);
  const period = BigInt(Math.round(1e9 / Number(hz)));
  for (let n = 0; n < ROUND; n++) {
    const frame = ring.frames(n, 1);
    const bytes = new Uint8Array(
      stream.type === "f32"
        ? new Float32Array(dataBytes / 4).fill(n).buffer
        : new Uint16Array(dataBytes / 2).fill(n).buffer,
    );
    frame.set(bytes);
    ring.put({ cnt0: 0n, cnt1: 0n, atimeNs: 0n, dueNs: BigInt(n) * period });
  }
  ring.close();
  const pump = startPlay(stream.mapping, ring, {
    leadUs: 1000,
    spinUs: 100,
    loops: 1n << 40n,
    cycleNs: BigInt(ROUND) * period,
    keepCounters: false,
    keepTimes: false,
    // Below that of the thread that catches the frames.
    schedule: { priority: 10, cpus: [Number(core)] },
  });
  for await (const _ of Deno.stdin.readable);
  pump.stop();
  await pump.done;
  stream.close();
}
