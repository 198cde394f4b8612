/** All checks of a host. @module */

import { checkKey, checkPeer, checkState } from "./check_bridges.ts";
import { checkPermissions, checkSpace, checkTmpfs } from "./check_folder.ts";
import { checkDeno, checkHelper } from "./check_program.ts";
import {
  checkClockSource,
  checkContainer,
  checkCores,
  checkInterrupts,
  checkLimits,
  checkLockedMemory,
  checkRealTime,
  checkSockets,
  checkSwap,
  checkTime,
} from "./check_system.ts";
import type { HostDoor } from "./door.ts";
import type { Finding } from "./finding.ts";
import { checkNeighbour, type Neighbours } from "./neighbours.ts";

/** A peer of a bridge. */
export interface Peer {
  /** Its host. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
}

/** What is checked beside the machine. */
export interface Subject {
  /** The stream folder. */
  readonly folder: string;
  /** The folder of state of bridges and daemons. */
  readonly state: string;
  /** Keys of bridges. */
  readonly keys: readonly string[];
  /** Peers that must answer. */
  readonly peers: readonly Peer[];
  /** What this host was told of others. */
  readonly neighbours: Neighbours;
}

/** Which file of the kernel each check reads, for the permission to do so. */
export const KERNEL_FOLDERS: readonly string[] = ["/proc", "/sys"];

/**
 * Examines a host.
 *
 * @param door The host.
 * @param subject What of it matters.
 * @returns What was found, in the order of the checks.
 */
export async function examine(
  door: HostDoor,
  { folder, state, keys, peers, neighbours }: Subject,
): Promise<Finding[]> {
  const helper = checkHelper(door);
  if (helper.gravity === "broken") return [helper, checkDeno(door)];
  return [
    helper,
    checkDeno(door),
    checkTmpfs(door, folder),
    ...checkSpace(door, folder),
    ...checkPermissions(door, folder),
    ...checkSwap(door),
    ...checkLimits(door),
    ...checkLockedMemory(door),
    ...checkRealTime(door),
    ...checkCores(door),
    ...checkInterrupts(door),
    ...checkClockSource(door),
    ...checkTime(door),
    ...checkSockets(door),
    ...checkContainer(door),
    checkState(door, state),
    ...neighbours.findings,
    ...[...new Set([...keys, ...neighbours.keys])].map((path) =>
      checkKey(door, path)
    ),
    ...await Promise.all(
      [
        ...peers.map(({ hostname, port }) => checkPeer(door, hostname, port)),
        ...neighbours.hosts.map((one) => checkNeighbour(door, one)),
      ],
    ),
  ];
}
