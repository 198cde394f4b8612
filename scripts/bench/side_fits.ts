/**
 * Our loads, in a process of their own: `STREAM FITS ROUNDS`. One load opens
 * the FITS file, fills the stream, closes the file and publishes.
 */

import { decodeTiles } from "../../ffi/tiles.ts";
import { FitsFile } from "../../src/fits/mod.ts";
import { fillStream } from "../../src/load/fill.ts";
import { Stream } from "../../src/stream/stream.ts";
import { answer } from "./answer.ts";
import { percentiles } from "./statistics.ts";

const [path = "", fits = "", rounds = ""] = Deno.args;
const WARM_UP = 20; // until the code is compiled

using stream = Stream.open(path, { writable: true });
stream.write(new Uint8Array(stream.layout.table.dataBytes)); // touches it
const values: number[] = [];
for (let round = -WARM_UP; round < Number(rounds); round++) {
  const started = performance.now();
  {
    using file = await FitsFile.open(fits, { tiles: decodeTiles });
    await fillStream(stream, file);
  }
  if (round >= 0) values.push((performance.now() - started) * 1e6);
}
answer.say(JSON.stringify(percentiles(values)));
