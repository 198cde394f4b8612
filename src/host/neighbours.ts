/**
 * What this host is told of others: the channel table of its bridges, and the
 * daemons of its partitions with their peers and keys.
 * @module
 */

import { resolve } from "@std/path";
import { showEndpoint } from "../bridge/endpoint.ts";
import { findTable, namedTable, variable } from "../channels/place.ts";
import { hostOf, readTable } from "../channels/table.ts";
import { readConfig } from "../partition/config.ts";
import { PartitionError } from "../partition/errors.ts";
import { requireOwnFolder } from "../partition/run_folder.ts";
import { daemonRuns, listUnits, type UnitState } from "../partition/unit.ts";
import type { HostDoor } from "./door.ts";
import { type Finding, ill, well } from "./finding.ts";

/** Another host that this one was told of. */
export interface Neighbour {
  /** Its name or address. */
  readonly hostname: string;
  /** Where it listens. */
  readonly port: number;
  /** What for. */
  readonly of: string;
  /** Whether somebody must listen there now, or just at times. */
  readonly always: boolean;
}

/** What was found out about others. */
export interface Neighbours {
  /** What is well and what is not with the table and the daemons. */
  readonly findings: readonly Finding[];
  /** Hosts that should be there. */
  readonly hosts: readonly Neighbour[];
  /** Files of keys. */
  readonly keys: readonly string[];
  /** Files that were read for it. */
  readonly files: readonly string[];
}

/** A host that was told of no other. */
export const NO_NEIGHBOURS: Neighbours = {
  findings: [],
  hosts: [],
  keys: [],
  files: [],
};

function unique(texts: readonly (string | undefined)[]): string[] {
  return [...new Set(texts.filter((one) => one !== undefined))];
}

/** What the channel table says, where there is one. */
function ofTable(): Neighbours {
  let file;
  try {
    file = findTable(undefined);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return {
      ...NO_NEIGHBOURS,
      files: unique([namedTable(undefined)]),
      findings: [ill("channels", "broken", {
        found: error.message,
        means: "shmim bridge knows no channel",
        mend: "unset SHMIM_CONFIG",
      })],
    };
  }
  if (file === undefined) return NO_NEIGHBOURS;
  const { path } = file;
  const { table, problems: [problem] } = readTable(path, file.text);
  const said = (finding: Finding): Neighbours => ({
    ...NO_NEIGHBOURS,
    findings: [finding],
    files: [path],
  });
  if (problem !== undefined) {
    return said(ill("channels", "broken", {
      found: `${path}:${problem.line}:${problem.column}: ${problem.message}`,
      means: "a table with a mistake is not used: no bridge starts",
      mend: "shmim bridge --check",
    }));
  }
  const role = variable("MAGAOX_ROLE");
  const here = role === undefined ? undefined : hostOf(table, role);
  if (here === undefined) {
    const roles = table.hosts.map((host) => host.role);
    return said(ill("channels", role === undefined ? "note" : "broken", {
      found: role === undefined
        ? `${path} does not tell which host this is: MAGAOX_ROLE is not set`
        : `no host of ${path} has the role "${role}"`,
      means: "shmim bridge asks for --role with each call",
      mend: `export MAGAOX_ROLE=${roles[0] ?? "ROLE"}   # of ${
        roles.join(", ")
      }`,
    }));
  }
  const { name } = here;
  const mine = table.channels.filter(({ from, to }) =>
    from.name === name || to.name === name
  );
  // One port stands for the host: it is there, or it is not.
  const hosts = new Map<string, Neighbour>();
  for (const { from, to, port, name: channel } of mine) {
    if (from.name !== name || hosts.has(to.address)) continue;
    const of = `channel ${channel}`;
    hosts.set(to.address, { hostname: to.address, port, of, always: false });
  }
  return {
    findings: [
      well("channels", `${mine.length} of "${name}" in ${path}`),
    ],
    hosts: [...hosts.values()],
    keys: unique(mine.map(({ key }) => key)),
    files: [path],
  };
}

/** A path as a process means it, where it was started. */
function pathOf(door: HostDoor, pid: number, path: string): string {
  return resolve(door.link(`/proc/${pid}/cwd`) ?? "/", path);
}

