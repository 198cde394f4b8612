/**
 * A host as other hosts see it: a daemon with a run folder and streams of its
 * own, which knows the others by their addresses of loopback only; and
 * programs of it, in processes of their own.
 */

import { PartitionError } from "../../src/partition/errors.ts";
import { Part } from "../../src/partition/part.ts";
import {
  readRegistry,
  removeFromKernel,
} from "../../src/partition/registry.ts";
import { Xp } from "../../src/partition/xp.ts";
import { Site as PartitionSite } from "../cli/_partition_site.ts";
import { Child, moduleUrl } from "../_support/child.ts";
import { json, until } from "../_support/cli.ts";
import { freePort } from "../_support/ports.ts";

/** One host. */
export class Site extends PartitionSite {
  readonly xp: Xp = new Xp({ run: this.run });
  readonly part: Part = new Part({ run: this.run });

  /** Kills the processes that go on without the daemon. */
  killDuties(): void {
    for (const { pid } of this.duties()) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // it has ended
      }
    }
  }

  /** As a host that loses its power. */
  async die(): Promise<void> {
    await this.crash();
    this.killDuties();
  }

  /** Waits until the line to a peer stands. */
  async line(peer: number): Promise<void> {
    await until(`a line from ${this.partition} to ${peer}`, async () => {
      const peers = json(await this.done("ctl", "status", "--json")).peers;
      return peers.find((one: { partition: number }) => one.partition === peer)
        ?.segments?.line;
    });
  }

  /** A program of this host. */
  program(): Program {
    return new Program(this);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const entry of readRegistry(this.run).segments) {
        removeFromKernel(entry);
      }
    } catch (error) {
      if (!(error instanceof PartitionError)) throw error; // never up
    } finally {
      await super[Symbol.asyncDispose]();
    }
  }
}

/** What a program's line of code came to. */
export interface Said {
  readonly value?: unknown;
  readonly error?: string;
  readonly name?: string;
  readonly code?: string;
}

/** A process that does what it is told, line by line. */
export class Program implements AsyncDisposable {
  readonly #child: Child;
  readonly #site: Pick<Site, "run" | "partition">;

  /** @param site Its host. */
  constructor(site: Pick<Site, "run" | "partition">) {
    this.#site = site;
    this.#child = Child.start(`
      import { Xp } from "${moduleUrl("src/partition/xp.ts")}";
      import { Part } from "${moduleUrl("src/partition/part.ts")}";
      const place = { run: ${JSON.stringify(site.run)} };
      const xp = new Xp(place), part = new Part(place), own = {};
      const words = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
      let rest = "";
      for await (const chunk of words) {
        const lines = (rest + chunk).split("\\n");
        rest = lines.pop();
        for (const line of lines) {
          let said;
          try {
            const code = new Function("xp", "part", "own", JSON.parse(line));
            said = { value: code(xp, part, own) };
          } catch (error) {
            const { message, name, code } = error;
            said = { error: message, name, code };
          }
          console.log(JSON.stringify(said, (_, value) =>
            typeof value === "bigint" ? Number(value) : value));
        }
      }
    `);
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Has it run code; does not wait. */
  async begin(code: string): Promise<void> {
    await this.#child.say(JSON.stringify(code));
  }

  /** What that came to. */
  async end(): Promise<Said> {
    return JSON.parse(await this.#child.line());
  }

  /** Has it run code, whatever comes of it. */
  async says(code: string): Promise<Said> {
    await this.begin(code);
    return await this.end();
  }

  /** Has it run code that must do well. */
  // deno-lint-ignore no-explicit-any
  async does(code: string): Promise<any> {
    const { value, error } = await this.says(code);
    if (error === undefined) return value;
    throw new Error(`${code} at ${this.#site.partition}: ${error}`);
  }

  /** Kills it. */
  async kill(): Promise<void> {
    await this.#child.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** Hosts that know each other. */
export class Sites implements AsyncDisposable {
  readonly all: readonly Site[];

  /**
   * Makes partitions 1 to `count`.
   *
   * @param more What is in the configuration of each.
   */
  constructor(
    count: number,
    more: { readonly head?: string; readonly timeoutS?: number } = {},
  ) {
    const places = Array.from({ length: count }, (_, n) => ({
      partition: n + 1,
      port: freePort(),
    }));
    this.all = places.map(({ partition, port }) =>
      new Site(
        partition,
        port,
        places.filter((other) => other.partition !== partition),
        { timeoutS: 10, ...more },
      )
    );
  }

  /** One of them. */
  at(partition: number): Site {
    const site = this.all[partition - 1];
    if (site === undefined) throw new RangeError(`no partition ${partition}`);
    return site;
  }

  /** Starts all daemons. */
  async up(): Promise<void> {
    await Promise.all(this.all.map((site) => site.up()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const site of this.all) await site[Symbol.asyncDispose]();
  }
}
