/**
 * What the live table costs: `shmim top` on a terminal, over 200 streams of
 * which four in five move.
 * @module
 */

import { Stream } from "../../src/stream/stream.ts";
import type { Bench, Figure, Row } from "./figure.ts";
import { shareOfCore } from "./on_terminal.ts";

const STREAMS = 200;
const EVERY_MS = 20;
/** What it may take of a core, in percent. */
const AT_MOST = 5;

function makeStreams(dir: string): Stream[] {
  return Array.from(
    { length: STREAMS },
    (_, i) =>
      Stream.create(`s${String(i).padStart(3, "0")}`, {
        dir,
        size: [50, 50],
        type: "f32",
      }),
  );
}

/** The figure of the table. */
export const TOP: readonly Figure[] = [{
  name: "top of 200 streams",
  async measure(bench: Bench): Promise<Row[]> {
    const streams = makeStreams(bench.dir);
    const timer = setInterval(() => {
      streams.forEach((stream, i) => i % 5 === 4 || stream.poke());
    }, EVERY_MS);
    try {
      const ours = await shareOfCore(bench, "top");
      return [{
        figure: `shmim top, ${STREAMS} streams, share of a core`,
        unit: "%",
        ours,
        target: `≤ ${AT_MOST} %`,
        met: ours <= AT_MOST,
      }];
    } finally {
      clearInterval(timer);
      streams.forEach((stream) => {
        stream.close();
        Deno.removeSync(stream.path);
      });
    }
  },
}];
