/**
 * Which frames of recordings are played, and when.
 * @module
 */

import { FRAME_CLOCKS, type FrameClock, type Recording } from "./recording.ts";

/** A moment of a recording. */
export type Moment =
  | { readonly after: bigint } // ns after the first frame
  | { readonly at: bigint }; // ns since 1970, UTC

/** Which frames, and how fast. */
export interface ScoreOptions {
  /** Which of the times counts; default: the first that is complete. */
  readonly clock?: FrameClock;
  /** So many times as fast. */
  readonly speed?: number;
  /** Frames a second, whatever the times say. */
  readonly rateHz?: number;
  /** Not before this moment. */
  readonly from?: Moment;
  /** Not after this moment. */
  readonly to?: Moment;
}

/** A frame of a score. */
export interface Note {
  /** Which recording. */
  readonly recording: number;
  /** Which of its frames. */
  readonly frame: number;
  /** When it is due after the first note, ns. */
  readonly dueNs: bigint;
}

/** What is played. */
export interface Score {
  /** The frames in order. */
  readonly notes: readonly Note[];
  /** From the first note of one round to that of the next, ns. */
  readonly cycleNs: bigint;
  /** The clock that was used; `undefined`: none. */
  readonly clock: FrameClock | undefined;
}

const NS = 1_000_000_000n;

/**
 * Reads a moment: `2026-01-31T22:15:00.5`, in UTC, or seconds after the first
 * frame, as in `12.5` or `+12.5`.
 *
 * @throws {SyntaxError} where it is neither.
 */
export function parseMoment(text: string): Moment {
  const relative = /^\+?(\d+)(?:\.(\d{1,9}))?s?$/.exec(text);
  if (relative !== null) {
    const [, whole = "0", fraction = ""] = relative;
    return { after: BigInt(whole) * NS + BigInt(fraction.padEnd(9, "0")) };
  }
  const iso = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?Z?$/.exec(
    text,
  );
  const ms = iso?.[1] === undefined ? NaN : Date.parse(
    `${iso[1].length === 16 ? `${iso[1]}:00` : iso[1]}Z`,
  );
  if (Number.isNaN(ms)) {
    throw new SyntaxError(
      `Not a time: "${text}"; it is as 2026-01-31T22:15:00.5 (UTC), or ` +
        "seconds after the first frame",
    );
  }
  return {
    at: BigInt(ms) * 1_000_000n + BigInt((iso?.[2] ?? "").padEnd(9, "0")),
  };
}

/** The clock that all recordings have, the wanted one or the first. */
function commonClock(
  recordings: readonly Recording[],
  wanted: FrameClock | undefined,
): FrameClock | undefined {
  const clocks = wanted === undefined ? FRAME_CLOCKS : [wanted];
  const frames = recordings.reduce((sum, one) => sum + one.frames, 0);
  return clocks.find((clock) => {
    const all = recordings.map((one) => one.times(clock));
    if (all.some((times) => times === undefined)) return false;
    const first = all[0]?.[0] ?? 0n;
    const last = all.at(-1)?.at(-1) ?? 0n;
    const inOrder = all.every((times, i) =>
      i === 0 || (times?.[0] ?? 0n) >= (all[i - 1]?.at(-1) ?? 0n)
    );
    return inOrder && (frames === 1 || last > first);
  });
}

function momentNs(moment: Moment, first: bigint): bigint {
  return "at" in moment ? moment.at : first + moment.after;
}

/**
 * Works out what is played.
 *
 * @param recordings In the order in which they are played.
 * @param options Which frames, and how fast.
 * @throws {RangeError} where no times are known and no rate is given, or no
 * frame is left.
 */
export function scoreOf(
  recordings: readonly Recording[],
  options: ScoreOptions,
): Score {
  const { rateHz, speed = 1 } = options;
  const clock = commonClock(recordings, options.clock);
  const timed = rateHz === undefined || options.from !== undefined ||
    options.to !== undefined;
  if (timed && clock === undefined) {
    throw new RangeError(
      "The files do not tell when their frames were taken, in order" +
        (options.clock === undefined ? "" : `, by "${options.clock}"`) +
        (rateHz === undefined ? ": --rate says how fast to play them" : ""),
    );
  }
  const timesOf = (one: Recording): BigInt64Array | undefined =>
    clock === undefined ? undefined : one.times(clock);
  const all = recordings.map(timesOf);
  const first = all[0]?.[0] ?? 0n;
  const from = options.from && momentNs(options.from, first);
  const to = options.to && momentNs(options.to, first);
  const notes: Note[] = [];
  let begin: bigint | undefined;
  for (const [recording, one] of recordings.entries()) {
    for (let frame = 0; frame < one.frames; frame++) {
      const time = all[recording]?.[frame] ?? 0n;
      if (from !== undefined && time < from) continue;
      if (to !== undefined && time > to) continue;
      begin ??= time;
      const dueNs = rateHz === undefined
        ? BigInt(Math.round(Number(time - begin) / speed))
        : BigInt(Math.round(notes.length * 1e9 / (rateHz * speed)));
      notes.push({ recording, frame, dueNs });
    }
  }
  if (notes.length === 0) {
    throw new RangeError("No frame of the files lies between these times");
  }
  return { notes, cycleNs: cycleOf(notes, rateHz, speed), clock };
}

/** One round: the last note sounds as long as the others on average. */
function cycleOf(
  notes: readonly Note[],
  rateHz: number | undefined,
  speed: number,
): bigint {
  const last = notes.at(-1)?.dueNs ?? 0n;
  if (rateHz !== undefined) {
    return last + BigInt(Math.round(1e9 / (rateHz * speed)));
  }
  if (notes.length < 2 || last === 0n) return last + NS;
  return last + last / BigInt(notes.length - 1);
}
