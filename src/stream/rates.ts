/**
 * Rates and ages by our own look at counters, never by a foreign clock.
 * @module
 */

import { pause } from "../../ffi/clock.ts";

/** How a counter moved while it was watched. */
export interface Rate {
  /** Frames a second while watched; `null` where none came. */
  readonly rateHz: number | null;
  /** Age of the last frame, s; `null` where none came while watched. */
  readonly ageSeconds: number | null;
}

interface Moves {
  readonly first: bigint;
  counter: bigint;
  firstMove: number | undefined;
  lastMove: number | undefined;
}

const LOOK_MS = 5;

function rateOf(moves: Moves, now: number): Rate {
  const { firstMove, lastMove } = moves;
  if (firstMove === undefined || lastMove === undefined) {
    return { rateHz: null, ageSeconds: null };
  }
  const frames = Number(moves.counter - moves.first) - 1;
  return {
    rateHz: lastMove > firstMove && frames > 0
      ? frames * 1000 / (lastMove - firstMove)
      : null,
    ageSeconds: Math.round(now - lastMove) / 1000,
  };
}

/**
 * Watches counters for a while.
 *
 * @param look Gives all of them; one that cannot be read is `undefined`.
 * @param ms How long.
 * @returns A rate for each.
 */
export async function watchCounters(
  look: () => readonly (bigint | undefined)[],
  ms: number,
): Promise<Rate[]> {
  const all = look().map((counter = 0n): Moves => ({
    first: counter,
    counter,
    firstMove: undefined,
    lastMove: undefined,
  }));
  const end = performance.now() + ms;
  while (all.length > 0 && performance.now() < end) {
    await pause(LOOK_MS);
    const counters = look();
    const now = performance.now();
    all.forEach((one, index) => {
      const counter = counters[index];
      if (counter === undefined || counter === one.counter) return;
      one.counter = counter;
      one.lastMove = now;
      one.firstMove ??= now;
    });
  }
  const now = performance.now();
  return all.map((one) => rateOf(one, now));
}
