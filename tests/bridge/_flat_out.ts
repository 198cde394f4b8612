/** Writes self-checking frames as fast as it can, until it is killed. */

import { Stream } from "../../src/stream/stream.ts";

if (import.meta.main) {
  const [name = ""] = Deno.args;
  using stream = Stream.open(name, { writable: true });
  const pixels = new Uint32Array(stream.layout.table.dataBytes / 4);
  for (let n = 1;; n = (n + 1) >>> 0) {
    pixels.fill(n);
    stream.write(pixels);
  }
}
