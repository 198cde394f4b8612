/**
 * A reader that waits on its own thread: see `side_reader.ts`.
 * @module
 */

import { Stream } from "../../src/stream/stream.ts";

/** The Worker's side of its channel: the types are those of a main thread. */
const parent = self as unknown as {
  postMessage(message: "ready" | Float64Array): void;
  onmessage: (event: MessageEvent<Task>) => void;
};

/** What to read. */
interface Task {
  readonly path: string;
  readonly mode: "semaphore" | "spin";
  readonly frames: number;
}

const WARM_UP = 20_000;

function follow({ path, mode, frames }: Task): void {
  using stream = Stream.open(path);
  const waiter = stream.blockingWaiter({ mode });
  const into = new Uint8Array(stream.layout.table.dataBytes);
  const latencies = new Float64Array(frames);
  // A reader that has run for a while is compiled.
  for (let i = 0; i < WARM_UP; i++) {
    waiter.next(stream.cnt0 - 1n, 0, into);
  }
  parent.postMessage("ready");
  let last = stream.cnt0;
  for (let n = 0; n < frames;) {
    const frame = waiter.next(last, 200, into);
    if (frame === undefined) continue;
    latencies[n++] = Number(frame.seenNs - frame.writetimeNs);
    last = frame.cnt0;
  }
  waiter.close();
  parent.postMessage(latencies);
}

parent.onmessage = ({ data }) => follow(data);
