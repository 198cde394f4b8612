/**
 * One partition of the demonstration: its daemon, the commands that a user
 * would type on its host, and what both of them say.
 * @module
 */

import { CommandError } from "../cli/errors.ts";
import { readRegistry, removeFromKernel } from "../partition/registry.ts";
import { endProcess } from "../../ffi/process.ts";
import { runs } from "../partition/process.ts";
import { readUnit, type UnitState } from "../partition/unit.ts";
import { startDetached } from "./background.ts";
import type { Place } from "./demo_stage.ts";

/** Told of what a partition says. */
export type Tell = (who: string, text: string) => void;

/** How its mount does. */
export interface MountFacts {
  /** `received`, `waiting`, … */
  readonly state: string;
  /** Why it waits. */
  readonly reason: string | null;
}

async function lines(
  from: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of from) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) take(line);
  }
  if (rest !== "") take(rest);
}

/** A partition. */
export class DemoPartition {
  readonly #place: Place;
  readonly #tell: Tell;
  #daemon: Deno.ChildProcess | undefined;
  #said: Promise<unknown> = Promise.resolve();

  /**
   * Makes its folders.
   *
   * @param other The partition that it knows.
   * @param key What both prove to have.
   */
  constructor(place: Place, other: Place, key: string, tell: Tell) {
    this.#place = place;
    this.#tell = tell;
    const { folder, partition, address, port } = place;
    Deno.mkdirSync(this.dir, { recursive: true });
    Deno.writeTextFileSync(`${folder}/key`, key, { mode: 0o600 });
    Deno.writeTextFileSync(
      `${folder}/daemon.toml`,
      `partition = ${partition}
dir = "${this.dir}"
listen = "${address}:${port}"
key = "${folder}/key"
timeout = 5

[[peer]]
partition = ${other.partition}
host = "${other.address}"
port = ${other.port}
`,
    );
  }

  /** Its streams. */
  get dir(): string {
    return `${this.#place.folder}/streams`;
  }

  /** Its run folder. */
  get run(): string {
    return `${this.#place.folder}/run`;
  }

  get #who(): string {
    return `partition ${this.#place.partition}`;
  }

  /** Ctrl-C is for us: what is started so is shut down in order. */
  #spawn(words: readonly string[]): Promise<Deno.ChildProcess> {
    return startDetached(words, this.#place.within);
  }

  /** Starts its daemon; settles when it is up. */
  async start(): Promise<void> {
    const config = `${this.#place.folder}/daemon.toml`;
    const daemon = await this.#spawn(
      ["daemon", "--run", this.run, "--config", config],
    );
    this.#daemon = daemon;
    const up = Promise.withResolvers<void>();
    this.#said = Promise.all([
      lines(daemon.stdout, (line) => {
        this.#tell(this.#who, line);
        up.resolve();
      }),
      lines(daemon.stderr, (line) => this.#tell(this.#who, line)),
    ]).then(() =>
      up.reject(new CommandError(`The daemon of ${this.#who} ended`))
    );
    await up.promise;
  }

  /** Runs a command there; what it prints, line by line. */
  async #run(
    words: readonly string[],
    onLine: (line: string) => void,
  ): Promise<string[]> {
    const child = await this.#spawn([...words, "--run", this.run]);
    const printed: string[] = [];
    const said: string[] = [];
    const read = [
      lines(child.stdout, (line) => printed.push(line) && onLine(line)),
      lines(child.stderr, (line) => said.push(line) && onLine(line)),
    ];
    const { code } = await child.status;
    await Promise.all(read);
    if (code === 0) return printed;
    throw new CommandError(
      `"shmim ${words.join(" ")}" ended with ${code}: ${said.join(" ")}`,
    );
  }

  /**
   * Runs a command as its user, and shows it.
   *
   * @throws {CommandError} where it fails.
   */
  async shmim(...words: string[]): Promise<void> {
    this.#tell(this.#who, `$ shmim ${words.join(" ")}`);
    await this.#run(words, (line) => this.#tell(this.#who, line));
  }

  /** How its only mount does. */
  async mount(): Promise<MountFacts | undefined> {
    const text = await this.#run(["shares", "--json"], () => {});
    const answer = JSON.parse(text.join("\n")) as { mounts: MountFacts[] };
    return answer.mounts[0];
  }

  get #state(): UnitState | undefined {
    return readUnit(this.run, 0);
  }

  /** Ends it as a power cut does: its daemon, and what goes on without it. */
  async crash(): Promise<void> {
    this.#kill();
    await this.#ended();
    this.#endDuties();
  }

  #endDuties(): void {
    for (const { pid, startNs } of this.#state?.duties ?? []) {
      endProcess(pid, BigInt(startNs));
    }
  }

  async #ended(): Promise<void> {
    await this.#daemon?.status;
    this.#daemon = undefined;
    await this.#said.catch(() => {});
  }

  /** Processes of it that still run. */
  get running(): readonly number[] {
    return (this.#state?.duties ?? []).filter(runs).map(({ pid }) => pid);
  }

  /** Shuts it down, or ends it where it does not let itself. */
  async stop(): Promise<void> {
    await this.#stop();
    // Where no daemon could, or a process was killed that would have.
    for (const entry of readRegistry(this.run).segments) {
      removeFromKernel(entry);
    }
  }

  async #stop(): Promise<void> {
    if (this.#daemon === undefined) return this.#endDuties();
    try {
      await this.shmim("ctl", "shutdown", "--force");
    } catch (error) {
      this.#tell(this.#who, (error as Error).message);
      this.#kill();
      this.#endDuties();
    }
    await this.#ended();
  }

  #kill(): void {
    try {
      this.#daemon?.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended
    }
  }
}
