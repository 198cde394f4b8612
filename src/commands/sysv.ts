/** `shmim sysv`: the System V segments of this machine. @module */

import type { Arguments } from "../cli/args.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import { GENERAL, type Needs } from "../cli/needs.ts";
import { columns, type Output } from "../cli/output.ts";
import { LOCAL_OPTION, timesOf } from "../cli/local_time.ts";
import { JSON_OPTION } from "../cli/shared_options.ts";
import { SEGMENT_TABLE, segmentLimits } from "../../ffi/segment.ts";
import { RUNS_OPTION, runsNeeds } from "../cli/partition_options.ts";
import { leftSegments } from "../host/leavings.ts";
import { hexKey, type ListedSegment, listSegments } from "../sysv/info.ts";
import { Segment } from "../sysv/segment.ts";

const ACTIONS = ["ls", "rm", "limits"] as const;

interface Options {
  readonly action: typeof ACTIONS[number];
  readonly ids: readonly number[];
  readonly orphans: boolean;
  readonly runs: readonly string[];
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly time: (iso: string) => string;
}

/** Where names of users are found. */
const PASSWD = "/etc/passwd";

/** Names by user id; none where they may not be looked up. */
function userNames(): Map<number, string> {
  let text: string;
  try {
    text = Deno.readTextFileSync(PASSWD);
  } catch {
    return new Map(); // the numbers will do
  }
  return new Map(
    text.split("\n").map((line) => line.split(":"))
      .map(([name = "", , uid]) => [Number(uid), name]),
  );
}

