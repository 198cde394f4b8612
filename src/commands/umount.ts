/** `shmim umount`: takes a mounted stream away. @module */

import { streamArgument } from "../cli/shared_options.ts";
import { letGo } from "./_let_go.ts";

/** The command. */
export const command = letGo({
  act: "umount",
  operand: "NAME",
  nameOf: streamArgument,
  done: "unmounted",
  description: "Takes a mounted stream away. The stream itself, its owner's, " +
    "stays as it is.",
  examples: [["umount rtc_wfs", "the name goes, the stream stays"]],
});
