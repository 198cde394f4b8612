/** A Worker whose stream loses its file while it waits on its own thread. */

import { Stream } from "../../src/stream/stream.ts";

interface Scope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

const scope = globalThis as unknown as Scope;

scope.onmessage = ({ data }): void => {
  const stream = Stream.open("cam", { dir: data.dir });
  const waiter = stream.blockingWaiter({ mode: data.mode });
  const since = stream.cnt0;
  scope.postMessage("ready");
  let outcome = "nothing";
  try {
    for (let i = 0; i < 300 && outcome === "nothing"; i++) {
      if (waiter.wait(since, 100)) outcome = "a frame";
    }
  } catch (error) {
    outcome = (error as Error).message;
  }
  waiter.close();
  stream.close();
  scope.postMessage(outcome);
};
