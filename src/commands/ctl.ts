/** `shmim ctl`: starts, stops, sets and looks at daemons. @module */

import { Arguments } from "../cli/args.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import { GENERAL, type Needs, type Scope, union } from "../cli/needs.ts";
import { columns, type Output } from "../cli/output.ts";
import {
  askDaemon,
  type Daemon,
  daemonOf,
  socketNeeds,
  UNIT_OPTIONS,
} from "../cli/partition_options.ts";
import { DIR, JSON_OPTION } from "../cli/shared_options.ts";
import { ask } from "../partition/control.ts";
import { PartitionError, StateFileError } from "../partition/errors.ts";
import type { PeerFacts } from "../partition/peer_watch.ts";
import { requireOwnFolder, runFolder } from "../partition/run_folder.ts";
import {
  daemonRuns,
  listUnits,
  MAX_PARTITION,
  readUnit,
  type UnitState,
} from "../partition/unit.ts";
import { launch } from "./background.ts";
import { command as daemonCommand } from "./daemon.ts";

const ACTIONS = [
  "startup",
  "shutdown",
  "getcfg",
  "maxpgs",
  "maxdpgs",
  "timeout",
  "status",
  "diag",
  "metrics",
] as const;
type Action = typeof ACTIONS[number];

const LIMITS: Readonly<Record<string, string>> = {
  maxpgs: "maxpgs",
  maxdpgs: "maxdpgs",
  timeout: "timeoutS",
};

interface Options {
  readonly action: Action;
  readonly which: Daemon;
  readonly value: number;
  readonly force: boolean;
  readonly json: boolean;
  /** What a daemon that is started is given. */
  readonly words: readonly string[];
  readonly partition: number | undefined;
}

/** The fields of a daemon's answer. */
type Answer = Record<string, unknown>;

async function runningState(
  { run, unit }: Daemon,
): Promise<UnitState | undefined> {
  const folder = runFolder(run);
  let state: UnitState | undefined;
  try {
    requireOwnFolder(folder);
    state = readUnit(folder, unit);
  } catch (error) {
    if (error instanceof StateFileError && error.newer) throw error;
    if (!(error instanceof PartitionError)) throw error;
    return undefined; // the daemon says what is wrong, and mends what it can
  }
  if (state === undefined || !daemonRuns(state)) return undefined;
  await ask(folder, unit, { do: "ping" });
  return state;
}

/** What a daemon says, whichever way it is told to say it. */
function messageOf(line: string): string {
  try {
    const { message } = JSON.parse(line) as { message?: unknown };
    return typeof message === "string" ? message : line;
  } catch {
    return line;
  }
}

async function startup(options: Options, out: Output): Promise<number> {
  const { which, partition, words } = options;
  const state = await runningState(which);
  if (state === undefined) {
    out.line(messageOf(await launch(["daemon", ...words])));
    return EXIT.done;
  }
  if (partition !== undefined && partition !== state.partition) {
    throw new CommandError(
      `Unit ${which.unit} is up as partition ${state.partition}, not ` +
        `${partition}: shut it down first`,
    );
  }
  out.line(
    `partition ${state.partition} is up: unit ${state.unit}, pid ` +
      `${state.pid} (already)`,
  );
  return EXIT.done;
}

function table(
  out: Output,
  rows: readonly (readonly [string, unknown])[],
): void {
  for (
    const line of columns(rows.map(([name, value]) => [name, String(value)]))
  ) out.line(line);
}

function printConfig(out: Output, answer: Answer): void {
  table(out, [
    ["unit", answer.unit],
    ["partition", answer.partition],
    ["hostname", answer.hostname],
    ["dir", answer.dir],
    ["maxpgs", `${answer.maxpgs} (in use: ${answer.pages})`],
    ["maxdpgs", `${answer.maxdpgs} (in use: ${answer.dpages})`],
    ["page", `${answer.pageBytes} bytes`],
    ["timeout", `${answer.timeoutS} s`],
  ]);
}

interface StatusAnswer extends Answer {
  readonly segments: readonly {
    readonly shmid: number;
    readonly key: number;
    readonly size: number;
    readonly removed: boolean;
    readonly holds: readonly { readonly partition: number; pid: number }[];
    readonly remote: readonly number[];
    readonly owner: number | null;
  }[];
  readonly peers: readonly PeerFacts[];
  readonly waiting: Readonly<Record<string, string>>;
  readonly events: readonly { time: string; level: string; message: string }[];
}

/** How a partition of another host does, in a few words. */
function stateOf({ up, why, segments }: PeerFacts): string {
  const carried = segments === null
    ? ""
    : `; segments: ${segments.line ? "line stands" : "no line"}, ` +
      `${segments.copies} copies here, ${segments.served} there`;
  return (up ? "up" : why) + carried;
}

