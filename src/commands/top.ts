/** `shmim top`: all streams live in one table. @module */

import { COLOR_VARIABLES, colorDepth } from "../cli/color.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { columns as aligned, printable } from "../cli/output.ts";
import { LOCAL_OPTION, timesOf } from "../cli/local_time.ts";
import { DIR, JSON_OPTION } from "../cli/shared_options.ts";
import { COLOR_DEPTHS, type ColorDepth } from "../image/canvas.ts";
import { Board, type BoardOptions } from "../top/board.ts";
import { STATE_VARIABLE, stateFolder } from "../channels/place.ts";
import { type CellContext, COLUMN_IDS, columnOf } from "../top/columns.ts";
import { showTop, watchOnce } from "../top/live.ts";
import { Survey } from "../top/survey.ts";

interface Options {
  readonly board: BoardOptions;
  readonly dir: string | undefined;
  readonly depth: ColorDepth | undefined;
  readonly time: (iso: string) => string;
  readonly once: boolean;
  readonly json: boolean;
  readonly watchMs: number;
}

const SIGINT = 2;

function columnName(what: string, name: string): string {
  if (COLUMN_IDS.includes(name)) return name;
  throw new UsageError(
    `${what} takes ${COLUMN_IDS.join(", ")}, not "${name}"`,
    { unknown: [name, COLUMN_IDS] },
  );
}

async function run(options: Options, io: Io): Promise<number> {
  const { out } = io;
  const { json } = options;
  const once = options.once || json || !out.isTerminal;
  const board = new Board(options.board);
  using survey = new Survey(options.dir);
  if (!once) {
    const interrupted = await showTop(survey, board, {
      depth: options.depth ?? colorDepth(),
      time: options.time,
      signal: io.signal,
    });
    return interrupted ? EXIT.signal + SIGINT : EXIT.done;
  }
  board.update(await watchOnce(survey, options.watchMs, io.signal));
  const { rows } = board;
  if (json) {
    out.json(rows);
    return EXIT.done;
  }
  if (rows.length === 0) {
    out.say(`No streams in ${survey.folder}`);
    return EXIT.done;
  }
  const shown = board.columns.map(columnOf);
  const names = new Map(board.all.map(({ inode, name }) => [inode, name]));
  const context: CellContext = {
    allSemaphores: false,
    named: (inode) => names.get(inode),
  };
  const good = rows.filter(({ error }) => error === null);
  const table = [
    shown.map(({ heading }) => heading),
    ...good.map((row) => shown.map(({ cell }) => cell(row, context))),
  ];
  const right = shown.flatMap((one, i) => one.right ? [i] : []);
  for (const line of aligned(table, right)) out.line(line);
  for (const { name, error } of rows) {
    if (error !== null) out.line(printable(`${name}  ${error}`));
  }
  return EXIT.done;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["top [PATTERN] [OPTIONS]"],
  description: "Shows all streams live in one table: rate, jitter, age and " +
    "MB/s as watched, writer and readers by name and pid, semaphores, " +
    "bridges and what they lost. h shows the keys, which are those of " +
    "milk-streamCTRL where it has them; enter watches an image, x or q ends. " +
    "Without a terminal it prints the table once.",
  options: [
    { name: "sort", value: "COLUMN", help: "name, rate, age, mb, jitter, …" },
    {
      name: "columns",
      value: "LIST",
      many: true,
      help: "columns to show, as in name,rate,age",
    },
    { name: "fps", value: "N", help: "pictures a second (default 2)" },
    { name: "once", help: "print the table once and end" },
    {
      name: "watch",
      value: "S",
      help: "--once: how long to watch (default 1)",
    },
    { name: "color", value: "DEPTH", help: "true, 256 or none" },
    { ...LOCAL_OPTION, help: "the clock in this host's zone instead of UTC" },
    DIR,
    { ...JSON_OPTION, help: "print the table once, as JSON" },
  ],
  examples: [
    ["top", "all that moves on this host"],
    ["top 'dm01*' --sort rate --once", "from a script"],
  ],
  samples: [[]],
  parse(args): Options {
    if (args.words.length > 1) {
      throw new UsageError(`"${args.words[1]}" is one argument too many`);
    }
    const sort = args.text("sort");
    const columns = args.list("columns");
    return {
      board: {
        pattern: args.words[0],
        sort: sort === undefined ? undefined : columnName("--sort", sort),
        columns: columns.length === 0
          ? undefined
          : columns.map((name) => columnName("--columns", name)),
        fps: args.number("fps", 0.1, 16),
      },
      dir: args.text("dir"),
      depth: args.choice("color", COLOR_DEPTHS),
      time: timesOf(args),
      once: args.flag("once"),
      json: args.flag("json"),
      watchMs: (args.number("watch", 0, 3600) ?? 1) * 1000,
    };
  },
  needs({ dir, once, json }, scope): Needs {
    const folders = scope.folder(undefined, dir);
    const bridges = scope.file(stateFolder());
    return {
      read: [
        ...folders,
        ...folders.flatMap(scope.links),
        ...bridges,
        "/proc",
      ],
      // Only for streams that are removed at the keys.
      ...once || json ? {} : { write: folders, spare: folders },
      env: [...COLOR_VARIABLES, STATE_VARIABLE],
      libc: true,
    };
  },
  run,
});
