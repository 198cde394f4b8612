/**
 * AOCCE's and milk's commands for FITS files and stream links.
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

/** The loop where there is no file LOOPNUMBER. */
const DEFAULT_LOOP = "7";

const ONE_LINE = "It prints one line, `LOADED`, `CREATED` or `KEPT` with the " +
  "stream and the reason (--json: an object), in the place of the old log.";
const REMOVES_UNUSED = "-r refuses while somebody uses the stream; `shmim " +
  "load -r` removes it all the same.";

/** `-r` under an old name: not under somebody's hands. */
function removal(flags: ReadonlySet<string>): string[] {
  return flags.has("r") ? ["--remove", "--unused"] : [];
}

/** The commands. */
export const FILES: readonly OldName[] = [
  {
    name: "Fits2shm",
    from: "AOCCE",
    command: "load",
    usage: [
      "[-h] [-f] [-r] FITS STREAM",
      "-c [-h] [-f] [-r] [-p PREFIX] STREAM",
    ],
    changed: [
      ONE_LINE,
      "What changed is seen by content, not by times of modification; a load " +
      "that fails leaves the state as it was, and ends with 1.",
      REMOVES_UNUSED,
      "-p works without -c, too.",
    ],
    examples: [
      ["-c -p aol8_ wfsref0", "load --configured --prefix aol8_ wfsref0"],
      ["ref.fits wfsref0", "load ref.fits wfsref0"],
      ["-f ref.fits wfsref0", "load --force ref.fits wfsref0"],
      ["-r ref.fits wfsref0", "load --remove --unused ref.fits wfsref0"],
    ],
    translate(typed): Translation {
      const { flags, values, words, long } = readWords(
        this.name,
        "cfrp:",
        typed,
      );
      const rest = flags.has("c")
        ? expectWords(words, "STREAM")
        : expectWords(words, "FITS", "STREAM");
      return {
        words: [
          "load",
          ...flags.has("c") ? ["--configured"] : [],
          ...option("prefix", values.get("p")),
          ...flags.has("f") ? ["--force"] : [],
          ...removal(flags),
          ...long,
          ...guarded(rest),
        ],
        notes: [],
      };
    },
  },
  {
    name: "milk-FITS2shm",
    from: "milk",
    command: "load",
    usage: [
      "[-f] [-r] [-u] [-p PREFIX] FITS STREAM",
      "-c [-f] [-r] [-u] [-p PREFIX] CONFNAME STREAM",
    ],
    changed: [
      ONE_LINE,
      "Without -u it always loads, as before.",
      "With -c both names must be the same.",
      "State is kept in loadedSM/ and conf/, where Fits2shm keeps it, not in " +
      "log-shmimloadstat/.",
      REMOVES_UNUSED,
      "A FITS file that is a link stays one.",
    ],
    examples: [
      ["image32.fits ims10", "load --force image32.fits ims10"],
      ["-u image32.fits ims10", "load image32.fits ims10"],
      [
        "-c -p aol3_ ims10 ims10",
        "load --configured --prefix aol3_ --force ims10",
      ],
    ],
    translate(typed): Translation {
      const { flags, values, words, long } = readWords(
        this.name,
        "cfrup:",
        typed,
      );
      const [first = "", stream = ""] = expectWords(
        words,
        flags.has("c") ? "CONFNAME" : "FITS",
        "STREAM",
      );
      if (flags.has("c") && first !== stream) {
        throw new UsageError(
          `${this.name} -c ${first} ${stream}: two names; type shmim load ` +
            `"$(head -n 1 conf/shmim.${first}.name.txt)" ${stream}`,
        );
      }
      const always = flags.has("f") || !flags.has("u");
      return {
        words: [
          "load",
          ...flags.has("c") ? ["--configured"] : [],
          ...option("prefix", values.get("p")),
          ...always ? ["--force"] : [],
          ...removal(flags),
          ...long,
          ...guarded(flags.has("c") ? [stream] : [first, stream]),
        ],
        notes: [],
      };
    },
  },
  {
    name: "milk-shm2FITS",
    from: "milk",
    command: "save",
    usage: ["STREAM FITS"],
    changed: [
      "Keywords, counters and times are written, too.",
      "The file appears when it is whole; a stream that is not there ends " +
      "with 1.",
    ],
    examples: [["wfs wfs.fits", "save wfs wfs.fits"]],
    translate(typed): Translation {
      const { words, long } = readWords(this.name, "", typed);
      const rest = expectWords(words, "STREAM", "FITS");
      return { words: ["save", ...long, ...guarded(rest)], notes: [] };
    },
  },
  {
    name: "milk-streamlink",
    from: "milk",
    command: "link",
    usage: ["[-p PREFIX] NAME"],
    changed: [
      "A real stream that bears the link's name is left alone (exit 1) where " +
      "the old one removed it; --force replaces it.",
      "A missing file in conf/, a missing source and a circle of links are " +
      "errors; the file's name may have a dot or an underscore.",
      "The link is relative to its folder.",
    ],
    examples: [
      ["wfsim", "link --exact wfsim"],
      ["-p aol8_ wfsim", "link --prefix aol8_ wfsim"],
    ],
    translate(typed): Translation {
      const { values, words, long } = readWords(this.name, "p:", typed);
      const rest = expectWords(words, "NAME");
      const prefix = values.get("p");
      return {
        words: [
          "link",
          ...prefix === undefined ? ["--exact"] : ["--prefix", prefix],
          ...long,
          ...guarded(rest),
        ],
        notes: [],
      };
    },
  },
  {
    name: "aolfunc_StreamLink",
    from: "AOCCE",
    command: "link",
    usage: ["NAME"],
    changed: [
      "The loop is that of the file LOOPNUMBER, else 7, as before.",
      "A real stream that bears the link's name is left alone (exit 1) where " +
      "the old one removed it; --force replaces it.",
      "A missing file in conf/, a missing source and a circle of links are " +
      "errors.",
    ],
    examples: [["wfsim", "link --default-loop 7 wfsim"]],
    translate(typed): Translation {
      const { words, long } = readWords(this.name, "", typed);
      const rest = expectWords(words, "NAME");
      const loop = ["--default-loop", DEFAULT_LOOP];
      return { words: ["link", ...loop, ...long, ...guarded(rest)], notes: [] };
    },
  },
];
