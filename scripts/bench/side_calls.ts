/**
 * Our calls, in a process of their own: `STREAM write|read ROUNDS FRAMES`.
 * @module
 */

import { Stream } from "../../src/stream/stream.ts";
import { answer } from "./answer.ts";
import { percentiles } from "./statistics.ts";

const [path = "", what = "", rounds = "", frames = ""] = Deno.args;

function measure(): void {
  using stream = Stream.open(path);
  const pixels = new Float32Array(stream.layout.table.dataBytes / 4).fill(1);
  const into = new Uint8Array(stream.layout.table.dataBytes);
  const count = Number(frames);
  const write = (): void => {
    for (let i = 0; i < count; i++) stream.publish(pixels);
  };
  const read = (): void => {
    for (let i = 0; i < count; i++) stream.readInto(into);
  };
  const round = what === "write" ? write : read;
  round(); // compiled from here on
  const values: number[] = [];
  for (let r = 0; r < Number(rounds); r++) {
    const started = performance.now();
    round();
    values.push((performance.now() - started) * 1e6 / count);
  }
  answer.say(JSON.stringify(percentiles(values)));
}

measure();
