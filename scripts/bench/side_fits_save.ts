/**
 * Our compressed files, in a process of their own: `STREAM FITS ROUNDS
 * CODEC`. One round writes the stream's pixels to a file of their own.
 */

import { encodeRice } from "../../ffi/tiles.ts";
import { type FitsCompression, writeFits } from "../../src/fits/mod.ts";
import { Stream } from "../../src/stream/stream.ts";
import { answer } from "./answer.ts";
import { percentiles } from "./statistics.ts";

const [path = "", fits = "", rounds = "", codec = ""] = Deno.args;
const WARM_UP = 20; // until the code is compiled

using stream = Stream.open(path, { writable: false });
const { bytes: data } = stream.read();
const { type, size } = stream;
const compression: FitsCompression = codec === "rice"
  ? { codec: "RICE_1", encode: encodeRice }
  : { codec: "GZIP_2" };
const values: number[] = [];
for (let round = -WARM_UP; round < Number(rounds); round++) {
  const started = performance.now();
  await writeFits(fits, { type, size, data }, { compression });
  if (round >= 0) values.push((performance.now() - started) * 1e6);
}
answer.say(JSON.stringify(percentiles(values)));