function printStatus(out: Output, answer: StatusAnswer): void {
  table(out, [
    ["partition", answer.partition],
    ["unit", answer.unit],
    ["hostname", answer.hostname],
    ["pid", answer.pid],
    ["up", `${answer.upSeconds} s, started ${answer.starts} times`],
    ["shares", answer.shares],
    ["mounts", answer.mounts],
    ["segments", answer.segments.length],
  ]);
  for (const peer of answer.peers) {
    out.line(`peer ${peer.partition} at ${peer.address}: ${stateOf(peer)}`);
  }
  for (const segment of answer.segments) {
    const { shmid, key, size, removed, owner } = segment;
    const who = [
      ...segment.holds.map(({ pid, partition }) =>
        `pid ${pid} of partition ${partition}`
      ),
      ...segment.remote.map((one) => `partition ${one} on another host`),
    ].join(", ");
    out.line(
      `segment ${shmid}: key ${key}, ${size} bytes` +
        (owner === null ? "" : `, copy of partition ${owner}'s`) +
        (removed ? ", removed" : "") +
        (who === "" ? "" : `, ${who}`),
    );
  }
  for (const [path, why] of Object.entries(answer.waiting)) {
    out.line(`waits: ${path}: ${why}`);
  }
  for (const { time, level, message } of answer.events.slice(-10)) {
    out.line(`${time} ${level}: ${message}`);
  }
}

/** One line of the diagnosis. */
interface Finding {
  readonly unit: number;
  readonly partition: number;
  readonly hostname: string;
  readonly pid: number;
  readonly ok: boolean;
  readonly state: string;
}

async function diagnose(folder: string, unit: UnitState): Promise<Finding> {
  const { partition, hostname, pid } = unit;
  const found = (ok: boolean, state: string): Finding => ({
    unit: unit.unit,
    partition,
    hostname,
    pid,
    ok,
    state,
  });
  if (!unit.up) return found(true, "shut down");
  if (!daemonRuns(unit)) {
    return found(false, "daemon died; sharing goes on, startup takes over");
  }
  try {
    await ask(folder, unit.unit, { do: "ping" }, unit.limits.timeoutS);
    return found(true, "up");
  } catch (error) {
    return found(false, (error as Error).message);
  }
}

/** A partition of another host, as a unit of this one sees it. */
interface FarFinding extends PeerFacts {
  readonly unit: number;
  readonly ok: boolean;
}

/** The partitions of other hosts, as the daemons that are up see them. */
async function farOf(
  folder: string,
  found: readonly Finding[],
): Promise<FarFinding[]> {
  const up = found.filter(({ ok, state }) => ok && state === "up");
  const all = await Promise.all(up.map(async ({ unit }) => {
    const peers = await ask(folder, unit, { do: "peers" }) as PeerFacts[];
    return peers.map((peer) => ({
      ...peer,
      unit,
      ok: peer.up && peer.segments?.line !== false,
    }));
  }));
  return all.flat();
}

async function diag({ which, json }: Options, out: Output): Promise<number> {
  const folder = runFolder(which.run);
  requireOwnFolder(folder);
  const damaged: string[] = [];
  const units = listUnits(folder, ({ message }) => damaged.push(message));
  const findings = await Promise.all(
    units.map((unit) => diagnose(folder, unit)),
  );
  const far = await farOf(folder, findings);
  if (json) out.json({ partitions: findings, peers: far, damaged });
  else {
    const rows = [
      ...findings.map((one) => [
        String(one.partition),
        String(one.unit),
        one.hostname,
        String(one.pid),
        one.ok ? "ok" : "FAULT",
        one.state,
      ]),
      ...far.map((one) => [
        String(one.partition),
        `of ${one.unit}`,
        one.hostname === "" ? one.address : one.hostname,
        "",
        one.ok ? "ok" : "FAULT",
        stateOf(one),
      ]),
    ];
    const heading = ["PARTITION", "UNIT", "HOST", "PID", "", "STATE"];
    for (const line of columns([heading, ...rows], [0, 1, 3])) out.line(line);
    for (const line of damaged) out.line(line);
  }
  const all = findings.length + far.length + damaged.length;
  const faults = [...findings, ...far].filter(({ ok }) => !ok).length +
    damaged.length;
  if (faults > 0) {
    throw new CommandError(`${faults} of ${all} partitions have a fault`);
  }
  if (!findings.some(({ state }) => state === "up")) {
    throw new CommandError(`No partition of "${folder}" is up`);
  }
  return EXIT.done;
}

async function run(options: Options, { out }: Io): Promise<number> {
  const { action, which, json } = options;
  switch (action) {
    case "startup":
      return await startup(options, out);
    case "diag":
      return await diag(options, out);
    case "metrics":
      out.bytes(
        new TextEncoder().encode(
          String(await askDaemon(which, { do: "metrics" })),
        ),
      );
      return EXIT.done;
    case "shutdown": {
      const { force } = options;
      const answer = await askDaemon(which, { do: "shutdown", force }) as {
        partition: number;
        removed: number;
        users: readonly string[];
      };
      if (json) out.json(answer);
      else {
        for (const user of answer.users) out.say(`all the same: ${user}`);
        out.line(
          `partition ${answer.partition} is shut down; segments removed: ` +
            answer.removed,
        );
      }
      return EXIT.done;
    }
    case "status": {
      const answer = await askDaemon(which, { do: "status" }) as StatusAnswer;
      if (json) out.json(answer);
      else printStatus(out, answer);
      return EXIT.done;
    }
    default: {
      const name = LIMITS[action];
      const answer = await askDaemon(
        which,
        name === undefined
          ? { do: "getcfg" }
          : { do: "limit", name, value: options.value },
      ) as Answer;
      if (json) out.json(answer);
      else printConfig(out, answer);
      return EXIT.done;
    }
  }
}

