/**
 * Our receiving end, in a process of its own: `FOLDER NAME`. Says its port;
 * answers "memory" with its resident bytes.
 * @module
 */

import { Receiver } from "../../src/bridge/receive.ts";
import { answer } from "./answer.ts";

const [dir = "", as = ""] = Deno.args;
const receiver = Receiver.listen({ port: 0, dir, as });
answer.say(String(receiver.port));
await answer.questions();
receiver.stop();
await receiver.done;
