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

import type { Pump, Schedule } from "../ffi/pump.ts";
import { FrameRing, startPlay } from "../ffi/ring.ts";
import { Stream } from "../src/stream/stream.ts";

/** How many different frames there are. */
export const ROUND = 64;

/**
 * Plays round after round into a stream of f32 or u16 until it is stopped.
 *
 * @param stream The stream, new and open for writing.
 * @param hz Frames a second.
 * @param schedule Priority and cores of the thread.
 */
export function playRounds(
  stream: Stream,
  hz: number,
  schedule: Schedule,
): Pump {
  const { dataBytes } = stream.layout.table;
  const ring = new FrameRing(ROUND, dataBytes);
  const period = BigInt(Math.round(1e9 / hz));
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
  return startPlay(stream.mapping, ring, {
    leadUs: 1000,
    spinUs: 100,
    loops: 1n << 40n,
    cycleNs: BigInt(ROUND) * period,
    keepCounters: false,
    keepTimes: false,
    schedule,
  });
}

if (import.meta.main) {
  const [dir = "", name = "", hz = "1000", core = "1"] = Deno.args;
  const stream = Stream.open(name, { dir, writable: true });
  // Below that of the thread that catches the frames.
  const schedule = { priority: 10, cpus: [Number(core)] };
  const pump = playRounds(stream, Number(hz), schedule);
  for await (const _ of Deno.stdin.readable);
  pump.stop();
  await pump.done;
  stream.close();
}
