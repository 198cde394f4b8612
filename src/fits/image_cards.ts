/** The cards that describe a stream's pixels and state. @module */

import { ENCODINGS } from "./encode.ts";
import type { FitsCardInput } from "./format_card.ts";
import { type FitsElementType, paddedBytes } from "./types.ts";

/** What is known of the stream that pixels come from. */
export interface FitsStreamState {
  /** The stream's name. */
  readonly stream?: string;
  /** Counters: total frames, and the writer's own two. */
  readonly cnt0?: bigint;
  /** The second counter; the last slice written, in a rolling buffer. */
  readonly cnt1?: bigint;
  /** The third counter. */
  readonly cnt2?: bigint;
  /** When the frame was taken: nanoseconds since 1970, UTC. */
  readonly acquired?: bigint;
  /** When the frame was written to the stream: nanoseconds since 1970, UTC. */
  readonly written?: bigint;
  /** When the last frame of a cube was taken; null where that is not known. */
  readonly ended?: bigint | null;
}

const YEAR_1 = -62_135_596_800n;
const YEAR_10000 = 253_402_300_800n;
const BILLION = 1_000_000_000n;

/**
 * Writes a time as FITS does.
 *
 * @param time Nanoseconds since 1970, UTC.
 * @returns `2026-01-31T12:00:00.123456789`, or undefined when the year has not
 * four digits.
 */
export function formatTime(time: bigint): string | undefined {
  const fraction = ((time % BILLION) + BILLION) % BILLION;
  const seconds = (time - fraction) / BILLION;
  if (seconds < YEAR_1 || seconds >= YEAR_10000) return undefined;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${fraction.toString().padStart(9, "0")}`;
}

/** The types that FITS has no BITPIX for, and how they are stored. */
function typeComment(type: FitsElementType): string {
  if (type === "f16") return "element type, stored as f32";
  const { pair, zero } = ENCODINGS[type];
  if (pair === true) return "element type, axis 1 is re, im";
  return zero === undefined ? "element type" : "element type, by BZERO";
}

/**
 * The cards from SIMPLE to the element type.
 *
 * @param type The element type.
 * @param size The axes, fastest first, without the pair of complex pixels.
 * @returns The cards in the order that FITS prescribes.
 */
export function structureCards(
  type: FitsElementType,
  size: readonly number[],
): FitsCardInput[] {
  const { bitpix, zero, pair } = ENCODINGS[type];
  const axes = pair === true ? [2, ...size] : size;
  const cards: FitsCardInput[] = [
    { keyword: "SIMPLE", value: true, comment: "standard FITS" },
    { keyword: "BITPIX", value: BigInt(bitpix), comment: "bits per value" },
    { keyword: "NAXIS", value: BigInt(axes.length), comment: "axes" },
    ...axes.map((axis, i) => ({
      keyword: `NAXIS${i + 1}`,
      value: BigInt(axis),
      comment: i === 0 ? "fastest axis" : "",
    })),
    { keyword: "EXTEND", value: true, comment: "extensions may follow" },
  ];
  if (zero !== undefined) {
    cards.push(
      { keyword: "BSCALE", value: 1n, comment: "no scale" },
      { keyword: "BZERO", value: zero, comment: `stands for ${type}` },
    );
  }
  if (pair === true) {
    cards.push(
      { keyword: "CTYPE1", value: "COMPLEX", comment: "1 is re, 2 is im" },
      { keyword: "CRPIX1", value: 1.0 },
      { keyword: "CRVAL1", value: 1.0 },
      { keyword: "CDELT1", value: 1.0 },
    );
  }
  cards.push({ keyword: "SHMTYPE", value: type, comment: typeComment(type) });
  return cards;
}

/** A card with a time, where there is one that can be written. */
function timeCard(
  keyword: string,
  time: bigint | null | undefined,
  comment: string,
): FitsCardInput[] {
  if (time === undefined) return [];
  const value = time === null ? null : formatTime(time) ?? null;
  return [{ keyword, value, comment }];
}

/**
 * The cards about a stream's state.
 *
 * @param state What is known.
 * @returns DATE, and the others for which something is known.
 */
export function stateCards(state: FitsStreamState): FitsCardInput[] {
  const now = new Date().toISOString().slice(0, 19);
  const counter = (
    keyword: string,
    value: bigint | undefined,
    comment: string,
  ): FitsCardInput[] =>
    value === undefined ? [] : [{ keyword, value, comment }];
  const times = [
    ...timeCard("DATE-OBS", state.acquired, "when the frame was taken"),
    ...timeCard("DATE-END", state.ended, "when the last frame was taken"),
    ...timeCard("DATE-WRT", state.written, "when it came to the stream"),
  ];
  return [
    ...(state.stream === undefined
      ? []
      : [{ keyword: "STREAM", value: state.stream, comment: "its name" }]),
    { keyword: "DATE", value: now, comment: "when this file was written" },
    ...(times.length === 0
      ? []
      : [{ keyword: "TIMESYS", value: "UTC", comment: "all times are UTC" }]),
    ...times,
    ...counter("CNT0", state.cnt0, "counter of the stream"),
    ...counter("CNT1", state.cnt1, "second counter of the stream"),
    ...counter("CNT2", state.cnt2, "third counter of the stream"),
  ];
}

/**
 * The bytes that fill a data unit up.
 *
 * @param bytes The length of the data.
 * @returns Zeros up to a multiple of 2880.
 */
export function fillingAfter(bytes: number): Uint8Array {
  return new Uint8Array(paddedBytes(bytes) - bytes);
}
