/** Reads files as far as they can be read; prints its peak of memory, kB. */

import { decodeTiles } from "../../ffi/tiles.ts";
import { FitsFile } from "../../src/fits/mod.ts";

const outcomes: string[] = [];
for (const path of Deno.args) {
  try {
    using file = await FitsFile.open(path, { tiles: decodeTiles });
    await file.image.readSlice(0);
    outcomes.push("read");
  } catch (error) {
    outcomes.push((error as Error).name);
  }
}
const status = Deno.readTextFileSync("/proc/self/status");
const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]);
await Deno.stdout.write(
  new TextEncoder().encode(JSON.stringify({ outcomes, peak })),
);
