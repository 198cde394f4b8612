/** How a partition goes down for good. @module */

import type { Book } from "./book.ts";
import { PartitionError } from "./errors.ts";
import type { Mounted } from "./mounted.ts";
import { changeRegistry, readRegistry, removeFromKernel } from "./registry.ts";
import type { Remote } from "./remote.ts";
import { locked } from "./run_folder.ts";
import { usersOf } from "./users.ts";

/** What it took. */
export interface Shutdown {
  /** The partition. */
  readonly partition: number;
  /** Segments that were removed. */
  readonly removed: number;
  /** Who used something all the same. */
  readonly users: readonly string[];
}

/**
 * Releases everything that a partition has.
 *
 * @param force Also where somebody uses something.
 * @throws {PartitionError} where somebody does, saying who.
 */
export async function shutDown(
  book: Book,
  mounted: Mounted,
  remote: Remote | undefined,
  force: boolean,
): Promise<Shutdown> {
  const { folder } = book;
  const { partition } = book.state;
  const registry = locked(folder, () => readRegistry(folder));
  const users = usersOf(folder, book.state, registry);
  if (users.length > 0 && !force) {
    throw new PartitionError(
      `Partition ${partition} is in use: ${
        users.join("; ")
      }; --force shuts it down all the same`,
    );
  }
  book.requireStaying();
  book.ending = true;
  try {
    const removed = removeSegments(folder, partition);
    await mounted.dropAll();
    await remote?.endAll();
    book.change({ up: false, shares: [], mounts: [] });
    book.tell(`shut down; removed ${removed} segments`);
    return { partition, removed, users };
  } catch (error) {
    book.ending = false; // it stays up, and looks after what is left
    throw error;
  }
}

/** Removes its segments, and its copies of others'; tells how many it owned. */
function removeSegments(folder: string, partition: number): number {
  return changeRegistry(folder, (registry) => {
    for (const entry of registry.segments) {
      if (entry.copy?.home !== partition) continue;
      entry.removed = true;
      removeFromKernel(entry);
    }
    const own = registry.segments.filter((entry) =>
      entry.partition === partition && entry.copy === null
    );
    for (const entry of own) {
      entry.removed = true;
      entry.remote = []; // their copies are told that it is gone
      removeFromKernel(entry);
    }
    return own.length;
  });
}
