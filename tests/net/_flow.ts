/**
 * A stream that crosses: who writes it, who carries it, and who watches what
 * arrives.
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Stream } from "../../src/stream/stream.ts";
import { json, type Running, until } from "../_support/cli.ts";
import { Arrivals, pause, Source } from "./_frames.ts";
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
  readonly #source: Source;
  readonly #arrivals: Arrivals;

  /** Makes the source. */
  constructor(pair: NetPair, wire: WireCase, options: FlowOptions = {}) {
    this.pair = pair;
    this.wire = wire;
    this.name = options.name ?? "dm01disp03";
    this.#options = options;
    const { icc, rtc } = pair;
    const size = options.size ?? [50, 50];
    this.#source = new Source(this.name, icc.streams.path, size);
    this.#arrivals = new Arrivals(this.name, rtc.streams.path);
  }

  /** The source. */
  get source(): Stream {
    return this.#source.stream;
  }

  /** Creates the source anew, under whoever reads it. */
  recreate(size: readonly number[]): void {
    this.#source.recreate(size);
  }

  /** Number of the last frame. */
  get written(): number {
    return this.#source.written;
  }

  /** Numbers of the frames that were seen to arrive. */
  get seen(): readonly number[] {
    return this.#arrivals.seen;
  }

  /** Publishes a frame; returns its number. */
  write(): number {
    return this.#source.write();
  }

  /** Publishes frames from now on, so many a second as the machine can. */
  run(hz: number): void {
    this.#source.run(hz);
  }

  /** Stops publishing. */
  async rest(): Promise<void> {
    await this.#source.rest();
  }

  /** Both ends on a line that is away until they notice, and then back. */
  async pulledForLong(): Promise<{ tx: NetEnd; rx: NetEnd }> {
    const { rtc } = this.pair;
    const { tx, rx } = await this.connect();
    this.run(100);
    await pause(300);
    await rtc.cable("down");
    await tx.running.says(/warning: [^\n]*(trying again|is silent)/);
    await rtc.cable("up");
    await tx.running.says(/connected to [^]*connected to/);
    return { tx, rx };
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
    if (this.written === 0) this.write();
    const rx = await this.receiver();
    const tx = this.transmitter();
    await this.arrived();
    this.watch();
    return { tx, rx };
  }

  /** What stands in the destination: its number, `undefined` where none. */
  arrivedNumber(): number | undefined {
    return this.#arrivals.number;
  }

  /** Waits until a frame, by default the last, has arrived. */
  async arrived(number: number = this.written): Promise<void> {
    await this.#arrivals.arrived(
      number,
      () => this.#ends.map(({ running }) => running.err).join("\n--\n"),
    );
  }

  /** Looks at everything that arrives from now on. */
  watch(): void {
    this.#arrivals.watch();
  }

  /** Ends the watching; throws what it found. */
  async settle(): Promise<void> {
    await this.rest();
    await this.#arrivals.settle();
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
    const claims = this.source.semaphores().filter(({ readerPid }) =>
      readerPid > 0
    );
    assertEquals(claims, [], "semaphores");
    using destination = this.#arrivals.open();
    assertEquals(destination.fields().writing, false, "write flag");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) await end[Symbol.asyncDispose]();
    await this.rest();
    await this.#arrivals.settle().catch(() => {});
    this.#source[Symbol.dispose]();
  }
}
