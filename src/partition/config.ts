/**
 * A daemon's configuration: a TOML file. What it names is shared and mounted
 * again whenever the daemon starts, also after a reboot.
 * @module
 */

import { parse } from "../../std/toml.ts";
import { type Endpoint, readEndpoint } from "../bridge/endpoint.ts";
import { flag, list, positive, text, whole } from "./check.ts";
import { PartitionError } from "./errors.ts";
import type { Peer } from "./peers.ts";
import { type Limits, MAX_PARTITION, toPartitions, toPeer } from "./unit.ts";

/** A stream to share. */
export interface ConfiguredShare {
  /** Its name in the stream folder. */
  readonly stream: string;
  /** Partitions that may mount it; empty: all. */
  readonly with: readonly number[];
  /** Whether they may write. */
  readonly write: boolean;
}

/** A stream to mount. */
export interface ConfiguredMount {
  /** The owner. */
  readonly partition: number;
  /** Its name there. */
  readonly stream: string;
  /** Its name here. */
  readonly as: string;
  /** Whether it is for writing. */
  readonly write: boolean;
}

/** What the file says. */
export interface DaemonConfig {
  /** Number of the partition. */
  readonly partition?: number;
  /** Folder of streams. */
  readonly dir?: string;
  /** Limits. */
  readonly limits: Partial<Limits>;
  /** Where daemons of other hosts reach this one. */
  readonly listen?: { readonly hostname: string; readonly port: number };
  /** The file of the key of all that have none of their own. */
  readonly key?: string;
  /** Partitions of other hosts. */
  readonly peers: readonly Peer[];
  /** What to share. */
  readonly shares: readonly ConfiguredShare[];
  /** What to mount. */
  readonly mounts: readonly ConfiguredMount[];
}

/** Every key of the file, by the table that it stands in; "": in none. */
export const CONFIG_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": [
    "partition",
    "dir",
    "maxpgs",
    "maxdpgs",
    "timeout",
    "listen",
    "key",
    "peer",
    "share",
    "mount",
  ],
  peer: ["partition", "host", "port", "key"],
  share: ["stream", "with", "write"],
  mount: ["partition", "stream", "as", "write"],
};

type Fields = Record<string, unknown>;

function requireKnown(fields: Fields, where: string): Fields {
  const known = CONFIG_KEYS[where] ?? [];
  const bad = Object.keys(fields).find((key) => !known.includes(key));
  if (bad !== undefined) {
    throw new TypeError(
      `"${bad}" is unknown${where === "" ? "" : ` in [[${where}]]`}; known: ` +
        known.join(", "),
    );
  }
  return fields;
}

/** Reads `192.168.2.2:7100` or `[::1]:7100`. */
function toAddress(where: string): Endpoint {
  const found = readEndpoint(where);
  if (found === undefined || found.port > 65535) {
    throw new TypeError(`"listen" is "${where}", not ADDRESS:PORT`);
  }
  return found;
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** Without a key nobody is asked who he is: only this host may come. */
function requireKeys(config: DaemonConfig): DaemonConfig {
  const { listen, key, peers } = config;
  const keyed = peers.filter((peer) => peer.key !== undefined);
  if (
    listen !== undefined && key === undefined && keyed.length === 0 &&
    !LOOPBACK.test(listen.hostname)
  ) {
    throw new TypeError(
      `"listen" is ${listen.hostname}, which other hosts reach: that takes a ` +
        '"key"; without one only 127.0.0.1',
    );
  }
  const bare = peers.find((peer) => peer.key === undefined);
  if (key === undefined && keyed.length > 0 && bare !== undefined) {
    throw new TypeError(
      `[[peer]] ${bare.partition} has no "key", others have: give it one, or ` +
        'a common "key" beside "listen"',
    );
  }
  return config;
}

/** A number stands for one partition. */
function requireDifferent(config: DaemonConfig): DaemonConfig {
  const numbers = config.peers.map(({ partition }) => partition);
  const twice = numbers.find((one, at) => numbers.indexOf(one) !== at);
  if (twice !== undefined) {
    throw new TypeError(`Two [[peer]] have the number ${twice}`);
  }
  return config;
}

function toConfig(fields: Fields): DaemonConfig {
  requireKnown(fields, "");
  const has = (name: string): boolean => name in fields;
  return {
    ...has("partition")
      ? { partition: whole(fields, "partition", 0, MAX_PARTITION) }
      : {},
    ...has("dir") ? { dir: text(fields, "dir") } : {},
    limits: {
      ...has("maxpgs") ? { maxpgs: whole(fields, "maxpgs", 1) } : {},
      ...has("maxdpgs") ? { maxdpgs: whole(fields, "maxdpgs", 1) } : {},
      ...has("timeout") ? { timeoutS: positive(fields, "timeout") } : {},
    },
    ...has("listen") ? { listen: toAddress(text(fields, "listen")) } : {},
    ...has("key") ? { key: text(fields, "key") } : {},
    peers: list(
      { peer: [], ...fields },
      "peer",
      (peer) => toPeer(requireKnown(peer, "peer")),
    ),
    shares: list({ share: [], ...fields }, "share", (share) => {
      requireKnown(share, "share");
      return {
        stream: text(share, "stream"),
        with: toPartitions(share.with ?? []),
        write: "write" in share && flag(share, "write"),
      };
    }),
    mounts: list({ mount: [], ...fields }, "mount", (mount) => {
      requireKnown(mount, "mount");
      const stream = text(mount, "stream");
      return {
        partition: whole(mount, "partition", 0, MAX_PARTITION),
        stream,
        as: "as" in mount ? text(mount, "as") : stream,
        write: "write" in mount && flag(mount, "write"),
      };
    }),
  };
}

/**
 * Reads a configuration.
 *
 * @throws {PartitionError} where it cannot be used, naming file and key.
 */
export function readConfig(path: string): DaemonConfig {
  try {
    const config = toConfig(parse(Deno.readTextFileSync(path)));
    return requireDifferent(requireKeys(config));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new PartitionError(
      `Cannot use configuration "${path}": ${
        error instanceof Deno.errors.NotFound
          ? "there is no such file"
          : (error as Error).message
      }`,
      { cause: error },
    );
  }
}
