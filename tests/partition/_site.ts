/**
 * A host as other hosts see it: a daemon with a run folder and streams of its
 * own, which knows the others by their addresses of loopback only; and
 * programs of it, in processes of their own.
 */

import { endProcess } from "../../ffi/process.ts";
import { Part } from "../../src/partition/part.ts";
import {
  readRegistry,
  removeFromKernel,
} from "../../src/partition/registry.ts";
import { Xp } from "../../src/partition/xp.ts";
import { Child, moduleUrl } from "../_support/child.ts";
import {
  done,
  Folder,
  json,
  type Outcome,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";

/** A process that a daemon has for what goes on without it. */
export interface DutyFacts {
  readonly name: string;
  readonly pid: number;
  readonly startNs: string;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** One host. */
export class Site implements AsyncDisposable {
  readonly folder: Folder = new Folder();
  readonly run: string = this.folder.file("r");
  readonly dir: string = this.folder.file("streams");
  readonly config: string = this.folder.file("site.toml");
  readonly port: number = freePort();
  readonly xp: Xp = new Xp({ run: this.run });
  readonly part: Part = new Part({ run: this.run });
  daemon: Running | undefined;

  /** @param partition Its number. */
  constructor(readonly partition: number) {
    Deno.mkdirSync(this.dir);
  }

  /** Writes its configuration. */
  configure(others: readonly Site[], more = "timeout = 10\n"): void {
    Deno.writeTextFileSync(
      this.config,
      `partition = ${this.partition}\nlisten = "127.0.0.1:${this.port}"\n` +
        more +
        others.filter((other) => other !== this).map((other) =>
          `[[peer]]\npartition = ${other.partition}\nhost = "127.0.0.1"\n` +
          `port = ${other.port}\n`
        ).join(""),
    );
  }

  /** Starts the daemon. */
  async up(): Promise<Running> {
    const daemon = new Running([
      "daemon",
      "--run",
      this.run,
      "--config",
      this.config,
      "--dir",
      this.dir,
    ], { folder: this.folder });
    this.daemon = daemon;
    await until(() => `up: ${daemon.err}`, () => daemon.out.includes("is up"));
    return daemon;
  }

  /** Runs a command of it. */
  shmim(...words: string[]): Promise<Outcome> {
    return shmim([...words, "--run", this.run], { folder: this.folder });
  }

  /** Runs one that must do well. */
  done(...words: string[]): Promise<string> {
    return done([...words, "--run", this.run], { folder: this.folder });
  }

  /** Kills the daemon. */
  async crash(): Promise<void> {
    this.daemon?.kill("SIGKILL");
    await this.daemon?.ended();
  }

  /** The processes that go on without it. */
  duties(): DutyFacts[] {
    try {
      return json(Deno.readTextFileSync(`${this.run}/unit-0.json`)).duties;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return []; // never up
      throw error;
    }
  }

  /** Kills them. */
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon?.[Symbol.asyncDispose]();
    const duties = this.duties();
    for (const { pid, startNs } of duties) endProcess(pid, BigInt(startNs));
    await until("its processes end", () =>
      duties.every(({ pid }) => {
        try {
          return Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ");
        } catch {
          return true;
        }
      }));
    try {
      for (const entry of readRegistry(this.run).segments) {
        removeFromKernel(entry);
      }
    } finally {
      this.folder[Symbol.dispose]();
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
   * @param more Lines for the configuration of each.
   */
  constructor(count: number, more?: string) {
    this.all = Array.from({ length: count }, (_, n) => new Site(n + 1));
    for (const site of this.all) site.configure(this.all, more);
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
