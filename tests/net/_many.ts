/**
 * Many transmitters in one process: `_many.ts DIR HOST PORT WIRE SHIFT NAME…`,
 * each with a clock that is SHIFT ns ahead. Ends with a line of JSON, the
 * sums, when its input ends.
 * @module
 */

import {
  type TransmitOptions,
  Transmitter,
} from "../../src/bridge/transmit.ts";

if (import.meta.main) {
  const [dir = "", hostname = "", port, wire, shift = "0", ...names] = Deno
    .args;
  const transmitters = names.map((stream) =>
    Transmitter.start(
      {
        dir,
        hostname,
        port: Number(port),
        stream,
        ...wire === "milk" ? {} : { wire, clockShiftNs: BigInt(shift) },
      } as TransmitOptions,
    )
  );
  for await (const _ of Deno.stdin.readable);
  for (const one of transmitters) one.stop();
  await Promise.all(transmitters.map(({ done }) => done));
  const sums = { frames: 0, skipped: 0, reconnects: 0 };
  for (const one of transmitters) {
    const { frames, skipped, reconnects } = one.status();
    sums.frames += frames;
    sums.skipped += skipped;
    sums.reconnects += reconnects;
  }
  await Deno.stdout.write(
    new TextEncoder().encode(`${JSON.stringify(sums)}\n`),
  );
  Deno.exit(0);
}
