/** What a daemon answers when it is asked how things are. @module */

import type { KeptEvent } from "./kept_events.ts";
import { lookAt, mayMount } from "./mounts.ts";
import type { PeerFacts } from "./peer_watch.ts";
import { runs } from "./process.ts";
import { ofMount } from "./pumps.ts";
import type { Registry } from "./registry.ts";
import { PAGE_BYTES, type UnitState, unitsUp } from "./unit.ts";
import { pagesTaken } from "./xp.ts";

/** What a daemon knows. */
export interface ReportSource {
  /** The run folder. */
  readonly folder: string;
  /** What it remembers. */
  readonly state: UnitState;
  /** The segments as they are now. */
  readonly registry: Registry;
  /** Why mounts wait, by their path. */
  readonly waiting: ReadonlyMap<string, string>;
  /** What happened last. */
  readonly events: readonly KeptEvent[];
  /** Since when it runs, ms since 1970. */
  readonly started: number;
  /** The partitions of other hosts. */
  readonly peers: readonly PeerFacts[];
}

/** Segments, mounts that wait, and what happened last. */
export function statusOf(source: ReportSource): unknown {
  const { unit, partition, hostname, dir, pid, starts } = source.state;
  const registry = source.registry;
  return {
    unit,
    partition,
    hostname,
    dir,
    pid,
    starts,
    upSeconds: Math.round((Date.now() - source.started) / 1000),
    segments: registry.segments
      .filter((entry) => (entry.copy?.home ?? entry.partition) === partition)
      .map(({ shmid, key, size, autormid, removed, holds, copy, ...more }) => ({
        shmid,
        key,
        size,
        autormid,
        removed,
        holds: holds.map(({ partition, pid, count }) => ({
          partition,
          pid,
          count,
        })),
        remote: more.remote.map(({ partition }) => partition),
        owner: copy === null ? null : more.partition,
      })),
    peers: source.peers,
    shares: source.state.shares.length,
    mounts: source.state.mounts.length,
    waiting: Object.fromEntries(source.waiting),
    events: source.events,
  };
}

/** Limits, and how much of them is in use. */
export function configOf(source: ReportSource): unknown {
  const { unit, partition, hostname, dir, limits } = source.state;
  return {
    unit,
    partition,
    hostname,
    dir,
    pageBytes: PAGE_BYTES,
    maxpgs: limits.maxpgs,
    pages: pagesTaken(source.registry, partition),
    maxdpgs: limits.maxdpgs,
    dpages: Math.ceil(JSON.stringify(source.state).length / PAGE_BYTES),
    timeoutS: limits.timeoutS,
  };
}

/** What is shared, mounted, and offered by others. */
export function sharesOf(source: ReportSource): unknown {
  const { partition: own, shares, mounts } = source.state;
  const users = unitsUp(source.folder);
  return {
    partition: own,
    shares: shares.map((share) => ({
      ...share,
      mountedBy: [
        ...users.filter((unit) =>
          unit.mounts.some(({ partition, stream }) =>
            partition === own && stream === share.name
          )
        ),
        ...source.state.pumps.filter((pump) =>
          pump.of === "share" && pump.stream === share.name && runs(pump)
        ),
      ].map(({ partition }) => partition)
        .filter((one, at, all) => all.indexOf(one) === at),
      writer:
        source.state.pumps.find((pump) =>
          pump.of === "share" && pump.kind === "receive" &&
          pump.stream === share.name && runs(pump)
        )?.partition ?? null,
    })),
    mounts: mounts.map((mount) => ({
      ...mount,
      state: source.waiting.has(mount.path)
        ? "waiting"
        : source.state.pumps.some((pump) => ofMount(mount, pump) && runs(pump))
        ? mount.write ? "sent" : "received"
        : lookAt(mount) === "ours"
        ? "linked"
        : "missing",
      reason: source.waiting.get(mount.path) ?? null,
    })),
    offered: users.filter(({ partition }) => partition !== own)
      .flatMap((unit) =>
        unit.shares.filter((share) => mayMount(share, own)).map((share) => ({
          partition: unit.partition,
          stream: share.name,
          write: share.write,
        }))
      ),
  };
}
