/**
 * A Worker that waits on its own thread: told a folder and a stream, it says
 * which semaphore it got, then the counter of the next frame.
 */

import { Stream } from "../../src/stream/stream.ts";

interface Scope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

const scope = globalThis as unknown as Scope;

scope.onmessage = ({ data }): void => {
  const stream = Stream.open(data.name, { dir: data.dir });
  const since = stream.cnt0;
  const waiter = stream.blockingWaiter({ mode: data.mode ?? "semaphore" });
  const other = waiter.wait(since + 1n, 0); // another counter: at once
  scope.postMessage("ready");
  let seen = false;
  for (let i = 0; i < 150 && !seen; i++) {
    // Both calls wait; the second one copies, too.
    seen = data.copies
      ? waiter.next(since, 200)?.pixels[0] === data.copies
      : waiter.wait(since, 200);
  }
  scope.onmessage = (): void => {
    waiter.close();
    stream.close();
    scope.postMessage("closed");
  };
  scope.postMessage({ other, seen, cnt0: stream.cnt0 });
};
