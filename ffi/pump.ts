/**
 * Pumps: frames move on a thread of the helper, TypeScript only looks at the
 * control block that both share.
 * @module
 */

import { SystemError } from "./errno.ts";
import { helper } from "./helper.ts";
import type { Mapping } from "./mapping.ts";
import { type ConnectedSocket, takeSocket } from "./socket.ts";
import { putWait, WAIT_WORDS, type WaitSettings } from "./wait.ts";
import { newWords, wordsOf } from "./words.ts";

/** Buckets of the latency histogram: 16 for each power of two, from 1 ns. */
const BUCKETS = 640;

/** Ends of a pump, as the helper numbers them. */
export const END = {
  stopped: 1,
  closed: 2,
  cut: 3,
  error: 4,
  slice: 5,
  idle: 6,
  breach: 7,
} as const;

/** The counters among the words of a control block. */
export const COUNTERS = [
  "frames",
  "bytes",
  "skipped",
  "torn",
  "repeats",
  "empty",
  "droppedKeywords",
  "foreign",
] as const satisfies readonly (keyof PumpCounters)[];

/** The words of `struct shmim_control`, in order, before the histogram. */
const CONTROL = [
  "stop",
  "state",
  "end",
  "error",
  "detail",
  ...COUNTERS,
  "lastCnt0",
  "lastCnt1",
  "lastNs",
  "active",
  "latencyCount",
  "latencyMax",
] as const;

type Word = typeof CONTROL[number];

const INDEX = Object.fromEntries(
  CONTROL.map((word, index) => [word, index]),
) as Record<Word, number>;

/** A control block that TypeScript fills, where it moves the frames itself. */
export class Control {
  /** All its words. */
  protected readonly words: BigUint64Array<ArrayBuffer>;

  /** @param words The words of `struct shmim_control`, or more. */
  constructor(words: BigUint64Array<ArrayBuffer>) {
    this.words = words;
  }

  /** Whether the pump is asked to end. */
  get stopped(): boolean {
    return Atomics.load(this.words, INDEX.stop) !== 0n;
  }

  /** Counts. */
  add(name: Word, by: number | bigint = 1): void {
    const index = INDEX[name];
    this.words[index] = (this.words[index] ?? 0n) + BigInt(by);
  }

  /** A word's value. */
  get(name: Word): bigint {
    return this.words[INDEX[name]] ?? 0n;
  }

  /** Sets a word. */
  set(name: Word, value: bigint): void {
    this.words[INDEX[name]] = BigInt.asUintN(64, value);
  }

  /** Adds a latency to the histogram. */
  latency(ns: bigint): void {
    const value = Math.max(1, Number(ns));
    const exponent = Math.floor(Math.log2(value));
    const bucket = value < 16
      ? Math.floor(value)
      : (exponent - 3) * 16 + Math.floor((value / 2 ** exponent - 1) * 16);
    const index = CONTROL.length + Math.min(BUCKETS - 1, bucket);
    this.words[index] = (this.words[index] ?? 0n) + 1n;
    this.add("latencyCount");
    if (ns > this.get("latencyMax")) this.set("latencyMax", ns);
  }

  /** How many words there are before those of one wire. */
  protected static readonly COMMON: number = CONTROL.length + BUCKETS;
}

/** What a pump does right now. */
export type PumpState =
  | "waiting"
  | "busy"
  | "blocked"
  | "stalled"
  | "restless";

const STATES: readonly PumpState[] = [
  "waiting",
  "busy",
  "blocked",
  "stalled",
  "restless",
];

/** Why a pump ended. */
export type PumpEnd =
  | { reason: "stopped" }
  | { reason: "closed" }
  | { reason: "cut" }
  | { reason: "slice"; index: bigint }
  | { reason: "idle" }
  | { reason: "breach" }
  | { reason: "error"; error: SystemError };

/** Counters of a pump. */
export interface PumpCounters {
  /** Frames sent, or received and published. */
  readonly frames: number;
  /** Bytes on the wire. */
  readonly bytes: number;
  /** Frames of the source that did not cross. */
  readonly skipped: number;
  /** Copies that were given up because the source changed them. */
  readonly torn: number;
  /** Frames that were sent, or had come, a second time. */
  readonly repeats: number;
  /** Frames without pixels. */
  readonly empty: number;
  /** Times that used keywords did not fit. */
  readonly droppedKeywords: number;
  /** Frames that another writer counted in the destination. */
  readonly foreign: number;
}

/** The lower bound of a histogram bucket in ns. */
function bucketNs(index: number): number {
  if (index < 16) return index;
  const exponent = Math.floor(index / 16) + 3;
  return 2 ** exponent * (1 + (index % 16) / 16);
}

/** Latencies, as a histogram of logarithmic buckets (6 % wide). */
export class Latencies {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #maxNs = 0;

  /** How many were measured. */
  get count(): number {
    return this.#count;
  }

