/**
 * IRIX's commands for shared memory between partitions, and those of the
 * System V demo.
 * @module
 */

import { UsageError } from "../cli/errors.ts";
import {
  expectWords,
  type OldName,
  readWords,
  type Translation,
} from "./old_name.ts";

/** clshmctl's own words, with how many values each takes. */
const CTL_WORDS: Readonly<Record<string, number>> = {
  startup: 0,
  shutdown: 0,
  getcfg: 0,
  maxpgs: 1,
  maxdpgs: 1,
  timeout: 1,
};

/** What was typed, as it is, behind other words. */
function asTyped(
  command: readonly string[],
  typed: readonly string[],
): Translation {
  return { words: [...command, ...typed], notes: [] };
}

/** The commands. */
export const MACHINES: readonly OldName[] = [
  {
    name: "clshmctl",
    from: "IRIX",
    command: "ctl",
    usage: ["startup|shutdown|getcfg", "maxpgs|maxdpgs|timeout N"],
    changed: ["A partition is a host, or one of several daemons on one host."],
    examples: [
      ["startup", "ctl startup"],
      ["shutdown", "ctl shutdown"],
      ["getcfg", "ctl getcfg"],
      ["maxpgs 4096", "ctl maxpgs 4096"],
      ["maxdpgs 16", "ctl maxdpgs 16"],
      ["timeout 30", "ctl timeout 30"],
    ],
    translate(typed): Translation {
      const { words, long } = readWords(this.name, "", typed);
      const [word = "", ...values] = words;
      const wanted = CTL_WORDS[word];
      if (wanted === undefined) {
        const known = Object.keys(CTL_WORDS).join(", ");
        throw new UsageError(
          `${this.name} takes ${known}, not "${word}"`,
        );
      }
      expectWords(values, ...wanted === 0 ? [] : ["N"]);
      return { words: ["ctl", ...words, ...long], notes: [] };
    },
  },
  {
    name: "clshmd",
    from: "IRIX",
    command: "daemon",
    usage: ["UNIT"],
    changed: ["`shmim ctl startup` starts it, as clshmctl did."],
    examples: [["0", "daemon --unit 0"]],
    translate(typed): Translation {
      const { words, long } = readWords(this.name, "", typed);
      const [unit = ""] = expectWords(words, "UNIT");
      return { words: ["daemon", "--unit", unit, ...long], notes: [] };
    },
  },
  {
    name: "clshm_diag",
    from: "IRIX",
    command: "ctl",
    usage: [""],
    changed: ["It ends with 1 where a partition or its daemon is down."],
    examples: [["", "ctl diag"]],
    translate(typed): Translation {
      const { words, long } = readWords(this.name, "", typed);
      expectWords(words);
      return { words: ["ctl", "diag", ...long], notes: [] };
    },
  },
  {
    name: "device",
    from: "the System V demo",
    command: "device",
    usage: ["WAVE PERIOD"],
    changed: [
      "No reader sees half a sample; a device that died is recognised.",
      "Its prompt goes to standard error.",
    ],
    examples: [["SIN 2.0", "device SIN 2.0"]],
    translate: (typed) => asTyped(["device"], typed),
  },
  {
    name: "run_device",
    from: "the System V demo",
    command: "device",
    usage: ["WAVE PERIOD"],
    changed: ["`shmim device --attach` has its prompt."],
    examples: [["SIN 2.0", "device --background SIN 2.0"]],
    translate: (typed) => asTyped(["device", "--background"], typed),
  },
  {
    name: "client",
    from: "the System V demo",
    command: "client",
    usage: [""],
    changed: [
      "The line has the sample's number and age, too; --json is for scripts.",
    ],
    examples: [["", "client"]],
    translate: (typed) => asTyped(["client"], typed),
  },
];
