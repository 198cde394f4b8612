/**
 * milk's and MagAO-X's commands that carry streams between hosts.
 * @module
 */

import { UsageError } from "../cli/errors.ts";
import {
  expectWords,
  guarded,
  type OldName,
  option,
  readWords,
  type Translation,
} from "./old_name.ts";

const ALL_INTERFACES = "0.0.0.0";

const RECEIVES_FROM_ANYBODY =
  "listens on all interfaces, as it always did, and asks nobody who he is; " +
  '"shmim receive PORT --bind ADDRESS" listens on one';

/** All interfaces, with a warning, unless an address is named. */
function bind(
  name: string,
  long: readonly string[],
): { words: string[]; notes: string[] } {
  return long.some((word) => word.startsWith("--bind="))
    ? { words: [], notes: [] }
    : {
      words: ["--bind", ALL_INTERFACES],
      notes: [`${name} ${RECEIVES_FROM_ANYBODY}`],
    };
}

/** A mode of milk's: 0 waits for a semaphore, 1 watches the counter. */
function waitMode(mode: string | undefined): string[] {
  if (mode === undefined || mode === "0") return [];
  if (mode === "1") return ["--wait", "poll"];
  throw new UsageError(`The mode is 0 or 1, not "${mode}"`);
}

const FOREGROUND = "It runs in the foreground and ends with the signal that " +
  "ends it: start it in tmux, or leave it to `shmim bridge`.";
const PRIORITY = "Without a priority it asks for none (the old one took 80): " +
  "where the host refuses one, it says so and goes on without.";
const RECONNECTS =
  "It connects again when the connection is lost, and may be " +
  "started before the receiver.";

/** The commands. */
export const BRIDGES: readonly OldName[] = [
  {
    name: "dmdispbridge",
    from: "MagAO-X",
    command: "bridge",
    usage: ["[-h] CHANNEL"],
    changed: [
      "The receiver on the other host is not started by ssh unless --ssh says so.",
      "An existing local stream is left as it is, so that its readers go on.",
      "Failures have exit codes. The channel's table is a file of yours " +
      "(--config=FILE); dm02 on the RTC is there.",
    ],
    examples: [
      ["dm01disp03", "bridge dm01disp03"],
      ["dm02disp03", "bridge dm02disp03"],
    ],
    translate(typed): Translation {
      const { words, long } = readWords(this.name, "", typed);
      const channel = expectWords(words, "CHANNEL");
      return { words: ["bridge", ...long, ...guarded(channel)], notes: [] };
    },
  },
  {
    name: "shmimTCPtransmit",
    from: "MagAO-X, milk",
    command: "transmit",
    usage: ["[-ck] [-p PRIORITY] STREAM HOST PORT"],
    changed: [
      FOREGROUND,
      PRIORITY,
      RECONNECTS,
      "-k stops what `shmim bridge` has started for that stream; HOST and PORT " +
      "may be left out then. What this name has started ends with its signal.",
      "What it says goes to standard error; --stats-json=FILE is for scripts.",
    ],
    examples: [
      ["acc000 192.168.2.2 8886", "transmit acc000 192.168.2.2 8886"],
      [
        "-c -p 60 acc000 192.168.2.2 8886",
        "transmit --wait poll --priority 60 acc000 192.168.2.2 8886",
      ],
      ["-k acc000", "bridge --stop acc000"],
    ],
    translate(typed): Translation {
      const { flags, values, words, long } = readWords(
        this.name,
        "ckp:",
        typed,
      );
      if (flags.has("k")) {
        const [stream = ""] = expectWords(words, "STREAM", "[HOST]", "[PORT]");
        return { words: ["bridge", "--stop", stream, ...long], notes: [] };
      }
      const place = expectWords(words, "STREAM", "HOST", "PORT");
      return {
        words: [
          "transmit",
          ...flags.has("c") ? ["--wait", "poll"] : [],
          ...option("priority", values.get("p")),
          ...long,
          ...guarded(place),
        ],
        notes: [],
      };
    },
  },
  {
    name: "shmimTCPreceive",
    from: "MagAO-X, milk",
    command: "receive",
    usage: ["[-p PRIORITY] [-c CPUSET] PORT"],
    changed: [
      "It listens on all interfaces as before, and says so; --bind=ADDRESS " +
      "listens on one.",
      FOREGROUND,
      PRIORITY,
      "It goes on when a peer has left, and serves several at once, a stream " +
      "each; --once ends with the first.",
      "A stream of another type or size is left alone; --replace replaces it.",
      "-c: nothing is moved into a CPU set; --cpu=LIST pins to cores.",
    ],
    examples: [
      ["8886", "receive --bind 0.0.0.0 8886"],
      ["-p 60 8886", "receive --bind 0.0.0.0 --priority 60 8886"],
    ],
    translate(typed): Translation {
      const { values, words, long } = readWords(this.name, "p:c:", typed);
      const port = expectWords(words, "PORT");
      const bound = bind(this.name, long);
      const set = values.get("c");
      return {
        words: [
          "receive",
          ...bound.words,
          ...option("priority", values.get("p")),
          ...long,
          ...port,
        ],
        notes: [
          ...bound.notes,
          ...set === undefined ? [] : [
            `${this.name} -c ${set}: nothing is moved into a CPU set; ` +
            "--cpu=LIST pins to cores",
          ],
        ],
      };
    },
  },
  {
    name: "imnetwtransmit",
    from: "milk",
    command: "transmit",
    usage: ["STREAM HOST PORT [MODE [PRIORITY]]"],
    changed: [
      "MODE 0 waits for a semaphore, 1 watches the counter, as before.",
      RECONNECTS,
    ],
    examples: [
      ["im1 127.0.0.1 8888 0 80", "transmit --priority 80 im1 127.0.0.1 8888"],
      ["im1 127.0.0.1 8888 1", "transmit --wait poll im1 127.0.0.1 8888"],
    ],
    translate(typed): Translation {
      const { words, long } = readWords(this.name, "", typed);
      const [stream = "", host = "", port = "", mode, priority] = expectWords(
        words,
        "STREAM",
        "HOST",
        "PORT",
        "[MODE]",
        "[PRIORITY]",
      );
      return {
        words: [
          "transmit",
          ...waitMode(mode),
          ...option("priority", priority === "0" ? undefined : priority),
          ...long,
          ...guarded([stream, host, port]),
        ],
        notes: [],
      };
    },
  },
  {
    name: "imnetwreceive",
    from: "milk",
    command: "receive",
    usage: ["PORT [MODE [PRIORITY]]"],
    changed: [
      "It listens on all interfaces as before, and says so; --bind=ADDRESS " +
      "listens on one.",
      "MODE (0 or 1) changes nothing: every frame is published as it comes.",
    ],
    examples: [["8887 1 80", "receive --bind 0.0.0.0 --priority 80 8887"]],
    translate(typed): Translation {
      const { words, long } = readWords(this.name, "", typed);
      const [port = "", mode, priority] = expectWords(
        words,
        "PORT",
        "[MODE]",
        "[PRIORITY]",
      );
      waitMode(mode);
      const bound = bind(this.name, long);
      return {
        words: [
          "receive",
          ...bound.words,
          ...option("priority", priority === "0" ? undefined : priority),
          ...long,
          port,
        ],
        notes: bound.notes,
      };
    },
  },
];