  /** The longest, in µs; `undefined` where there is none. */
  get maxUs(): number | undefined {
    return this.#count === 0 ? undefined : this.#maxNs / 1000;
  }

  /** Adds the counts of a pump's control block. */
  add(counts: BigUint64Array, count: number, maxNs: number): void {
    counts.forEach((value, index) => {
      this.#counts[index] = (this.#counts[index] ?? 0) + Number(value);
    });
    this.#count += count;
    this.#maxNs = Math.max(this.#maxNs, maxNs);
  }

  /** Adds another histogram. */
  merge(other: Latencies): void {
    other.#counts.forEach((value, index) => {
      this.#counts[index] = (this.#counts[index] ?? 0) + value;
    });
    this.#count += other.#count;
    this.#maxNs = Math.max(this.#maxNs, other.#maxNs);
  }

  /** The buckets that hold anything: their bounds in µs, and how much. */
  buckets(): { fromUs: number; toUs: number; count: number }[] {
    return Array.from(this.#counts, (count, index) => ({
      fromUs: bucketNs(index) / 1000,
      toUs: bucketNs(index + 1) / 1000,
      count,
    })).filter(({ count }) => count > 0);
  }

  /**
   * A percentile in µs, to the middle of its bucket.
   *
   * @param fraction Such as 0.99.
   */
  percentileUs(fraction: number): number | undefined {
    if (this.#count === 0) return undefined;
    const total = this.#counts.reduce((sum, value) => sum + value, 0);
    let left = fraction * total;
    for (let index = 0; index < BUCKETS; index++) {
      left -= this.#counts[index] ?? 0;
      if (left <= 0) {
        const middle = (bucketNs(index) + bucketNs(index + 1)) / 2;
        return Math.min(middle, this.#maxNs) / 1000;
      }
    }
    return this.#maxNs / 1000;
  }
}

/** A pump at work. */
export class Pump {
  readonly #words: BigUint64Array<ArrayBuffer>;
  /** Settles when the pump has ended; never rejects. */
  readonly done: Promise<PumpEnd>;

  /**
   * @param run Starts the pump with its control block.
   * @param more Words that its control block has behind the histogram.
   */
  constructor(
    run: (control: BigUint64Array<ArrayBuffer>) => Promise<number>,
    more = 0,
  ) {
    this.#words = newWords(CONTROL.length + BUCKETS + more);
    this.done = run(this.#words).then((result) => this.#ended(result));
  }

  #word(name: Word): bigint {
    return this.#words[INDEX[name]] ?? 0n;
  }

  /** A word behind the histogram. */
  protected more(index: number): bigint {
    return this.#words[CONTROL.length + BUCKETS + index] ?? 0n;
  }

  #ended(result: number): PumpEnd {
    switch (Number(this.#word("end"))) {
      case END.stopped:
        return { reason: "stopped" };
      case END.closed:
        return { reason: "closed" };
      case END.cut:
        return { reason: "cut" };
      case END.slice:
        return {
          reason: "slice",
          index: BigInt.asIntN(64, this.#word("detail")),
        };
      case END.idle:
        return { reason: "idle" };
      case END.breach:
        return { reason: "breach" };
      default:
        return {
          reason: "error",
          error: new SystemError(Math.max(1, -result), "carry frames"),
        };
    }
  }

  /**
   * Asks the pump to end; it does within about 150 ms.
   *
   * @param options `whole`: a receiving pump ends between two frames, so that
   * another can go on with the same connection.
   */
  stop(options: { whole?: boolean } = {}): void {
    Atomics.store(this.#words, INDEX.stop, options.whole ? 2n : 1n);
  }

  /** What it does. */
  get state(): PumpState {
    return STATES[Number(this.#word("state"))] ?? "waiting";
  }

  /** Its counters now. */
  counters(): PumpCounters {
    return Object.fromEntries(
      COUNTERS.map((name) => [name, Number(this.#word(name))]),
    ) as unknown as PumpCounters;
  }

  /** Source counter of the last frame. */
  get lastCnt0(): bigint {
    return this.#word("lastCnt0");
  }

  /** Slice of the last frame. */
  get lastCnt1(): bigint {
    return this.#word("lastCnt1");
  }

  /** Monotonic time of the last byte, ns; 0 = none yet. */
  get activeNs(): bigint {
    return this.#word("active");
  }

  /** Latencies so far. */
  latencies(): Latencies {
    const latencies = new Latencies();
    latencies.add(
      this.#words.subarray(CONTROL.length, CONTROL.length + BUCKETS),
      Number(this.#word("latencyCount")),
      Number(this.#word("latencyMax")),
    );
    return latencies;
  }
}

/** Priority and cores of a pump's thread. */
export interface Schedule {
  /** SCHED_FIFO priority, 0 = none. */
  readonly priority: number;
  /** Cores; empty = all. */
  readonly cpus: readonly number[];
}

/** Neither priority nor cores are asked for. */
export const NO_SCHEDULE: Schedule = { priority: 0, cpus: [] };

/** Priority, and cores as a mask; inside `ffi/` only. */
export function scheduleWords(
  { priority, cpus }: Schedule,
): [priority: bigint, cpus: bigint] {
  return [
    BigInt(priority),
    cpus.reduce((bits, cpu) => bits | 1n << BigInt(cpu), 0n),
  ];
}

/**
 * Whether a thread may have what is asked for.
 *
 * @returns The error where it may not.
 */
export function trySchedule(schedule: Schedule): SystemError | undefined {
  const result = helper().shmim_schedule_try(...scheduleWords(schedule));
  return result < 0
    ? new SystemError(-result, "set priority and cores")
    : undefined;
}

/**
 * Puts a connection among a pump's settings, the last of them: the pump
 * closes what it was given, so nothing may throw behind it.
 */
export function giveSocket(
  words: BigUint64Array,
  at: number,
  socket: ConnectedSocket,
): void {
  words[at] = BigInt(takeSocket(socket));
}

/** What a transmitting pump is told. */
export interface TransmitSettings {
  /** How to wait for the source. */
  readonly wait: WaitSettings;
  /** Frames up to this counter are known already. */
  readonly last: bigint;
  /** 0 by the stream's ways, 1 slices, 2 whole, 3 declared as a ring. */
  readonly sliceMode: number;
  /** Keyword records announced to the peer. */
  readonly keywords: number;
  /** Send used records only, packed. */
  readonly keywordsUsed: boolean;
  /** Send what is there at once. */
  readonly first: boolean;
  /** Send the first frame once more after this, 0 = never. */
  readonly repeatMs: number;
  /** Send frames of a source that never pauses. */
  readonly allowTorn: boolean;
  /** Priority and cores. */
  readonly schedule: Schedule;
}

/**
 * Starts a transmitting pump on a stream and a connection. The connection
 * stays open for the caller to close.
 */
export function startTransmit(
  mapping: Mapping,
  socket: ConnectedSocket,
  settings: TransmitSettings,
): Pump {
  const words = wordsOf([
    settings.sliceMode,
    settings.keywords,
    settings.keywordsUsed,
    settings.first,
    settings.repeatMs,
    settings.allowTorn,
    ...scheduleWords(settings.schedule),
  ], WAIT_WORDS + 1);
  putWait(words, settings.wait, settings.last, 0);
  giveSocket(words, WAIT_WORDS, socket);
  return new Pump((control) =>
    mapping.run((helper, table) => helper.shmim_transmit(table, words, control))
  );
}

/** What a receiving pump is told. */
export interface ReceiveSettings {
  /** Pixel bytes of one frame on the wire. */
  readonly pixelBytes: number;
  /** Keyword bytes of one frame on the wire. */
  readonly keywordBytes: number;
  /** Give up where nothing comes for so long, 0 = never. */
  readonly idleMs: number;
  /** Priority and cores. */
  readonly schedule: Schedule;
}

/** Starts a receiving pump on a connection and a stream. */
export function startReceive(
  mapping: Mapping,
  socket: ConnectedSocket,
  settings: ReceiveSettings,
): Pump {
  const words = wordsOf([
    settings.pixelBytes,
    settings.keywordBytes,
    settings.idleMs,
    ...scheduleWords(settings.schedule),
  ], 1);
  giveSocket(words, 0, socket);
  return new Pump((control) =>
    mapping.run((helper, table) => helper.shmim_receive(table, words, control))
  );
}

/** What a copying pump is told. */
export interface RelaySettings {
  /** How to wait for the source. */
  readonly wait: WaitSettings;
  /** Frames up to this counter are known already. */
  readonly last: bigint;
  /** Inode of the source, for the process trace. */
  readonly inode: bigint;
  /** Copy the keyword records, too. */
  readonly keywords: boolean;
  /** The copy's counters are the source's. */
  readonly counters: boolean;
}

/** Starts a pump that copies one stream into another. */
export function startRelay(
  from: Mapping,
  to: Mapping,
  settings: RelaySettings,
): Pump {
  const words = wordsOf(
    [settings.inode, settings.keywords, settings.counters],
    WAIT_WORDS,
  );
  putWait(words, settings.wait, settings.last, 0);
  return new Pump((control) =>
    from.run((helper, source) =>
      to.run((_, target) => helper.shmim_relay(source, target, words, control))
    )
  );
}

/** Starts a pump that only takes the times between frames. */
export function startObserve(
  mapping: Mapping,
  wait: WaitSettings,
  last: bigint,
): Pump {
  const words = newWords(WAIT_WORDS);
  putWait(words, wait, last, 0);
  return new Pump((control) =>
    mapping.run((helper, table) => helper.shmim_observe(table, words, control))
  );
}
