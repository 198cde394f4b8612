/**
 * The virtual device: samples of a wave, at fixed times, into a segment.
 * @module
 */

import { CLOCK, clockNs, sleepUntil } from "../../ffi/clock.ts";
import { DeviceSegment, type FileKey, keyText } from "./device_segment.ts";
import { hexKey } from "./info.ts";
import { HISTORY, type SampleRecord, type State } from "./layout.ts";
import { Mailbox } from "./mailbox.ts";
import { execute, type Reply } from "./prompt.ts";
import {
  describeSettings,
  phaseAt,
  type Settings,
  type Wave,
  waveSample,
} from "./wave.ts";

/** What a device goes by; tests have one of their own. */
export interface DeviceClock {
  /** Time that never jumps, ns. */
  nowNs(): bigint;
  /** Nanoseconds since 1970 UTC. */
  realNs(): bigint;
  /** Sleeps until `nowNs` is that, or the signal comes. */
  sleepUntil(ns: bigint, signal: AbortSignal): Promise<void>;
}

/** The kernel's clocks. */
export const KERNEL_CLOCK: DeviceClock = {
  nowNs: () => clockNs(CLOCK.MONOTONIC),
  realNs: () => clockNs(CLOCK.REALTIME),
  sleepUntil,
};

/** What a device is to be. */
export interface DeviceOptions {
  /** What it is found by. */
  readonly key: FileKey;
  /** What it does. */
  readonly settings: Settings;
  /** Called for each sample. */
  readonly onSample?: (record: SampleRecord) => void;
  /** Told where the segment of a dead device was removed, with its pid. */
  readonly onDead?: (pid: number) => void;
  /** Default: the kernel's. */
  readonly clock?: DeviceClock;
}

/** How often the mailbox is looked at. */
const MAILBOX_MS = 25;
/** How often, in looks, whether somebody removed the segment. */
const REMOVED_LOOKS = 20;

/**
 * A virtual device. Sample k of a run is due k intervals after the run began,
 * whatever happened before: it never drifts. A sample that is more than an
 * interval late is missed, and counted.
 */
