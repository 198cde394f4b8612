/**
 * Our reader, in a process of its own: `STREAM MODE FRAMES SKIP`, MODE
 * semaphore, spin or frames. The first two wait in a Worker, on its own
 * thread; `frames` is the asynchronous iteration on the main thread. Says
 * "ready", then one line with percentiles.
 * @module
 */

import { Stream } from "../../src/stream/stream.ts";
import { answer } from "./answer.ts";
import { percentiles } from "./statistics.ts";

const [path = "", mode = "", frames = "", skip = ""] = Deno.args;

function report(latencies: Float64Array): void {
  answer.say(JSON.stringify(percentiles(latencies.subarray(Number(skip)))));
}

async function iterate(): Promise<void> {
  using stream = Stream.open(path);
  const latencies = new Float64Array(Number(frames));
  const options = { mode: "semaphore", reuseBuffer: true } as const;
  let n = 0;
  setTimeout(() => answer.say("ready"), 50);
  for await (const frame of stream.frames(options)) {
    latencies[n++] = Number(frame.seenNs - frame.writetimeNs);
    if (n === latencies.length) break;
  }
  report(latencies);
}

function inWorker(): void {
  const worker = new Worker(new URL("reader_worker.ts", import.meta.url), {
    type: "module",
  });
  worker.onmessage = ({ data }: MessageEvent<"ready" | Float64Array>) => {
    if (data === "ready") {
      answer.say("ready");
    } else {
      report(data);
      worker.terminate();
    }
  };
  worker.postMessage({ path, mode, frames: Number(frames) });
}

if (mode === "frames") await iterate();
else inWorker();
