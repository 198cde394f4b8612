/**
 * What the live image costs: `shmim watch` on a terminal, of a camera of
 * 512x512 that is faster than the screen.
 * @module
 */

import { patternFrame } from "../../src/image/pattern.ts";
import { Stream } from "../../src/stream/stream.ts";
import type { Bench, Figure, Row } from "./figure.ts";
import { shareOfCore } from "./on_terminal.ts";

const SIZE = [512, 512];
const FPS = 10;
const EVERY_MS = 20;
/** What it may take of a core, in percent. */
const AT_MOST = 10;

/** The figure of the image. */
export const WATCH: readonly Figure[] = [{
  name: "watch of 512x512",
  async measure(bench: Bench): Promise<Row[]> {
    const { dir } = bench;
    using stream = Stream.create("watched", { dir, size: SIZE, type: "u16" });
    const frames = [1, 2, 3, 4].map((n) =>
      patternFrame("sine", "u16", SIZE, n * 7)
    );
    let n = 0;
    const timer = setInterval(() => {
      const frame = frames[n++ % frames.length];
      if (frame !== undefined) stream.write(frame);
    }, EVERY_MS);
    try {
      const words = `watch watched --fps ${FPS}`;
      const figure = `shmim watch, 512x512 u16, ${FPS} fps, share of a core`;
      const usual = await shareOfCore(bench, words, [120, 40]);
      return [{
        figure: `${figure}, terminal of 120x40`,
        unit: "%",
        ours: usual,
        target: `≤ ${AT_MOST} %`,
        met: usual <= AT_MOST,
      }, {
        figure: `${figure}, terminal of 160x55`,
        unit: "%",
        ours: await shareOfCore(bench, words),
      }];
    } finally {
      clearInterval(timer);
      Deno.removeSync(stream.path);
    }
  },
}];
