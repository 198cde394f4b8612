/**
 * Our receiving end, in a process of its own: `FOLDER NAME CORE [direct]`, NAME
 * "" for the names that are announced. Says its port;
 * answers "memory" with its resident bytes.
 * @module
 */

import { Receiver } from "../../src/bridge/receive.ts";
import { answer } from "./answer.ts";

const [dir = "", as = "", core = "0", direct] = Deno.args;
const receiver = Receiver.listen({
  port: 0,
  dir,
  ...as === "" ? {} : { as },
  direct: direct !== undefined,
  schedule: { priority: 0, cpus: core === "any" ? [] : [Number(core)] },
});
answer.say(String(receiver.port));
await answer.questions();
receiver.stop();
await receiver.done;
