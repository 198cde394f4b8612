/**
 * What a call of `bridge` asks for, held against the channel table.
 * @module
 */

import { showEndpoint } from "../bridge/endpoint.ts";
import { findTable, type TableFile, tablePlaces, variable } from "./place.ts";
import { matching, partOf, requireHost, taskOf } from "./select.ts";
import type { Task } from "./serve.ts";
import {
  type Carriage,
  type Channel,
  type ChannelTable,
  type Host,
  hostOf,
  PLAIN_CARRIAGE,
  readTable,
} from "./table.ts";
import type { Problem } from "./toml.ts";

/** What was asked for. */
export interface BridgeRequest {
  /** Names and patterns. */
  readonly channels: readonly string[];
  /** The channel table that was named. */
  readonly config: string | undefined;
  /** The role that was named. */
  readonly role: string | undefined;
  /** Where to transmit without a table. */
  readonly to: { host: string; port: number } | undefined;
  /** Where to listen without a table. */
  readonly listen: { host: string; port: number } | undefined;
  /** Who may connect there. */
  readonly allow: readonly string[];
  /** What belongs to a channel without a table. */
  readonly carriage: Partial<Carriage>;
  /** Folder of the streams. */
  readonly dir: string | undefined;
}

/** One channel's task. */
export interface Planned {
  /** What this host is to do. */
  readonly task: Task;
  /** The other host, where the table knows it. */
  readonly other: Host | undefined;
}

/**
 * Reads a table that was found.
 *
 * @throws {Deno.errors.NotFound} where none was found.
 */
export function loadTable(
  file: TableFile | undefined,
  named: string | undefined,
): { table: ChannelTable; problems: readonly Problem[] } {
  if (file === undefined) {
    throw new Deno.errors.NotFound(
      `There is no channel table${named === undefined ? "" : ` "${named}"`}: ` +
        `looked for ${tablePlaces().join(", ")}; --config FILE names one, ` +
        "docs/examples/magaox.toml is an example",
    );
  }
  return readTable(file.path, file.text);
}

/**
 * The table, when nothing is wrong in it.
 *
 * @throws {SyntaxError} with the first thing that is wrong.
 */
export function soundTable(request: BridgeRequest): ChannelTable {
  const { table, problems } = loadTable(
    findTable(request.config),
    request.config,
  );
  const [first, ...more] = problems;
  if (first === undefined) return table;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  throw new Error(
    `${table.path}:${first.line}:${first.column}: ${first.message}${others}; ` +
      "shmim bridge --check shows all",
  );
}

/** The role of this host, where it is said. */
export function roleOf(request: BridgeRequest): string | undefined {
  return request.role ?? variable("MAGAOX_ROLE");
}

/** A host by its name in the table, where there is a table. */
function hostByName(request: BridgeRequest, name: string): Host | undefined {
  if (findTable(request.config) === undefined) return undefined;
  return hostOf(soundTable(request), name);
}

function direct(request: BridgeRequest): Planned | undefined {
  const { to, listen, dir, allow } = request;
  const channel = request.channels[0] ?? "";
  const common = {
    ...PLAIN_CARRIAGE,
    ...request.carriage,
    channel,
    dir,
    size: undefined,
    type: undefined,
  };
  if (to !== undefined) {
    const other = hostByName(request, to.host);
    return {
      task: {
        ...common,
        part: "transmit",
        host: other?.address ?? to.host,
        port: to.port,
        allow: [],
      },
      other,
    };
  }
  if (listen === undefined) return undefined;
  return {
    task: {
      ...common,
      part: "receive",
      host: listen.host,
      port: listen.port,
      allow,
    },
    other: undefined,
  };
}

/** Channels that the words stand for. */
function selected(table: ChannelTable, words: readonly string[]): Channel[] {
  const { names, unknown } = matching(
    words,
    table.channels.map(({ name }) => name),
  );
  if (unknown[0] !== undefined) {
    throw new Deno.errors.NotFound(
      `"${table.path}" has no channel "${unknown[0]}" (shmim bridge --list)`,
    );
  }
  return table.channels.filter(({ name }) => names.includes(name));
}

/**
 * The tasks of this host for what was asked.
 *
 * @throws {Error} where the table, the channel or the role does not fit.
 */
export function planned(request: BridgeRequest): Planned[] {
  const one = direct(request);
  if (one !== undefined) return [one];
  const table = soundTable(request);
  const channels = selected(table, request.channels);
  const host = requireHost(table, roleOf(request));
  return channels.map((channel) => {
    const part = partOf(channel, host);
    if (part === undefined) {
      throw new RangeError(
        `"${channel.name}" goes from "${channel.from.name}" to ` +
          `"${channel.to.name}"; this host is "${host.name}"`,
      );
    }
    return {
      task: taskOf(channel, part, request.dir),
      other: part === "transmit" ? channel.to : channel.from,
    };
  });
}

/** A line of the table of channels. */
export interface ListedChannel {
  /** The stream. */
  readonly channel: string;
  /** Its group. */
  readonly group: string;
  /** Host that it comes from. */
  readonly from: string;
  /** Host that it goes to. */
  readonly to: string;
  /** Axes. */
  readonly size: readonly number[];
  /** Data type. */
  readonly type: string;
  /** Where its receiver listens. */
  readonly address: string;
  /** The wire. */
  readonly wire: string;
  /** The policy. */
  readonly policy: string;
  /** What this host does, `null` where it has no part or no role. */
  readonly part: "transmit" | "receive" | null;
}

/** The table of channels. */
export function listed(request: BridgeRequest): ListedChannel[] {
  const table = soundTable(request);
  const role = roleOf(request);
  const host = role === undefined ? undefined : requireHost(table, role);
  return selected(table, request.channels).map((channel) => ({
    channel: channel.name,
    group: channel.group,
    from: channel.from.name,
    to: channel.to.name,
    size: channel.size,
    type: channel.type,
    address: showEndpoint(channel.to.address, channel.port),
    wire: channel.wire,
    policy: channel.policy,
    part: host === undefined ? null : partOf(channel, host) ?? null,
  }));
}
