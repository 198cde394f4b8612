/**
 * A stream that crosses: who writes it, who carries it, and who watches what
 * arrives. All pixels of a frame have its number, so that a torn one is seen.
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { json, type Running, until } from "../_support/cli.ts";
import type { NetHost, NetPair, WireCase } from "./_hosts.ts";

/** The port that receivers listen on. */
export const PORT = 8803;

/** What a test may want different. */
export interface FlowOptions {
  /** Axes. Default 50x50. */
  size?: readonly number[];
  /** The stream. Default `dm01disp03`. */
  name?: string;
  /** More options of `transmit`. */
  transmit?: readonly string[];
  /** More options of `receive`. */
  receive?: readonly string[];
  /** Port that is dialled, where something stands between. */
  dial?: number;
}

/** One end of a bridge, in a process of its own. */
export class NetEnd implements AsyncDisposable {
  /** The process. */
  readonly running: Running;
  readonly #stats: string;

  /** @param host Where; @param words What; @param stats File for statistics. */
  constructor(host: NetHost, words: readonly string[], stats: string) {
    this.#stats = host.streams.file(`${stats}.json`);
    this.running = host.shmim([...words, "--stats-json", this.#stats]);
  }

  /** The last statistics; they come once a second. */
  // deno-lint-ignore no-explicit-any
  get stats(): any {
    let text: string;
    try {
      text = Deno.readTextFileSync(this.#stats);
    } catch {
      return {};
    }
    const line = text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1);
    return line ? json(line) : {};
  }

  /** Waits for statistics. */
  // deno-lint-ignore no-explicit-any
  async counts(condition: (stats: any) => boolean): Promise<any> {
    return await until(
      () =>
        `${condition} in ${JSON.stringify(this.stats)}: ${this.running.err}`,
      () => condition(this.stats) && this.stats,
    );
  }

  /** Ends it properly; returns its last statistics. */
  // deno-lint-ignore no-explicit-any
  async end(): Promise<any> {
    assertEquals(await this.running.end(), 143, this.running.err);
    return this.stats;
  }

  /** Kills it without mercy. */
  async kill(): Promise<void> {
    this.running.kill("SIGKILL");
    await this.running.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running[Symbol.asyncDispose]();
  }
}

/** A stream from ICC to RTC. */
export class Flow implements AsyncDisposable {
  readonly pair: NetPair;
  readonly wire: WireCase;
  readonly name: string;
  readonly #options: FlowOptions;
  readonly #ends: NetEnd[] = [];
  #source: Stream;
  #number = 0;
  #free: { stop: boolean; done: Promise<void> } | undefined;
  #watch: { stop: boolean; done: Promise<void> } | undefined;
  /** Numbers of the frames that were seen to arrive. */
  readonly seen: number[] = [];

  /** Makes the source. */
  constructor(pair: NetPair, wire: WireCase, options: FlowOptions = {}) {
    this.pair = pair;
    this.wire = wire;
    this.name = options.name ?? "dm01disp03";
    this.#options = options;
    this.#source = this.#create(options.size ?? [50, 50]);
  }

  #create(size: readonly number[]): Stream {
    return Stream.create(this.name, {
      dir: this.pair.icc.streams.path,
      size: [...size],
      type: "u32",
      existing: "replace",
    });
  }

  /** The source. */
  get source(): Stream {
    return this.#source;
  }

  /** Creates the source anew, under whoever reads it. */
  recreate(size: readonly number[]): void {
    this.#source.close();
    this.#source = this.#create(size);
  }

  /** Number of the last frame. */
  get written(): number {
    return this.#number;
  }

  /** Publishes a frame; returns its number. */
  write(): number {
    const pixels = new Uint32Array(
      this.#source.size.reduce((all, axis) => all * axis, 1),
    );
    this.#source.write(pixels.fill(++this.#number));
    return this.#number;
  }

  /** Publishes frames from now on, so many a second as the machine can. */
  run(hz: number): void {
    const free = { stop: false, done: Promise.resolve() };
    free.done = (async (): Promise<void> => {
      const begun = performance.now();
      for (let n = 0; !free.stop;) {
        const due = (performance.now() - begun) / 1000 * hz;
        for (; n < due && !free.stop; n++) this.write();
        await pause(1);
      }
    })();
    this.#free = free;
  }

  /** Stops publishing. */
  async rest(): Promise<void> {
    if (this.#free !== undefined) this.#free.stop = true;
    await this.#free?.done;
    this.#free = undefined;
  }

  /** Starts a receiver, and waits until it listens. */
  async receiver(): Promise<NetEnd> {
    const { rtc } = this.pair;
    const words = ["receive", String(PORT), "--bind", rtc.address];
    const { receive = [] } = this.#options;
    const end = new NetEnd(
      rtc,
      [...words, ...this.wire.receive, ...receive],
      `rx${this.#ends.length}`,
    );
    this.#ends.push(end);
    await end.running.says(/listening on/);
    return end;
  }

  /** Starts a transmitter. */
  transmitter(): NetEnd {
    const { icc, rtc } = this.pair;
    const { transmit = [], dial = PORT } = this.#options;
    const end = new NetEnd(icc, [
      ...["transmit", this.name, rtc.address, String(dial)],
      ...this.wire.transmit,
      ...transmit,
    ], `tx${this.#ends.length}`);
    this.#ends.push(end);
    return end;
  }

  /** Both ends, connected; the source's first frame has arrived. */
  async connect(): Promise<{ tx: NetEnd; rx: NetEnd }> {
    if (this.#number === 0) this.write();
    const rx = await this.receiver();
    const tx = this.transmitter();
    await this.arrived();
    this.watch();
    return { tx, rx };
  }

  /** What stands in the destination: its number, `undefined` where none. */
  arrivedNumber(): number | undefined {
    let stream: Stream;
    try {
      stream = Stream.open(this.name, { dir: this.pair.rtc.streams.path });
    } catch {
      return undefined;
    }
    using destination = stream;
    const frame = destination.read();
    if (frame.torn || frame.cnt0 === 0n) return undefined;
    return uniform(frame.pixels as Uint32Array<ArrayBuffer>);
  }

  /** Waits until a frame, by default the last, has arrived. */
  async arrived(number: number = this.#number): Promise<void> {
    await until(
      () =>
        `frame ${number}, there is ${this.arrivedNumber()}\n` +
        this.#ends.map(({ running }) => running.err).join("\n--\n"),
      () => (this.arrivedNumber() ?? -1) >= number,
    );
  }

  /** Looks at everything that arrives from now on. */
  watch(): void {
    const watch = { stop: false, done: Promise.resolve() };
    watch.done = (async (): Promise<void> => {
      let destination = this.#destination();
      let cnt0 = -1n;
      try {
        for (; !watch.stop; await pause(2)) {
          if (destination.presence() !== "same") {
            destination.close();
            destination = this.#destination();
            cnt0 = -1n;
          }
          const frame = destination.read();
          if (frame.torn || frame.cnt0 === cnt0 || frame.cnt0 === 0n) continue;
          assert(frame.cnt0 > cnt0, "the destination's counter goes back");
          cnt0 = frame.cnt0;
          const number = uniform(frame.pixels as Uint32Array<ArrayBuffer>);
          const last = this.seen.at(-1) ?? 0;
          assert(number >= last, `frame ${number} comes after ${last}`);
          if (number > last) this.seen.push(number);
        }
      } finally {
        destination.close();
      }
    })();
    watch.done.catch(() => {}); // told by `settle`
    this.#watch = watch;
  }

  #destination(): Stream {
    for (let tries = 0;; tries++) {
      try {
        return Stream.open(this.name, { dir: this.pair.rtc.streams.path });
      } catch (error) {
        if (tries > 100) throw error;
      }
    }
  }

  /** Ends the watching; throws what it found. */
  async settle(): Promise<void> {
    await this.rest();
    if (this.#watch === undefined) return;
    this.#watch.stop = true;
    await this.#watch.done;
    this.#watch = undefined;
  }

  /**
   * Ends well: the last frame has arrived, the ends stop when they are asked
   * to, and nothing is left behind.
   *
   * @param ends In the order in which they are to end.
   * @returns The last statistics of each.
   */
  // deno-lint-ignore no-explicit-any
  async finish(...ends: NetEnd[]): Promise<any[]> {
    await this.rest();
    await this.arrived();
    await this.settle();
    const stats = [];
    for (const end of ends) stats.push(await end.end());
    this.requireClean();
    return stats;
  }

  /** No reader of the source is left, and no flag is up. */
  requireClean(): void {
    const claims = this.#source.semaphores().filter(({ readerPid }) =>
      readerPid > 0
    );
    assertEquals(claims, [], "semaphores");
    using destination = this.#destination();
    assertEquals(destination.fields().writing, false, "write flag");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) await end[Symbol.asyncDispose]();
    await this.rest();
    if (this.#watch !== undefined) this.#watch.stop = true;
    await this.#watch?.done.catch(() => {});
    this.#source.close();
  }
}

/** The one number that all pixels have. */
function uniform(pixels: Uint32Array<ArrayBuffer>): number {
  const first = pixels[0] ?? 0;
  const other = pixels.findIndex((pixel) => pixel !== first);
  assert(other < 0, `torn: ${first}, and ${pixels[other]} at ${other}`);
  return first;
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
