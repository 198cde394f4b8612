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
import { type GlancedStream, glanceStreams } from "../stream/glance.ts";
import type { DamagedStream } from "../stream/list.ts";
import { streamFolder } from "../stream/names.ts";

interface Options {
  readonly pattern: string | undefined;
  readonly place: Place;
  readonly json: boolean;
  readonly watchMs: number;
}

function isDamaged(
  entry: GlancedStream | DamagedStream,
): entry is DamagedStream {
  return "error" in entry;
}

function isGood(entry: GlancedStream | DamagedStream): entry is GlancedStream {
  return !isDamaged(entry);
}

interface Column {
  readonly heading: string;
  readonly numeric?: boolean;
  /** Only where counters were watched. */
  readonly watched?: boolean;
  readonly cell: (entry: GlancedStream, watchMs: number) => string;
}

const COLUMNS: readonly Column[] = [
  { heading: "NAME", cell: ({ name }) => name },
  { heading: "TYPE", cell: ({ type }) => type },
  { heading: "SIZE", cell: ({ size }) => size.join("x") },
  { heading: "CNT0", numeric: true, cell: ({ cnt0 }) => String(cnt0) },
  {
    heading: "RATE/Hz",
    numeric: true,
    watched: true,
    cell: ({ rateHz }) => rateHz === null ? "-" : rateHz.toFixed(1),
  },
  {
    heading: "AGE/s",
    numeric: true,
    watched: true,
    cell: ({ ageSeconds }, watchMs) =>
      ageSeconds === null ? `>${watchMs / 1000}` : ageSeconds.toFixed(3),
  },
  {
    heading: "SEMS",
    numeric: true,
    cell: ({ readers, semaphores }) => `${readers}/${semaphores}`,
  },
  {
    heading: "WRITER",
    cell: ({ writerPid, writerAlive }) =>
      writerPid === null ? "-" : `${writerPid}${writerAlive ? "" : " (gone)"}`,
  },
  {
    heading: "LINK",
    cell: ({ link }) => link === undefined ? "" : `-> ${link}`,
  },
];

function tableLines(
  entries: readonly GlancedStream[],
  watchMs: number,
): string[] {
  const shown = COLUMNS.filter(({ watched }) => !watched || watchMs > 0);
  return columns(
    [
      shown.map(({ heading }) => heading),
      ...entries.map((entry) => shown.map(({ cell }) => cell(entry, watchMs))),
    ],
    shown.flatMap(({ numeric }, index) => numeric ? [index] : []),
  );
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["ls [PATTERN] [OPTIONS]"],
  description: "Lists the streams of a folder: type, size, frames so far, " +
    "semaphores in use, the writer's pid and whether it lives, and where " +
    "links lead; with --watch also rate and age of the last frame, as seen " +
    "while watching. A file that cannot be opened is a row with its reason.",
  readsOnly: true,
  options: [
    {
      name: "watch",
      value: "S",
      help: "watch the counters so long, for rates and ages",
    },
    AXIS_ORDER,
    DIR,
    JSON_OPTION,
  ],
  examples: [
    ["ls 'dm01disp*'", "the tweeter's channels"],
    ["ls --watch 0.5", "with rates"],
  ],
  samples: [[]],
  parse(args): Options {
    if (args.words.length > 1) {
      throw new UsageError(`"${args.words[1]}" is one argument too many`);
    }
    return {
      pattern: args.words[0],
      place: dirOf(args),
      json: args.flag("json"),
      watchMs: (args.number("watch", 0, 3600) ?? 0) * 1000,
    };
  },
  needs({ place: { dir } }, scope): Needs {
    const folders = scope.folder(undefined, dir);
    return {
      read: [...folders, ...folders.flatMap(scope.links)],
      libc: true,
    };
  },
  async run({ pattern, place, json, watchMs }, { out }): Promise<number> {
    const options = {
      ...place,
      ...pattern === undefined ? {} : { pattern },
      watchMs,
    };
    if (json) {
      const { listStreams } = await import("../stream/list.ts");
      out.json(await listStreams(options));
      return EXIT.done;
    }
    const entries = await glanceStreams(options);
    if (entries.length === 0) {
      out.say(`No streams in ${streamFolder(place.dir)}`);
    } else {
      out.line(tableLines(entries.filter(isGood), watchMs).join("\n"));
    }
    for (const entry of entries.filter(isDamaged)) {
      out.line(printable(`${entry.name}  ${entry.error}`));
    }
    return EXIT.done;
  },
});
