/**
 * What begins a recording: a counter, a keyword, or another stream.
 * @module
 */

import { CLOCK, clockNs } from "../../ffi/clock.ts";
import type { Keyword } from "../stream/keywords.ts";
import { requireName } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import { Channel } from "./channel.ts";
import type { Trigger } from "./gate.ts";
import type { Recorder } from "./recorder.ts";

/** A trigger as it was asked for. */
export type TriggerChoice =
  | { readonly kind: "counter"; readonly counter: bigint }
  | { readonly kind: "keyword"; readonly name: string; readonly value: string }
  | { readonly kind: "stream"; readonly name: string };

/** A trigger that holds something until it is disposed. */
export type HeldTrigger = Trigger & AsyncDisposable;

/** How long frames are kept for a trigger that may have come already. */
const KEEP_NS = 1_000_000_000n;

/**
 * Reads `counter:N`, `KEYWORD=VALUE`, or a stream's name.
 *
 * @throws {SyntaxError} where it is none of them.
 */
export function parseTrigger(text: string): TriggerChoice {
  const counter = /^counter:(\d+)$/.exec(text);
  if (counter?.[1] !== undefined) {
    return { kind: "counter", counter: BigInt(counter[1]) };
  }
  const at = text.indexOf("=");
  if (at > 0) {
    return {
      kind: "keyword",
      name: text.slice(0, at),
      value: text.slice(at + 1),
    };
  }
  return { kind: "stream", name: requireName(text) };
}

function matches(keyword: Keyword, value: string): boolean {
  if (keyword.type === "S") return keyword.value === value;
  if (value.trim() === "") return false;
  if (keyword.type === "D") return keyword.value === Number(value);
  return /^-?\d+$/.test(value) && keyword.value === BigInt(value);
}

/** The first frame of the first stream whose counter is this or beyond. */
function counterTrigger(
  recorders: readonly Recorder[],
  counter: bigint,
): Trigger {
  return {
    look(): { start: bigint } | { before: bigint } {
      const ring = recorders[0]?.channel.ring;
      const keep = clockNs(CLOCK.MONOTONIC) - KEEP_NS;
      if (ring === undefined) return { before: 0n };
      const { head, tail } = ring;
      for (let i = tail; i < head; i++) {
        if (ring.caught(i).cnt0 >= counter) return { start: ring.arrival(i) };
      }
      const last = head > tail ? ring.arrival(head - 1) : keep;
      return { before: last > keep ? last : keep };
    },
  };
}

/** The first frame after a keyword of the first stream was seen so. */
function keywordTrigger(
  recorders: readonly Recorder[],
  { name, value }: { name: string; value: string },
): Trigger {
  return {
    look(): { start: bigint } | { before: bigint } {
      const now = clockNs(CLOCK.MONOTONIC);
      const found = recorders[0]?.channel.stream.keywords()
        .find((keyword) => keyword.name === name);
      return found !== undefined && matches(found, value)
        ? { start: now }
        : { before: now };
    },
  };
}

/** The next frame of another stream. */
function streamTrigger(name: string, open: { dir?: string }): HeldTrigger {
  using undo = new DisposableStack();
  const stream = undo.use(Stream.open(name, { ...open, writable: false }));
  const channel = new Channel(stream, {
    slots: 16,
    wait: { mode: "poll", pollUs: 50 },
    schedule: { priority: 0, cpus: [] },
    withoutPixels: true,
  });
  undo.move();
  return {
    look: () =>
      channel.ring.head > 0
        ? { start: channel.ring.arrival(0) }
        : { before: clockNs(CLOCK.MONOTONIC) - KEEP_NS },
    async [Symbol.asyncDispose](): Promise<void> {
      await channel.stop().catch(() => {}); // it was removed, perhaps
      stream.close();
    },
  };
}

/**
 * Makes a trigger.
 *
 * @param choice What was asked for.
 * @param recorders The streams that are recorded.
 * @param open Where streams are.
 */
export function makeTrigger(
  choice: TriggerChoice,
  recorders: readonly Recorder[],
  open: { dir?: string },
): HeldTrigger {
  if (choice.kind === "stream") return streamTrigger(choice.name, open);
  const trigger = choice.kind === "counter"
    ? counterTrigger(recorders, choice.counter)
    : keywordTrigger(recorders, choice);
  return { look: trigger.look, [Symbol.asyncDispose]: async () => {} };
}
