/** `shmim clean`: removes what the dead left. @module */

import { SEGMENT_TABLE } from "../../ffi/segment.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { printable } from "../cli/output.ts";
import { DIR, JSON_OPTION } from "../cli/shared_options.ts";
import {
  findLeavings,
  type Leaving,
  type LeavingKind,
  LEAVINGS,
  removeLeaving,
  SEMAPHORES,
} from "../host/leavings.ts";
import { RUNS_OPTION, runsNeeds } from "../cli/partition_options.ts";
import { census, pidFacts } from "../host/processes.ts";
import { DEFAULT_FOLDERS, streamFolder } from "../stream/names.ts";

interface Options {
  readonly dir: string | undefined;
  readonly kinds: readonly LeavingKind[];
  readonly runs: readonly string[];
  readonly dryRun: boolean;
  readonly alone: boolean;
  readonly json: boolean;
}

function kindsOf(words: readonly string[]): readonly LeavingKind[] {
  if (words.length === 0) return LEAVINGS;
  return words.map((word) => {
    const kind = LEAVINGS.find((one) => one === word);
    if (kind === undefined) {
      throw new UsageError(
        `--only takes ${LEAVINGS.join(", ")}, not "${word}"`,
      );
    }
    return kind;
  });
}

/** Why so many stay: once for each reason. */
function sayKept(kept: readonly Leaving[], { out }: Io): void {
  const reasons = Map.groupBy(kept, (one) => one.kept ?? "");
  for (const [reason, some] of reasons) {
    for (const one of some) out.line(printable(`kept ${one.says}`));
    out.say(
      `shmim: ${some.length} kept, for ${reason}` +
        (reason.includes("container")
          ? " (--alone: nobody outside uses them)"
          : ""),
    );
  }
}

function run(options: Options, io: Io): number {
  const { out } = io;
  const found = findLeavings({
    folder: streamFolder(options.dir),
    kinds: options.kinds,
    runs: options.runs,
    look: () => {
      const facts = pidFacts();
      return {
        census: census(facts, options.alone),
        processes: facts.processes,
      };
    },
  });
  const kept = found.filter((one) => one.kept !== null);
  const going = found.filter((one) => one.kept === null);
  const removed: Leaving[] = [];
  const failures: string[] = [];
  for (const one of going) {
    try {
      if (options.dryRun || removeLeaving(one)) removed.push(one);
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  if (options.json) {
    const plain = (list: readonly Leaving[]): unknown =>
      list.map(({ kept: reason, ...rest }) =>
        reason === null ? rest : { ...rest, reason }
      );
    out.json({
      dryRun: options.dryRun,
      removed: plain(removed),
      kept: plain(kept),
      failures,
    });
  } else {
    const verb = options.dryRun ? "would remove" : "removed";
    for (const one of removed) out.line(printable(`${verb} ${one.says}`));
    sayKept(kept, io);
    if (found.length === 0) out.say("Nothing left behind");
  }
  for (const failure of failures.slice(0, -1)) out.say(`shmim: ${failure}`);
  const last = failures.at(-1);
  if (last !== undefined) throw new CommandError(last);
  return EXIT.done;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["clean [OPTIONS]"],
  description: "Removes what dead processes left: claims of semaphores, " +
    "temporary files, semaphores whose stream is gone, your System V " +
    "segments that nobody has attached. Never a stream, nor a segment that a " +
    "partition has. In a container, where a process that lives may not be " +
    "seen, nothing goes.",
  options: [
    { name: "dry-run", help: "only say what would go" },
    {
      name: "only",
      value: "KIND",
      many: true,
      help: "claims, files, semaphores, segments",
    },
    RUNS_OPTION,
    { name: "alone", help: "no process outside of this container uses them" },
    DIR,
    JSON_OPTION,
  ],
  examples: [
    ["clean --dry-run", "what a crash left behind"],
    ["clean --only claims", "free the semaphores of killed readers"],
  ],
  samples: [[]],
  parse(args): Options {
    if (args.words.length > 0) {
      throw new UsageError(`"${args.words[0]}" is one argument too many`);
    }
    return {
      dir: args.text("dir"),
      kinds: kindsOf(args.list("only")),
      runs: args.list("run"),
      dryRun: args.flag("dry-run"),
      alone: args.flag("alone"),
      json: args.flag("json"),
    };
  },
  needs({ dir, kinds, runs, dryRun }, scope): Needs {
    const folders = scope.folder(undefined, dir);
    const named = kinds.includes("semaphores");
    const changed = [
      ...kinds.includes("claims") || kinds.includes("files") ? folders : [],
      ...named ? [SEMAPHORES] : [],
      ...kinds.includes("segments") ? [SEGMENT_TABLE] : [],
    ];
    return {
      read: [
        ...folders,
        "/proc",
        ...named ? [SEMAPHORES, ...DEFAULT_FOLDERS] : [],
        ...kinds.includes("segments") ? runsNeeds(scope, runs) : [],
      ],
      ...dryRun ? {} : { write: changed },
    };
  },
  run,
});
