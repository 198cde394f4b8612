/** What a configuration adds to what a daemon remembers. @module */

import { join } from "@std/path";
import { requireName, SUFFIX } from "../stream/names.ts";
import type { Book } from "./book.ts";
import type { DaemonConfig } from "./config.ts";
import { PartitionError } from "./errors.ts";
import type { Mount, Share } from "./unit.ts";

/**
 * What the configuration shares and mounts, besides what there is; what it no
 * longer names is forgotten.
 *
 * @returns Mounts that have to be taken away.
 */
export function applyConfig(book: Book, config: DaemonConfig): Mount[] {
  const { dir, shares, mounts, partition } = book.state;
  const path = (name: string): string => join(dir, requireName(name) + SUFFIX);
  const own: Share[] = config.shares.map((share) => ({
    name: share.stream,
    path: path(share.stream),
    with: share.with,
    write: share.write,
    configured: true,
  }));
  const others: Mount[] = config.mounts.map((mount) => {
    if (mount.partition === partition) {
      throw new PartitionError(
        `The configuration mounts "${mount.stream}" of partition ` +
          `${partition}, which is this one`,
      );
    }
    return {
      partition: mount.partition,
      stream: mount.stream,
      path: path(mount.as),
      target: "",
      write: mount.write,
      configured: true,
    };
  });
  const gone = mounts.filter((mount) =>
    mount.configured === true && !others.some((one) => isSame(one, mount))
  );
  const kept = mounts.filter((mount) => !gone.includes(mount));
  book.change({
    shares: [
      ...shares.filter(({ name, configured }) =>
        configured !== true && !own.some((one) => one.name === name)
      ),
      ...own,
    ],
    mounts: [
      // What was mounted by hand stays; the configuration says how otherwise.
      ...kept.map((mount) => {
        const said = others.find(({ path }) => path === mount.path);
        return said === undefined ? mount : { ...mount, write: said.write };
      }),
      ...others.filter((one) => !kept.some(({ path }) => path === one.path)),
    ],
  });
  return gone;
}

function isSame(a: Mount, b: Mount): boolean {
  return a.path === b.path && a.partition === b.partition &&
    a.stream === b.stream;
}
