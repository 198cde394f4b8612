/**
 * Where the frames of a stream come from, over how many partitions: a mount
 * that would lead back to itself is refused, for its frames would go round
 * for ever.
 * @module
 */

import { PartitionError } from "./errors.ts";
import type { UnitState } from "./unit.ts";

/** Longest chain that is followed. */
const MAX_CHAIN = 64;

/** A stream of a partition, such as `1:wfs`. */
export function label(partition: number, stream: string): string {
  return `${partition}:${stream}`;
}

/** Reads a chain that a peer told. */
export function toChain(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one) => typeof one === "string").slice(0, MAX_CHAIN);
}

/** What each file of this partition is fed from, as far as it is known. */
export class Origins {
  readonly #fed = new Map<string, readonly string[]>();

  /** A peer said where the frames come from that a file gets. */
  learn(path: string, chain: readonly string[]): void {
    this.#fed.set(path, chain);
  }

  /** Nothing feeds it any more. */
  forget(path: string): void {
    this.#fed.delete(path);
  }

  /** The chain of a stream of ours: itself first. */
  of({ partition, mounts }: UnitState, name: string, path: string): string[] {
    const mount = mounts.find((one) => one.path === path && !one.write);
    const known = this.#fed.get(path) ??
      (mount === undefined ? [] : [label(mount.partition, mount.stream)]);
    return [label(partition, name), ...known].slice(0, MAX_CHAIN);
  }
}

/**
 * Holds a chain against what it is to feed.
 *
 * @throws {PartitionError} where that is a part of it already.
 */
export function requireNoCircle(
  fed: readonly string[],
  chain: readonly string[],
): void {
  const at = chain.findIndex((one) => fed.includes(one));
  if (at < 0) return;
  const circle = [...fed.slice(0, 1), ...chain.slice(0, at + 1)];
  throw new PartitionError(
    `These mounts lead in a circle: ${circle.join(" <- ")}`,
  );
}
