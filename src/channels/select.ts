/**
 * From names and patterns to what this host is to do.
 * @module
 */

import { globToRegExp } from "../../std/path/glob_to_regexp.ts";
import { type Channel, type ChannelTable, type Host, hostOf } from "./table.ts";
import type { Task } from "./serve.ts";

/** Whether a word is a pattern rather than a name. */
export function isPattern(word: string): boolean {
  return /[*?[]/.test(word);
}

/**
 * Names that words stand for, each once, in the order of `known`.
 *
 * @param words Names and patterns; none stands for all.
 * @param known The names that there are.
 * @returns The names, and the words that stand for none.
 */
export function matching(
  words: readonly string[],
  known: readonly string[],
): { names: string[]; unknown: string[] } {
  if (words.length === 0) return { names: [...known], unknown: [] };
  const tests = words.map((word) => {
    const glob = isPattern(word) ? globToRegExp(word) : undefined;
    return (name: string): boolean => glob?.test(name) ?? name === word;
  });
  return {
    names: known.filter((name) => tests.some((test) => test(name))),
    unknown: words.filter((_, i) => !known.some((name) => tests[i]?.(name))),
  };
}

/** What a host does for a channel; `undefined` where it has no part in it. */
export function partOf(
  channel: Channel,
  host: Host,
): "transmit" | "receive" | undefined {
  if (channel.from.name === host.name) return "transmit";
  return channel.to.name === host.name ? "receive" : undefined;
}

/** An address in numbers: only such a one is held against a peer's. */
function isNumeric(address: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(address) || address.includes(":");
}

/** The task of a host for a channel in which it has a part. */
export function taskOf(
  channel: Channel,
  part: "transmit" | "receive",
  dir: string | undefined,
): Task {
  const { from, to } = channel;
  return {
    ...channel,
    channel: channel.name,
    part,
    host: to.address,
    allow: isNumeric(from.address) ? [from.address] : [],
    dir,
  };
}

/**
 * The host that this is.
 *
 * @param table The table.
 * @param role What `--role` or `$MAGAOX_ROLE` says.
 * @throws {RangeError} where no host has this role, or none was said.
 */
export function requireHost(
  table: ChannelTable,
  role: string | undefined,
): Host {
  const roles = table.hosts.map((host) => host.role).join(", ");
  if (role === undefined) {
    throw new RangeError(
      `Which host is this? Set MAGAOX_ROLE, or give --role: ${roles}`,
    );
  }
  const host = hostOf(table, role);
  if (host === undefined) {
    throw new RangeError(
      `No host of "${table.path}" has the role "${role}" (there are: ${roles})`,
    );
  }
  return host;
}
