/**
 * milk's and pyMilk's commands for single streams.
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

/** A command that takes one stream, and nothing else. */
function ofOne(
  name: string,
  words: readonly string[],
  typed: readonly string[],
): Translation {
  const { words: plain, long } = readWords(name, "", typed);
  const stream = expectWords(plain, "STREAM");
  return { words: [...words, ...long, ...guarded(stream)], notes: [] };
}

/** Takes a long option out of a list; its value, "" for a flag. */
function take(long: string[], name: string): string | undefined {
  const at = long.findIndex((word) =>
    word === `--${name}` || word.startsWith(`--${name}=`)
  );
  if (at < 0) return undefined;
  const [word = ""] = long.splice(at, 1);
  return word.slice(name.length + 3);
}

/** `--type f32` as `--type=f32`: docopt takes both. */
function joined(words: readonly string[], ...names: string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const value = words[i + 1];
    if (names.includes(word) && value !== undefined) {
      out.push(`${word}=${value}`);
      i++;
    } else out.push(word);
  }
  return out;
}

/** The commands. */
export const STREAMS: readonly OldName[] = [
  {
    name: "creashmim",
    from: "pyMilk",
    command: "create",
    usage: ["NAME SIZE… [--type=TYPE] [--kw=N] [-z] [--force] [--del]"],
    changed: [
      "The first number is x, the fastest axis.",
      "An existing stream of the same type and size is kept, as before; " +
      "another one is left alone (exit 1) where the old one replaced it.",
      "--force and --del replace nothing: what to type instead is said.",
      "-z: a new stream holds zeros; an existing one keeps its pixels.",
    ],
    examples: [
      [
        "dm01disp06 50 50 --type=f32 --kw=50",
        "create --keywords 50 --reuse dm01disp06 50 50 f32",
      ],
      ["wfs 120 120", "create --keywords 50 --reuse wfs 120 120 f32"],
      ["wfs 4 4 --force", "create --keywords 50 wfs 4 4 f32"],
    ],
    translate(typed): Translation {
      const all = joined(typed, "--type", "--kw");
      const { words, long: given } = readWords(this.name, "z", all);
      const long = [...given];
      const type = take(long, "type") ?? "f32";
      const keywords = take(long, "kw") ?? "50";
      const insists = [take(long, "force"), take(long, "del")]
        .some((flag) => flag !== undefined);
      const [name, ...size] = words;
      if (name === undefined || size.length === 0) {
        throw new UsageError(
          `${name === undefined ? "NAME" : "SIZE"} is missing`,
        );
      }
      const rest = guarded([name, ...size, type]);
      return {
        words: [
          "create",
          ...option("keywords", keywords),
          ...insists ? [] : ["--reuse"],
          ...long,
          ...rest,
        ],
        notes: insists
          ? [
            `${this.name} replaces no stream; to take it from its readers, ` +
            `type: shmim create ${rest.join(" ")} --keywords ${keywords} ` +
            "--force",
          ]
          : [],
      };
    },
  },
  {
    name: "milk-shmim-rm",
    from: "milk",
    command: "rm",
    usage: ["STREAM"],
    changed: [
      "A stream whose owner, last writer or reader lives is left alone (exit " +
      "1); --force removes it all the same. Nobody is asked.",
      "Of a link, only the link goes.",
    ],
    examples: [["wfs", "rm --yes wfs"]],
    translate(typed): Translation {
      return ofOne(this.name, ["rm", "--yes"], typed);
    },
  },
  {
    name: "milk-shmimpoke",
    from: "milk",
    command: "poke",
    usage: ["STREAM"],
    changed: ["The pixels stay as they are."],
    examples: [["wfs", "poke wfs"]],
    translate(typed): Translation {
      return ofOne(this.name, ["poke"], typed);
    },
  },
  {
    name: "milk-shmim-zero",
    from: "milk",
    command: "write",
    usage: ["STREAM"],
    changed: ["The zeros are published as a frame: the counter moves."],
    examples: [["wfs", "write --pattern zero wfs"]],
    translate(typed): Translation {
      return ofOne(this.name, ["write", "--pattern", "zero"], typed);
    },
  },
  {
    name: "milk-streamCTRL",
    from: "milk",
    command: "top",
    usage: [""],
    changed: ["Streams are removed only after a question."],
    examples: [["", "top"]],
    translate(typed): Translation {
      const { words, long } = readWords(this.name, "", typed);
      expectWords(words);
      return { words: ["top", ...long], notes: [] };
    },
  },
  {
    name: "milk-logshim",
    from: "milk",
    command: "record",
    usage: ["[-c CPUSET] STREAM FRAMES DIR"],
    changed: [
      "It runs in the foreground until a signal comes, which ends the last " +
      "file properly.",
      "--milk and --text give files the names and texts of the old one.",
      "-c: nothing is moved into a CPU set.",
    ],
    examples: [[
      "ircam2 10000 /data/ircam",
      "record --frames 10000 ircam2 /data/ircam",
    ]],
    translate(typed): Translation {
      const { values, words, long } = readWords(this.name, "c:", typed);
      const [stream = "", frames = "", dir = ""] = expectWords(
        words,
        "STREAM",
        "FRAMES",
        "DIR",
      );
      const set = values.get("c");
      return {
        words: [
          "record",
          "--frames",
          frames,
          ...long,
          ...guarded([stream, dir]),
        ],
        notes: set === undefined
          ? []
          : [`${this.name} -c ${set}: nothing is moved into a CPU set`],
      };
    },
  },
];
