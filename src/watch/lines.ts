/** Without a terminal: one line, or one object, a second. @module */

import { pause } from "../../ffi/clock.ts";
import type { Output } from "../cli/output.ts";
import { cursorValue, jitterText, rateText, short } from "./text.ts";
import { measure } from "./scene.ts";
import type { Session } from "./session.ts";
import type { Source } from "./source.ts";

const PERIOD_MS = 1000;

/** What to print. */
export interface LinesOptions {
  /** Objects instead of text. */
  readonly json: boolean;
  /** Ends after so many lines. */
  readonly count: number;
  /** Whether the first line waits for a rate. */
  readonly atOnce: boolean;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** The stream now, with units in the keys: what `--json` prints. */
export function report(
  session: Session,
  source: Source,
): Record<string, unknown> {
  const { stream, trouble } = source;
  const { frame, view } = session;
  const state = trouble === undefined ? "live" : "gone";
  const head = { name: stream.name, state };
  if (frame === undefined) return { ...head, reason: trouble ?? null };
  const rect = view.bounds;
  const preparation = session.preparation;
  const { count: _, ...numbers } = measure(frame, rect, preparation).statistics;
  const cursor = cursorValue(view.cursor, frame, preparation.dark);
  return {
    ...head,
    ...trouble === undefined ? {} : { reason: trouble },
    type: frame.type,
    size: stream.size,
    ...frame.slice === undefined ? {} : { slice: frame.slice },
    cnt0: frame.cnt0,
    rateHz: source.rateHz ?? null,
    jitterMs: source.jitterMs ?? null,
    torn: frame.torn,
    ...rect.width === stream.size[0] && rect.height === (stream.size[1] ?? 1)
      ? {}
      : { roi: [rect.x, rect.y, rect.width, rect.height] },
    dark: preparation.dark !== undefined,
    ...numbers,
    ...cursor === undefined ? {} : {
      cursor: {
        x: cursor.x,
        y: cursor.y,
        value: cursor.value,
        dark: cursor.dark ?? null,
      },
    },
  };
}

function text(session: Session, source: Source): string {
  const { stream, trouble } = source;
  const { frame } = session;
  if (trouble !== undefined || frame === undefined) {
    return `${stream.name}  ${trouble ?? "no frame yet"}`;
  }
  const now = report(session, source) as {
    min: number;
    max: number;
    mean: number;
    std: number;
    nan: number;
    saturated: number;
    cursor?: { x: number; y: number; value: string };
  };
  const { cursor } = now;
  return [
    stream.name,
    `${stream.size.join("x")} ${frame.type}`,
    ...frame.slice === undefined ? [] : [`slice ${frame.slice}`],
    `cnt0 ${frame.cnt0}`,
    rateText(source.rateHz),
    jitterText(source.jitterMs),
    `min ${short(now.min)}`,
    `max ${short(now.max)}`,
    `mean ${short(now.mean)}`,
    `std ${short(now.std)}`,
    ...now.nan > 0 ? [`NaN ${now.nan}`] : [],
    ...now.saturated > 0 ? [`saturated ${now.saturated}`] : [],
    ...cursor === undefined
      ? []
      : [`x ${cursor.x} y ${cursor.y} value ${cursor.value}`],
    ...frame.torn ? ["torn"] : [],
  ].join("  ");
}

/** Prints lines until a signal, or enough of them, end it. */
export async function printLines(
  session: Session,
  source: Source,
  out: Output,
  { json, count, atOnce, signal }: LinesOptions,
): Promise<void> {
  session.look();
  if (!atOnce) await pause(PERIOD_MS, signal);
  let due = performance.now();
  for (let printed = 0; printed < count && !signal.aborted;) {
    session.look();
    if (json) out.json(report(session, source), true);
    else out.line(text(session, source));
    if (++printed === count) return;
    due = Math.max(due + PERIOD_MS, performance.now());
    await pause(due - performance.now(), signal);
  }
}
