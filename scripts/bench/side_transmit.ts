/**
 * Our transmitting end, in a process of its own: `STREAM PORT CORE`. Says "ready"
 * when it is connected; answers "memory" with its resident bytes.
 * @module
 */

import { Transmitter } from "../../src/bridge/transmit.ts";
import { answer } from "./answer.ts";

const [stream = "", port = "", core = "0"] = Deno.args;
const transmitter = Transmitter.start({
  stream,
  hostname: "127.0.0.1",
  port: Number(port),
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
