/** What the commands of partitions have in common. @module */

import { SEGMENT_TABLE } from "../../ffi/segment.ts";
import { ask, type Request } from "../partition/control.ts";
import { runFolders, SOCKET_TABLE } from "../partition/registered.ts";
import { runFolder } from "../partition/run_folder.ts";
import { MAX_PARTITION, MAX_UNIT, socketPath } from "../partition/unit.ts";
import { type Arguments, integerFrom, type OptionSpec } from "./args.ts";
import { GENERAL, type Needs, type Scope } from "./needs.ts";

/** `--unit` and `--run`. */
export const UNIT_OPTIONS: readonly OptionSpec[] = [
  { name: "unit", value: "N", help: "which daemon of this host (default 0)" },
  {
    name: "run",
    value: "FOLDER",
    help: "folder of state and sockets (default /tmp/shmim-run-UID)",
  },
];

/** Which daemon is meant. */
export interface Daemon {
  /** Its unit. */
  readonly unit: number;
  /** The run folder, where one was named. */
  readonly run: string | undefined;
}

/** The daemon that is meant. */
export function daemonOf(args: Arguments): Daemon {
  return {
    unit: args.integer("unit", 0, MAX_UNIT) ?? 0,
    run: args.text("run"),
  };
}

/** A partition's number as it was typed. */
export function partitionFrom(name: string, text: string): number {
  return integerFrom(name, text, 0, MAX_PARTITION);
}

/**
 * What speaking to a daemon takes: its folder and its socket.
 *
 * @param units Which daemons.
 */
export function socketNeeds(
  scope: Scope,
  run: string | undefined,
  units: readonly number[],
): Needs {
  if (scope === GENERAL) {
    const folder = scope.folder(undefined);
    return { read: folder, write: folder, net: ["*"] };
  }
  const folder = runFolder(run);
  return {
    read: [folder],
    write: [folder],
    net: units.map((unit) => `unix:${socketPath(folder, unit)}`),
  };
}

/** The run folders whose segments stay. */
export const RUNS_OPTION: OptionSpec = {
  name: "run",
  value: "FOLDER",
  many: true,
  help: "also keep what partitions of this run folder have",
};

/** What looking for the segments of partitions takes to read. */
export function runsNeeds(scope: Scope, runs: readonly string[]): string[] {
  return [
    SOCKET_TABLE,
    ...scope === GENERAL ? scope.folder(undefined) : runFolders(runs),
  ];
}

/** What stands for the memory of segments. */
export const SEGMENT_NEEDS: Needs = {
  read: [SEGMENT_TABLE],
  write: [SEGMENT_TABLE],
};

/** Asks the daemon that is meant. */
export function askDaemon(
  { unit, run }: Daemon,
  request: Request,
): Promise<unknown> {
  return ask(runFolder(run), unit, request);
}
