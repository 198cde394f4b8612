/** Numbers as `watch` writes them. @module */

import { pixelText } from "../image/plane.ts";
import type { Frame } from "../stream/frames.ts";
import type { Point } from "./view.ts";

/** A number in few characters; never with digits that it does not have. */
export function short(value: number | bigint | null | undefined): string {
  if (value === null || value === undefined) return "-";
  const number = Number(value);
  if (Number.isInteger(number) && Math.abs(number) < 1e12) {
    return String(value);
  }
  if (Math.abs(number) >= 1e4 && Math.abs(number) < 1e9) {
    return number.toFixed(0);
  }
  const text = number.toPrecision(5);
  return text.includes("e")
    ? text.replace(/\.?0*e\+?/, "e")
    : String(Number(text));
}

/** A rate with the digits that mean something. */
export function rateText(hz: number | undefined): string {
  if (hz === undefined) return "- Hz";
  return `${hz < 9.995 ? hz.toFixed(2) : hz.toFixed(1)} Hz`;
}

/** A jitter, in µs where it is small. */
export function jitterText(ms: number | undefined): string {
  if (ms === undefined) return "jitter -";
  return ms < 1
    ? `jitter ${(ms * 1000).toFixed(0)} µs`
    : `jitter ${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}

/** The cursor's pixel as it is stored, and what the dark takes from it. */
export interface CursorValue {
  /** Column. */
  readonly x: number;
  /** Row. */
  readonly y: number;
  /** The pixel, exact. */
  readonly value: string;
  /** The dark's pixel. */
  readonly dark: number | undefined;
}

/** What lies under the cursor; `undefined` where there is no cursor. */
export function cursorValue(
  cursor: Point | undefined,
  frame: Frame,
  dark: Float64Array | undefined,
): CursorValue | undefined {
  if (cursor === undefined) return undefined;
  const at = cursor.x + cursor.y * (frame.size[0] ?? 1);
  const value = pixelText(frame.pixels, frame.type, at);
  return { ...cursor, value, dark: dark?.[at] };
}
