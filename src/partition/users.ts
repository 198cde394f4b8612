/** Who uses what a partition has: what a shutdown has to wait for. @module */

import { kernelInfo, type Registry } from "./registry.ts";
import { runs } from "./process.ts";
import { type UnitState, unitsUp } from "./unit.ts";

/**
 * Everybody who uses something of a partition, one line each.
 *
 * @param folder The run folder.
 * @param state The partition.
 * @param registry The segments as they are now.
 */
export function usersOf(
  folder: string,
  state: UnitState,
  registry: Registry,
): string[] {
  const { partition, unit } = state;
  const users: string[] = [];
  for (const entry of registry.segments) {
    const name = `segment ${entry.shmid} of partition ${entry.partition}`;
    for (const hold of entry.holds) {
      if (entry.partition === partition || hold.partition === partition) {
        users.push(
          `pid ${hold.pid} of partition ${hold.partition} has ${name}`,
        );
      }
    }
    if (entry.partition !== partition || entry.copy !== null) continue;
    for (const { partition: remote } of entry.remote) {
      users.push(`partition ${remote} on another host has ${name}`);
    }
    const known = entry.holds.reduce((sum, { count }) => sum + count, 0);
    // What carries it to another host is told by that one's name.
    const others = (kernelInfo(entry)?.attached ?? 0) - known -
      entry.remote.length;
    if (others > 0) {
      users.push(`${name} is attached ${others} times by its id alone`);
    }
  }
  for (const pump of state.pumps) {
    if (pump.of !== "share" || !runs(pump)) continue;
    users.push(
      pump.kind === "transmit"
        ? `partition ${pump.partition} at ${pump.host} receives "${pump.stream}"`
        : `partition ${pump.partition} writes "${pump.stream}"`,
    );
  }
  for (const other of unitsUp(folder)) {
    if (other.unit === unit) continue;
    for (const mount of other.mounts) {
      if (mount.partition !== partition) continue;
      users.push(
        `partition ${other.partition} has "${mount.stream}" mounted as ` +
          `"${mount.path}"`,
      );
    }
  }
  return users;
}