function isoTime(seconds: number): string | null {
  return seconds === 0
    ? null
    : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

function statusOf(segment: ListedSegment): string {
  return [
    segment.removed ? "dest" : "",
    segment.locked ? "locked" : "",
    segment.orphan ? "orphan" : "",
  ].filter((word) => word !== "").join(",");
}

function object(
  segment: ListedSegment,
  owner: string | undefined,
): Record<string, unknown> {
  const { attachTime, detachTime, changeTime, mode: _, ...facts } = segment;
  return {
    ...facts,
    key: hexKey(segment.key),
    owner: owner ?? null,
    attachTime: isoTime(attachTime),
    detachTime: isoTime(detachTime),
    changeTime: isoTime(changeTime),
  };
}

function process(pid: number, alive: boolean): string {
  if (pid === 0) return "-";
  return alive ? String(pid) : `${pid} (gone)`;
}

function ls(out: Output, { json, time }: Options): number {
  const segments = listSegments();
  const names = userNames();
  if (json) {
    out.json(segments.map((one) => object(one, names.get(one.uid))));
    return EXIT.done;
  }
  if (segments.length === 0) {
    out.say("No System V segments");
    return EXIT.done;
  }
  const heading = [
    "KEY",
    "ID",
    "OWNER",
    "MODE",
    "BYTES",
    "ATTACHED",
    "CREATOR",
    "LAST",
    "ATTACH",
    "DETACH",
    "CHANGE",
    "STATUS",
  ];
  const rows = segments.map((one) => [
    hexKey(one.key),
    String(one.shmid),
    names.get(one.uid) ?? String(one.uid),
    one.permissions,
    String(one.size),
    String(one.attached),
    process(one.creatorPid, one.creatorAlive),
    process(one.lastPid, one.lastAlive),
    time(isoTime(one.attachTime) ?? "-"),
    time(isoTime(one.detachTime) ?? "-"),
    time(isoTime(one.changeTime) ?? "-"),
    statusOf(one),
  ]);
  for (const line of columns([heading, ...rows], [1, 3, 4, 5])) out.line(line);
  return EXIT.done;
}

function limits(out: Output, json: boolean): number {
  const facts = segmentLimits();
  if (json) {
    out.json(facts);
    return EXIT.done;
  }
  const rows = [
    ["largest segment", `${facts.maxBytes} bytes`],
    ["smallest segment", `${facts.minBytes} bytes`],
    ["segments", `${facts.segments} of ${facts.maxSegments}`],
    ["pages", `${facts.pages} of ${facts.maxPages}`],
    ["pages in memory", String(facts.residentPages)],
    ["pages swapped out", String(facts.swappedPages)],
  ];
  for (const line of columns(rows)) out.line(line);
  return EXIT.done;
}

function removeOne(shmid: number): string {
  const segment = Segment.byId(shmid);
  const { key, size, attached } = segment.stat();
  segment.remove();
  const still = attached === 0
    ? ""
    : `; attached ${attached} times, its memory goes with the last`;
  return `removed ${shmid} (${hexKey(key)}, ${size} bytes)${still}`;
}

function rm(options: Options, { out }: Io): number {
  const left = options.orphans ? leftSegments(options.runs) : [];
  const found = left.filter(({ kept }) => kept === null);
  for (const { shmid, key, size, kept } of left) {
    if (kept === null) continue;
    out.say(`kept ${shmid} (${hexKey(key)}, ${size} bytes): ${kept}`);
  }
  if (options.orphans && found.length === 0) out.say("No orphans");
  const ids = options.orphans ? found.map(({ shmid }) => shmid) : options.ids;
  if (options.dryRun) {
    for (const { shmid, key, size, creatorPid } of found) {
      out.line(
        `would remove ${shmid} (${hexKey(key)}, ${size} bytes, made by pid ` +
          `${creatorPid})`,
      );
    }
    return EXIT.done;
  }
  const failures: string[] = [];
  for (const id of ids) {
    try {
      out.line(removeOne(id));
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  for (const failure of failures.slice(0, -1)) out.say(`shmim: ${failure}`);
  const last = failures.at(-1);
  if (last !== undefined) throw new CommandError(last);
  return EXIT.done;
}

function idFrom(text: string): number {
  const id = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(id <= 0x7fff_ffff)) {
    throw new UsageError(
      `ID takes the number of a segment as "shmim sysv ls" shows it, not ` +
        `"${text}"`,
    );
  }
  return id;
}

function idsOf(args: Arguments, words: readonly string[]): number[] {
  const chosen = args.flag("orphans");
  if (chosen && words.length > 0) {
    throw new UsageError("--orphans and IDs exclude each other");
  }
  if (!chosen && words.length === 0) throw new UsageError("ID is missing");
  if (!chosen && args.flag("dry-run")) {
    throw new UsageError("--dry-run belongs to --orphans");
  }
  return words.map(idFrom);
}

/** The command. */
export const command = defineCommand<Options>({
  usage: [
    "sysv ls [--json]",
    "sysv rm ID…",
    "sysv rm --orphans [--dry-run]",
    "sysv limits [--json]",
  ],
  description: "System V segments: ls lists all of them, who made and used " +
    "them last and whether those live; rm removes some, or, with --orphans, " +
    "those of yours that nobody has attached and whose creator and last user " +
    "are gone, and which no partition has; limits tells the kernel's. What is " +
    "still attached goes with the last who has it.",
  options: [
    { name: "orphans", help: "rm: all of yours that nobody can miss" },
    { name: "dry-run", help: "rm --orphans: only say which" },
    RUNS_OPTION,
    LOCAL_OPTION,
    JSON_OPTION,
  ],
  examples: [
    ["sysv ls", "what ipcs -m shows, and who lives"],
    ["sysv rm --orphans --dry-run", "what a crash left behind"],
  ],
  samples: [["ls"], ["rm", "1"], ["limits"]],
  parse(args): Options {
    const [word, ...rest] = args.words;
    if (word === undefined) throw new UsageError("ls, rm or limits is missing");
    const action = ACTIONS.find((one) => one === word);
    if (action === undefined) {
      throw new UsageError(
        `sysv takes ls, rm or limits, not "${word}"`,
        { unknown: [word, ACTIONS] },
      );
    }
    if (action !== "rm") {
      if (rest[0] !== undefined) {
        throw new UsageError(`"${rest[0]}" is one argument too many`);
      }
      for (const flag of ["orphans", "dry-run"]) {
        if (args.flag(flag)) throw new UsageError(`--${flag} belongs to rm`);
      }
    } else if (args.flag("json")) {
      throw new UsageError("--json belongs to ls and limits");
    }
    const runs = args.list("run");
    if (runs.length > 0 && !args.flag("orphans")) {
      throw new UsageError("--run belongs to rm --orphans");
    }
    if (args.flag("local") && action !== "ls") {
      throw new UsageError("--local belongs to ls");
    }
    return {
      action,
      ids: action === "rm" ? idsOf(args, rest) : [],
      orphans: args.flag("orphans"),
      runs,
      dryRun: args.flag("dry-run"),
      json: args.flag("json"),
      time: timesOf(args),
    };
  },
  needs({ action, orphans, runs }, scope): Needs {
    return {
      read: [
        SEGMENT_TABLE,
        ...action === "ls" ? [PASSWD] : [],
        ...orphans || scope === GENERAL ? runsNeeds(scope, runs) : [],
      ],
      ...action === "rm" ? { write: [SEGMENT_TABLE] } : {},
    };
  },
  run(options, io): number {
    if (options.action === "ls") return ls(io.out, options);
    if (options.action === "limits") return limits(io.out, options.json);
    return rm(options, io);
  },
});
