/**
 * Our transmitting end, in a process of its own: `STREAM[,STREAM…] PORT CORE
 * [WIRE [every]]`. Says "ready" for each when it is connected; answers "memory" with its
 * resident bytes, "counters" with what became of the frames.
 * @module
 */

import { Transmitter } from "../../src/bridge/transmit.ts";
import { answer } from "./answer.ts";

const [streams = "", port = "", core = "0", wire, policy] = Deno.args;
const transmitters = streams.split(",").map((stream) =>
  Transmitter.start({
    stream,
    hostname: "127.0.0.1",
    port: Number(port),
    wire: wire === "shmim" ? "shmim" : "milk",
    policy: policy === "every" ? "every" : "latest",
    schedule: { priority: 0, cpus: core === "any" ? [] : [Number(core)] },
    // As the C pair does; a reader would take the lowest free one.
    wait: { mode: "semaphore", semaphore: 6 },
    onEvent: ({ message }) => {
      if (message.startsWith("connected")) answer.say("ready");
    },
  })
);
await answer.questions(() => {
  const all = transmitters.map((transmitter) => transmitter.status());
  const sum = (of: (status: typeof all[number]) => number): number =>
    all.reduce((total, status) => total + of(status), 0);
  return { frames: sum((s) => s.frames), skipped: sum((s) => s.skipped) };
});
for (const transmitter of transmitters) {
  transmitter.stop();
  await transmitter.done;
}
