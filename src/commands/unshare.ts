/** `shmim unshare`: takes a shared stream back. @module */

import { requireName } from "../stream/names.ts";
import { letGo } from "./_let_go.ts";

/** The command. */
export const command = letGo({
  act: "unshare",
  operand: "STREAM",
  nameOf: requireName,
  done: "no longer shares",
  description: "Ends the sharing of a stream: where it is mounted its name " +
    "goes away; programs that have it open keep what they have.",
  examples: [["unshare wfs", "no partition finds it any more"]],
});
