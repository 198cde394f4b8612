/** `shmim doctor`: what ails this host, and what mends it. @module */

import { resolve } from "@std/path";
import { variable } from "../../ffi/access.ts";
import { readEndpoint } from "../bridge/endpoint.ts";
import { type Arguments, integerFrom } from "../cli/args.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import { GENERAL, type Needs } from "../cli/needs.ts";
import { type Output, printable } from "../cli/output.ts";
import { DIR, JSON_OPTION } from "../cli/shared_options.ts";
import { THIS_HOST } from "../host/door.ts";
import { examine, KERNEL_FOLDERS, type Peer } from "../host/examine.ts";
import { type Finding, GRAVITIES } from "../host/finding.ts";
import {
  type Neighbours,
  neighbours,
  NO_NEIGHBOURS,
} from "../host/neighbours.ts";
import { DEFAULT_FOLDERS, streamFolder } from "../stream/names.ts";
import { PLACE_VARIABLES, stateFolder } from "../channels/place.ts";
import { runFolder } from "../partition/run_folder.ts";

interface Options {
  readonly dir: string | undefined;
  readonly keys: readonly string[];
  readonly peers: readonly Peer[];
  readonly json: boolean;
  readonly all: boolean;
  readonly run: string | undefined;
}

function peerFrom(text: string): Peer {
  const peer = readEndpoint(text);
  if (peer === undefined) {
    throw new UsageError(`--peer takes HOST:PORT, not "${text}"`);
  }
  const { hostname, port } = peer;
  integerFrom("--peer's PORT", String(port), 1, 65535);
  return { hostname, port };
}

function peersOf(args: Arguments): Peer[] {
  return args.list("peer").map(peerFrom);
}

function print(findings: readonly Finding[], all: boolean, out: Output): void {
  const shown = findings.filter(({ gravity }) => all || gravity !== "ok");
  const width = Math.max(0, ...shown.map(({ check }) => check.length));
  for (const { check, gravity, found, means, mend } of shown) {
    const name = check.padEnd(width);
    const say = (text: string): void => out.line(printable(text));
    say(`${gravity.padEnd(7)}  ${name}  ${found}`);
    const blank = " ".repeat(width + 11);
    if (means !== "") say(`${blank}${means}`);
    if (mend !== "") say(`${blank}$ ${mend}`);
  }
  const counts = GRAVITIES.map((gravity) =>
    `${findings.filter((one) => one.gravity === gravity).length} ${gravity}`
  );
  out.say(counts.join(", "));
}

/** What cannot be found out is a finding, and no reason to end. */
function findOut(ask: () => string, otherwise: () => string): string {
  try {
    return ask();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return otherwise();
  }
}

/** The stream folder, whether it is there or not. */
function folderOf(dir: string | undefined): string {
  return findOut(
    () => streamFolder(dir),
    () => resolve(dir ?? (variable("MILK_SHM_DIR") || "/tmp")),
  );
}

/** The folder of state; somewhere else where the user is not known. */
function stateOf(): string {
  return findOut(() => stateFolder(), () => "/tmp/shmim-0");
}

/** The folder of the partitions' daemons. */
function runOf(run: string | undefined): string {
  return findOut(
    () => runFolder(run),
    () => resolve(run ?? "/tmp/shmim-run-0"),
  );
}

/** Of others; nothing where the helper does not load. */
function told(run: string | undefined): Neighbours {
  const { error } = THIS_HOST.helper();
  return error === undefined
    ? neighbours(THIS_HOST, runOf(run))
    : NO_NEIGHBOURS;
}

/** The same to find out what is needed: what may not be read is not known. */
function foreseen(run: string | undefined): Neighbours {
  try {
    return told(run);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return NO_NEIGHBOURS;
    throw error;
  }
}

async function run(options: Options, { out }: Io): Promise<number> {
  const { keys, peers, json, all } = options;
  const findings = await examine(THIS_HOST, {
    folder: folderOf(options.dir),
    state: stateOf(),
    keys,
    peers,
    neighbours: told(options.run),
  });
  const broken = findings.some(({ gravity }) => gravity === "broken");
  if (json) out.json({ broken, findings });
  else print(findings, all, out);
  return broken ? EXIT.failed : EXIT.done;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["doctor [OPTIONS]"],
  description: "Checks this host: stream folder, permissions, limits, " +
    "real-time rights, cores, interrupts, clocks, sockets, helper, Deno, " +
    "keys, peers, the channel table, state of bridges, daemons of " +
    "partitions. Each finding says what it means and the " +
    "command that mends it. Ends with 1 where something is broken. Changes " +
    "nothing.",
  options: [
    { name: "all", help: "also what is well" },
    {
      name: "key",
      value: "FILE",
      many: true,
      help: "a key of bridges that must be usable",
    },
    {
      name: "peer",
      value: "HOST:PORT",
      many: true,
      help: "a receiver that must answer",
    },
    DIR,
    {
      name: "run",
      value: "FOLDER",
      help: "folder of the daemons (default /tmp/shmim-run-UID)",
    },
    JSON_OPTION,
  ],
  examples: [
    ["doctor", "before the night"],
    ["doctor --peer icc:8803 --key bridge.key", "and the other host"],
  ],
  samples: [[], ["--peer", "icc:8803"]],
  parse(args): Options {
    args.exactly();
    return {
      dir: args.text("dir"),
      keys: args.list("key"),
      peers: peersOf(args),
      json: args.flag("json"),
      all: args.flag("all"),
      run: args.text("run"),
    };
  },
  needs({ dir, keys, peers, run }, scope): Needs {
    const { hosts, files, keys: theirs } = scope === GENERAL
      ? NO_NEIGHBOURS
      : foreseen(run);
    const folder = scope === GENERAL ? DEFAULT_FOLDERS : [folderOf(dir)];
    return {
      read: [
        ...folder,
        ...KERNEL_FOLDERS,
        ...scope.file(stateOf()),
        ...scope.file(runOf(run)),
        ...[...keys, ...theirs, ...files].flatMap((path) => scope.file(path)),
      ],
      net: [...peers, ...hosts].flatMap(({ hostname, port }) =>
        scope.host(hostname, port)
      ),
      env: PLACE_VARIABLES,
    };
  },
  run,
});
