/** `shmim ls`: all streams of a folder. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { columns, printable } from "../cli/output.ts";
import {
  AXIS_ORDER,
  DIR,
  dirOf,
  JSON_OPTION,
  type Place,
} from "../cli/shared_options.ts";
import {
  type DamagedStream,
  type ListedStream,
  listStreams,
} from "../stream/list.ts";
import { streamFolder } from "../stream/names.ts";
import { linkTargets } from "./_link_targets.ts";

interface Options {
  readonly pattern: string | undefined;
  readonly place: Place;
  readonly json: boolean;
  readonly watchMs: number;
}

function isDamaged(
  entry: ListedStream | DamagedStream,
): entry is DamagedStream {
  return "error" in entry;
}

function cells(entry: ListedStream, watchMs: number): string[] {
  const readers = entry.semaphores.filter((one) => one.reader !== null).length;
  const writer = entry.writerPid === null
    ? "-"
    : `${entry.writerPid}${entry.writerAlive ? "" : " (gone)"}`;
  return [
    entry.name,
    entry.type,
    entry.size.join("x"),
    String(entry.cnt0),
    entry.rateHz === null ? "-" : entry.rateHz.toFixed(1),
    entry.ageSeconds === null
      ? `>${watchMs / 1000}`
      : entry.ageSeconds.toFixed(3),
    `${readers}/${entry.semaphores.length}`,
    writer,
    entry.link === undefined ? "" : `-> ${entry.link}`,
  ];
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["ls [PATTERN] [OPTIONS]"],
  description: "Lists the streams of a folder: type, size, frames so far, " +
    "rate and age of the last frame as seen while watching, semaphores in " +
    "use, the writer's pid and whether it lives, and where links lead. A " +
    "file that cannot be opened is a row with its reason.",
  options: [
    {
      name: "watch",
      value: "S",
      help: "how long to watch the counters (default 0.3)",
    },
    AXIS_ORDER,
    DIR,
    JSON_OPTION,
  ],
  examples: [["ls 'dm01disp*'", "the tweeter's channels"]],
  samples: [[]],
  parse(args): Options {
    if (args.words.length > 1) {
      throw new UsageError(`"${args.words[1]}" is one argument too many`);
    }
    return {
      pattern: args.words[0],
      place: dirOf(args),
      json: args.flag("json"),
      watchMs: (args.number("watch", 0, 3600) ?? 0.3) * 1000,
    };
  },
  needs({ place: { dir } }, scope): Needs {
    const folders = scope.folder(undefined, dir);
    return {
      read: [...folders, ...linkTargets(folders, scope)],
      libc: true,
    };
  },
  async run({ pattern, place, json, watchMs }, { out }): Promise<number> {
    const entries = await listStreams({
      ...place,
      ...pattern === undefined ? {} : { pattern },
      watchMs,
    });
    if (json) {
      out.json(entries);
      return EXIT.done;
    }
    const good = entries.filter((entry) => !isDamaged(entry)) as ListedStream[];
    const heading = [
      "NAME",
      "TYPE",
      "SIZE",
      "CNT0",
      "RATE/Hz",
      "AGE/s",
      "SEMS",
      "WRITER",
      "LINK",
    ];
    const table = columns(
      [heading, ...good.map((entry) => cells(entry, watchMs))],
      [3, 4, 5, 6],
    );
    if (entries.length === 0) {
      out.say(`No streams in ${streamFolder(place.dir)}`);
    } else {
      for (const line of table) out.line(line);
    }
    for (const entry of entries.filter(isDamaged)) {
      out.line(printable(`${entry.name}  ${entry.error}`));
    }
    return EXIT.done;
  },
});