export class Device {
  readonly #key: FileKey;
  readonly #segment: DeviceSegment;
  readonly #clock: DeviceClock;
  readonly #onSample: (record: SampleRecord) => void;
  readonly #ending = Promise.withResolvers<void>();
  #settings: Settings;
  #record: SampleRecord;
  #run: AbortController | undefined;
  #loop: Promise<void> = Promise.resolve();
  #mail: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  private constructor(
    segment: DeviceSegment,
    first: SampleRecord,
    options: DeviceOptions,
  ) {
    this.#segment = segment;
    this.#record = first;
    this.#key = options.key;
    this.#settings = options.settings;
    this.#clock = options.clock ?? KERNEL_CLOCK;
    this.#onSample = options.onSample ?? (() => {});
    this.#ending.promise.catch(() => {}); // whoever asks is told
  }

  /**
   * Makes the segment and starts to sample.
   *
   * @throws {DeviceError} where a device runs on the key, or where the key's
   * segment is no device's.
   * @throws {SegmentError}
   */
  static launch(options: DeviceOptions): Device {
    const { settings, clock = KERNEL_CLOCK } = options;
    const first: SampleRecord = {
      sample: 0n,
      configuration: 1n,
      missed: 0n,
      monotonicNs: clock.nowNs(),
      realtimeNs: clock.realNs(),
      phase: 0,
      value: 0,
      state: "stopped",
      history: [],
      ...settings,
    };
    const segment = DeviceSegment.make(
      options.key,
      first,
      options.onDead ?? (() => {}),
    );
    const device = new Device(segment, first, options);
    device.start();
    device.#pollMail(new Mailbox(segment), 0);
    return device;
  }

  /** What it does. */
  get settings(): Settings {
    return this.#settings;
  }

  /** The kernel's number of its segment. */
  get shmid(): number {
    return this.#segment.segment.shmid;
  }

  /** Settles when it has ended; fails where its segment was taken away. */
  get ended(): Promise<void> {
    return this.#ending.promise;
  }

  /**
   * Lets the wave begin.
   *
   * @returns False where it runs already.
   */
  start(): boolean {
    if (this.#run !== undefined || this.#ended) return false;
    const controller = new AbortController();
    this.#run = controller;
    const run = this.#sample(controller.signal)
      .catch((error) => this.#fail(error));
    // The run before may still sleep for a moment: both have ended at the end.
    const before = this.#loop;
    this.#loop = before.then(() => run);
    return true;
  }

  /**
   * Lets the last sample stand.
   *
   * @returns False where it is stopped already.
   */
  stop(): boolean {
    if (this.#run === undefined) return false;
    this.#run.abort();
    this.#run = undefined;
    this.#publish({ state: "stopped" });
    return true;
  }

  /** Another wave or period, from its begin. */
  configure(change: { wave: Wave; period: number }): void {
    this.#run?.abort();
    this.#run = undefined;
    this.#settings = { ...this.#settings, ...change };
    // Nobody sees it before the first sample of the new wave.
    this.#record = {
      ...this.#record,
      ...this.#settings,
      configuration: this.#record.configuration + 1n,
    };
    this.start();
  }

  /** What it does, in a line. */
  status(): string {
    const { state, sample, value, missed } = this.#record;
    return `${state}: ${describeSettings(this.#settings)}; sample ${sample}, ` +
      `value ${value}, ${missed} missed; ${this.where()}`;
  }

  /** Where it is found. */
  where(): string {
    const { key } = this.#segment.segment.stat();
    return `segment ${this.shmid}, key ${hexKey(key)} of ` +
      `${keyText(this.#key)}, pid ${Deno.pid}`;
  }

  /** Does what a line of the prompt says. */
  execute(line: string): Reply {
    return execute(this, line);
  }

  /** Ends it and removes its segment; a second call does nothing. */
  end(): void {
    this.#close();
    this.#loop.then(() => this.#ending.resolve());
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #fail(error: unknown): void {
    this.#close();
    this.#loop.then(() => this.#ending.reject(error));
  }

  #close(): void {
    if (this.#ended) return;
    this.#run?.abort();
    this.#run = undefined;
    clearTimeout(this.#mail);
    this.#publish({ state: "ended" });
    this.#ended = true;
    if (!this.#segment.removed) this.#segment.segment.remove();
    this.#segment.close();
  }

  #publish(change: Partial<SampleRecord>): void {
    this.#record = { ...this.#record, ...change };
    if (!this.#ended) this.#segment.publish(this.#record);
  }

  /** The loop of one run; its first sample is made at once. */
  async #sample(signal: AbortSignal): Promise<void> {
    const { wave, period, interval, resolution } = this.#settings;
    const step = BigInt(Math.round(interval * 1e9));
    const begin = this.#clock.nowNs();
    const base = this.#record.sample + 1n;
    for (let k = 0n; !signal.aborted; k++) {
      const now = k === 0n ? begin : this.#clock.nowNs();
      const late = (now - begin - k * step) / step;
      k += late;
      const phase = phaseAt(Number(k) * interval, period);
      const value = waveSample(wave, phase, resolution);
      this.#publish({
        sample: base + k,
        missed: this.#record.missed + late,
        monotonicNs: now,
        realtimeNs: this.#clock.realNs(),
        phase,
        value,
        state: "running" satisfies State,
        history: [...this.#record.history, value].slice(-HISTORY),
      });
      this.#onSample(this.#record);
      await this.#clock.sleepUntil(begin + (k + 1n) * step, signal);
    }
  }

  #pollMail(mailbox: Mailbox, looks: number): void {
    this.#mail = setTimeout(() => {
      try {
        let ends = false;
        mailbox.poll((line) => {
          const reply = this.execute(line);
          ends = reply.ended;
          return reply;
        });
        if (ends) return this.end();
        if (looks % REMOVED_LOOKS === 0 && this.#segment.removed) {
          throw new Error(
            `The segment of the device on ${keyText(this.#key)} was removed`,
          );
        }
        this.#pollMail(mailbox, looks + 1);
      } catch (error) {
        this.#fail(error);
      }
    }, MAILBOX_MS);
  }
}
