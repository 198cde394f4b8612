/**
 * Exit codes of bridges: they tell a script how a channel does.
 * @module
 */

import type { ChannelState } from "./state.ts";

/** Exit codes; beside these 2 is wrong usage, 128+n a signal. */
export const BRIDGE_EXIT = {
  up: 0,
  down: 1,
  refused: 3,
  unreachable: 4,
  waiting: 5,
} as const;

/** The gravest first. */
const ORDER: readonly number[] = [
  BRIDGE_EXIT.down,
  BRIDGE_EXIT.unreachable,
  BRIDGE_EXIT.refused,
  BRIDGE_EXIT.waiting,
];

/** The exit code of one channel. */
export function codeOf({ condition }: ChannelState): number {
  switch (condition) {
    case "up":
    case "refused":
    case "unreachable":
    case "waiting":
      return BRIDGE_EXIT[condition];
    default:
      return BRIDGE_EXIT.down;
  }
}

/** The exit code of several: the gravest of theirs. */
export function gravest(codes: readonly number[]): number {
  return ORDER.find((code) => codes.includes(code)) ?? BRIDGE_EXIT.up;
}