/** The daemons that are asked. */
function unitsOf({ action, which }: Options, scope: Scope): number[] {
  if (action !== "diag" || scope === GENERAL) return [which.unit];
  try {
    const units = listUnits(runFolder(which.run)).map(({ unit }) => unit);
    return units.length === 0 ? [which.unit] : units;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [which.unit];
    throw error;
  }
}

/** Options that only a daemon that is started has. */
const STARTUP_ONLY = [
  "partition",
  "config",
  "dir",
  "metrics",
  "log",
  "reach",
] as const;

/** What was said of an option: once, or again and again. */
function valuesOf(args: Arguments, name: string): string[] {
  const value = args.text(name);
  return value === undefined ? args.list(name) : [value];
}

/** What a daemon that is started is given of the command line. */
function wordsOf(args: Arguments): string[] {
  return ["unit", "run", ...STARTUP_ONLY].flatMap((name) =>
    valuesOf(args, name).flatMap((value) => [`--${name}`, value])
  );
}

/** The command. */
export const command = defineCommand<Options>({
  usage: [
    "ctl startup [--partition ID] [--config FILE] [OPTIONS]",
    "ctl shutdown [--force]",
    "ctl getcfg|status|diag [--json]",
    "ctl maxpgs N | maxdpgs N | timeout S",
    "ctl metrics",
  ],
  description: "Controls the daemon of a partition. startup starts it in the " +
    "background where it does not run; shutdown ends it and releases what it " +
    "has, and refuses while something uses that, saying who. getcfg prints " +
    "the configuration; maxpgs limits the pages of the partition's segments, " +
    "maxdpgs those of the daemon's own state, timeout the seconds after which " +
    "a partition that does not answer counts as dead. diag checks every " +
    "partition of this host and its daemon, and whether those of other hosts " +
    "answer.",
  options: [
    ...UNIT_OPTIONS,
    { name: "force", short: "f", help: "shutdown: all the same" },
    { name: "partition", value: "ID", help: "startup: the partition's number" },
    { name: "config", value: "FILE", help: "startup: the configuration" },
    { name: "metrics", value: "PORT", help: "startup: also on this port" },
    { name: "log", value: "FORMAT", help: "startup: text or json" },
    {
      name: "reach",
      value: "FOLDER",
      many: true,
      help: "startup: see `shmim daemon`",
    },
    DIR,
    JSON_OPTION,
  ],
  examples: [
    ["ctl startup --partition 1", "this host is partition 1 from now on"],
    ["ctl diag", "is every partition up?"],
  ],
  samples: [["startup", "--metrics", "9100"], ["diag"]],
  parse(args): Options {
    const [word, ...rest] = args.words;
    if (word === undefined) throw new UsageError(`${ACTIONS.join(", ")}?`);
    const action = ACTIONS.find((one) => one === word);
    if (action === undefined) {
      throw new UsageError(
        `ctl takes ${ACTIONS.join(", ")}, not "${word}"`,
        { unknown: [word, ACTIONS] },
      );
    }
    const limit = action in LIMITS;
    const [text, extra] = limit ? rest : [undefined, ...rest];
    if (extra !== undefined) {
      throw new UsageError(`"${extra}" is one argument too many`);
    }
    if (limit && text === undefined) throw new UsageError("N is missing");
    const value = Number(text);
    if (
      limit && !(value > 0 && Number.isFinite(value) &&
        (action === "timeout" || Number.isSafeInteger(value)))
    ) {
      throw new UsageError(
        `${action} takes a ${
          action === "timeout" ? "" : "whole "
        }number above 0, not "${text}"`,
      );
    }
    if (action !== "startup") {
      const bad = STARTUP_ONLY.find((name) => valuesOf(args, name).length > 0);
      if (bad !== undefined) {
        throw new UsageError(`--${bad} belongs to startup`);
      }
    }
    if (args.flag("force") && action !== "shutdown") {
      throw new UsageError("--force belongs to shutdown");
    }
    const words = wordsOf(args);
    return {
      action,
      which: daemonOf(args),
      value,
      force: args.flag("force"),
      json: args.flag("json"),
      partition: args.integer("partition", 0, MAX_PARTITION),
      words,
    };
  },
  needs(options, scope): Needs {
    const { action, which, words } = options;
    const own = socketNeeds(scope, which.run, unitsOf(options, scope));
    if (action !== "startup") return own;
    const daemon = daemonOptions(words);
    return union([own, daemonCommand.needs(daemon, scope), {
      run: scope.self(),
    }]);
  },
  run,
});

function daemonOptions(words: readonly string[]): unknown {
  return daemonCommand.parse(new Arguments(words, daemonCommand.options));
}
