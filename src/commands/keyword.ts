/** `shmim keyword`: lists, reads, sets and deletes keywords. @module */

import { defineCommand } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { columns, jsonValue } from "../cli/output.ts";
import {
  DIR,
  dirOf,
  JSON_OPTION,
  streamArgument,
} from "../cli/shared_options.ts";
import { keywordFrom, withKeywords } from "../stream/keyword_edit.ts";
import type { Keyword } from "../stream/keywords.ts";
import { Stream } from "../stream/stream.ts";

interface Options {
  readonly name: string;
  readonly open: { dir?: string };
  readonly words: readonly string[];
  readonly type: Keyword["type"] | undefined;
  readonly comment: string | undefined;
  readonly remove: boolean;
  readonly json: boolean;
}

const TYPES = ["L", "D", "S"] as const;

function isChange(word: string): boolean {
  return word.includes("=");
}

function changes(
  options: Options,
  keywords: readonly Keyword[],
): Keyword[] {
  return options.words.filter(isChange).map((word) => {
    const at = word.indexOf("=");
    const name = word.slice(0, at);
    const known = keywords.find((keyword) => keyword.name === name);
    // A double stays a double when it is set to a whole number.
    const type = options.type ?? (known?.type === "D" ? "D" : undefined);
    return keywordFrom(name, word.slice(at + 1), options.comment ?? "", type);
  });
}

function select(
  stream: Stream,
  names: readonly string[],
): readonly Keyword[] {
  const all = stream.keywords();
  if (names.length === 0) return all;
  return names.map((name) => {
    // Of several, the last one counts, as pyMilk has it.
    const found = all.findLast((keyword) => keyword.name === name);
    if (found === undefined) {
      throw new CommandError(`"${stream.name}" has no keyword "${name}"`);
    }
    return found;
  });
}

/** The command. */
export const command = defineCommand<Options>({
  usage: [
    "keyword NAME [KEY…] [OPTIONS]",
    "keyword NAME KEY=VALUE… [--comment TEXT] [--type L|D|S]",
    "keyword NAME KEY… --delete",
  ],
  description: "Lists the keywords of a stream, or some of them; sets or " +
    "deletes them. A value that reads as a whole number is stored as L (64 " +
    "bits), another number as D (a double), everything else as S (16 bytes); " +
    "a D stays a D. Names have at most 16 bytes, comments 80.",
  options: [
    { name: "comment", value: "TEXT", help: "comment of what is set" },
    { name: "type", value: "TYPE", help: "L, D or S" },
    { name: "delete", help: "delete the named keywords" },
    DIR,
    JSON_OPTION,
  ],
  examples: [['keyword wfs EXPTIME=0.0005 --comment "[s]"', "set one"]],
  samples: [["cam"], ["cam", "KEY=1"]],
  parse(args): Options {
    const [name, ...words] = args.words;
    if (name === undefined) throw new UsageError("NAME is missing");
    const remove = args.flag("delete");
    const setting = words.some(isChange);
    if (setting && !words.every(isChange)) {
      throw new UsageError("Either all words are KEY=VALUE, or none");
    }
    if (remove && (setting || words.length === 0)) {
      throw new UsageError("--delete takes the names of keywords");
    }
    const comment = args.text("comment");
    const type = args.choice("type", TYPES);
    if (!setting && (comment !== undefined || type !== undefined)) {
      throw new UsageError("--comment and --type go with KEY=VALUE");
    }
    if (words.some((word) => word.startsWith("="))) {
      throw new UsageError("A keyword needs a name");
    }
    return {
      name: streamArgument(name),
      open: dirOf(args),
      words,
      type,
      comment,
      remove,
      json: args.flag("json"),
    };
  },
  needs({ name, open, words, remove }, scope): Needs {
    const files = scope.stream(name, open.dir);
    const writes = remove || words.some(isChange);
    return { read: files, write: writes ? files : [] };
  },
  run(options, { out }): number {
    const { words, remove } = options;
    const setting = words.some(isChange);
    using stream = Stream.open(options.name, {
      ...options.open,
      writable: remove || setting,
    });
    if (remove) {
      select(stream, words);
      const left = stream.keywords().filter(({ name }) =>
        !words.includes(name)
      );
      stream.setKeywords(left);
      if (options.json) out.json(left);
      else out.say(`${stream.path}: ${words.join(", ")} deleted`);
      return EXIT.done;
    }
    let shown = select(stream, setting ? [] : words);
    if (setting) {
      const set = changes(options, shown);
      const list = withKeywords(shown, set);
      if (list.length > stream.layout.keywordCount) {
        throw new CommandError(
          `"${stream.name}" has room for ${stream.layout.keywordCount} ` +
            `keywords, ${list.length} are wanted`,
        );
      }
      stream.setKeywords(list);
      shown = set.map(({ name }) =>
        list.find((keyword) => keyword.name === name) as Keyword
      );
    }
    if (options.json) {
      out.json(shown);
      return EXIT.done;
    }
    const rows = shown.map(({ name, type, value, comment }) => [
      name,
      type,
      String(jsonValue("", value)),
      comment,
    ]);
    for (const line of columns(rows)) out.line(line);
    return EXIT.done;
  },
});
