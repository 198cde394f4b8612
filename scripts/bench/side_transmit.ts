/**
 * Our transmitting end, in a process of its own: `STREAM PORT CORE
 * [WIRE]`. Says "ready" when it is connected; answers "memory" with its resident bytes.
 * @module
 */

import { Transmitter } from "../../src/bridge/transmit.ts";
import { answer } from "./answer.ts";

const [stream = "", port = "", core = "0", wire] = Deno.args;
const transmitter = Transmitter.start({
  stream,
  hostname: "127.0.0.1",
  port: Number(port),
  wire: wire === "shmim" ? "shmim" : "milk",
  schedule: { priority: 0, cpus: [Number(core)] },
  // As the C pair does; a reader would take the lowest free one.
  wait: { mode: "semaphore", semaphore: 6 },
  onEvent: ({ message }) => {
    if (message.startsWith("connected")) answer.say("ready");
  },
});
await answer.questions();
transmitter.stop();
await transmitter.done;