/** The configuration that a daemon was started with, where there is one. */
function configOf(door: HostDoor, pid: number): string | undefined {
  const words = (door.text(`/proc/${pid}/cmdline`) ?? "").split("\0");
  const at = words.indexOf("--config");
  const path = at < 0
    ? words.find((word) => word.startsWith("--config="))?.slice(9)
    : words[at + 1];
  return path === undefined ? undefined : pathOf(door, pid, path);
}

function ofUnit(door: HostDoor, state: UnitState): Neighbours {
  const { unit, partition, pid, peers } = state;
  const what = `partition ${partition} (unit ${unit}, pid ${pid})`;
  const hosts = peers.map(({ partition, host, port }) => ({
    hostname: host,
    port,
    of: `partition ${partition}`,
    always: true,
  }));
  if (!daemonRuns(state)) {
    return {
      ...NO_NEIGHBOURS,
      hosts,
      findings: [ill("partition", "warning", {
        found: `the daemon of ${what} has died`,
        means: "what it shares and has mounted goes on; nothing new can be " +
          "shared or mounted",
        mend: `shmim ctl startup --unit ${unit}`,
      })],
    };
  }
  const findings = [well("partition", `the daemon of ${what} runs`)];
  const config = configOf(door, pid);
  if (config === undefined) return { ...NO_NEIGHBOURS, findings, hosts };
  try {
    const { key, peers } = readConfig(config);
    const keys = unique([key, ...peers.map((peer) => peer.key)])
      .map((path) => pathOf(door, pid, path));
    return { findings, hosts, keys, files: [config] };
  } catch (error) {
    if (!(error instanceof PartitionError)) throw error;
    const found = error.message;
    findings.push(ill("partition", "broken", {
      found,
      means: "its daemon runs, but the next one will not start",
      mend: `$EDITOR ${config}`,
    }));
    return { ...NO_NEIGHBOURS, findings, hosts, files: [config] };
  }
}

/** What the daemons of a run folder say, where there are any. */
function ofPartitions(door: HostDoor, run: string): Neighbours[] {
  if (door.file(run) === undefined) return [];
  const findings: Finding[] = [];
  const broken = ({ message }: Error, mend: string): void => {
    const means = "its daemons do not start, and answer nobody";
    findings.push(ill("partition", "broken", { found: message, means, mend }));
  };
  try {
    requireOwnFolder(run);
  } catch (error) {
    if (!(error instanceof PartitionError)) throw error;
    broken(error, `ls -ld ${run}`);
    return [{ ...NO_NEIGHBOURS, findings }];
  }
  const units = listUnits(run, (error) => broken(error, "shmim ctl startup"));
  return [
    { ...NO_NEIGHBOURS, findings },
    ...units.filter(({ up }) => up).map((state) => ofUnit(door, state)),
  ];
}

/**
 * Finds out which others this host was told of.
 *
 * @param door This host.
 * @param run The run folder of its daemons.
 * @throws {Deno.errors.NotCapable} where one of the files may not be read.
 */
export function neighbours(door: HostDoor, run: string): Neighbours {
  const all = [ofTable(), ...ofPartitions(door, run)];
  return {
    findings: all.flatMap(({ findings }) => findings),
    hosts: all.flatMap(({ hosts }) => hosts),
    keys: unique(all.flatMap(({ keys }) => keys)),
    files: unique(all.flatMap(({ files }) => files)),
  };
}

/** A host that this one was told of is there. */
export async function checkNeighbour(
  door: HostDoor,
  { hostname, port, of, always }: Neighbour,
): Promise<Finding> {
  const where = `${showEndpoint(hostname, port)} (${of})`;
  let reason: string | undefined;
  try {
    reason = await door.reach(hostname, port);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    return ill("peer", "note", {
      found: `${where} was not asked: ${error.message}`,
      means: "whether it answers is not known",
      mend: `shmim doctor --peer ${showEndpoint(hostname, port)}`,
    });
  }
  if (reason === undefined) return well("peer", `${where} answers`);
  if (/refused/i.test(reason)) {
    return always
      ? ill("peer", "warning", {
        found: `nobody listens at ${where}`,
        means: "its daemon does not run: nothing of it can be mounted",
        mend: `ssh ${hostname} shmim ctl startup`,
      })
      : well("peer", `${hostname} is there; nobody listens for ${of} now`);
  }
  return ill("peer", "warning", {
    found: `${where} cannot be reached: ${reason}`,
    means: "its host is off, or a firewall or a cable is between",
    mend: `ping -c 3 ${hostname}`,
  });
}
