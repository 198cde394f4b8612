/**
 * Processes that a daemon has for what must go on without it: each is
 * `shmim WORDS` in a session of its own, with the permissions of its duty,
 * and listens on a socket in the run folder. Killing the daemon leaves them;
 * the next one knows them by pid and start, adopts those that run, and starts
 * what has died, ever later where it dies again and again.
 * @module
 */

import { basename, join } from "@std/path";
import { endProcess, processStartNs } from "../../ffi/process.ts";
import { BackOff } from "./back_off.ts";
import type { Book } from "./book.ts";
import { askSocket, type Request } from "./control.ts";
import { PartitionError } from "./errors.ts";
import { type ProcessId, processId, runs } from "./process.ts";
import { MAX_DUTIES } from "./unit.ts";

/** A process with a duty. */
export interface Duty {
  /** What it does, once in each unit, such as `receive-2-0`. */
  readonly name: string;
  /** How it was started: where these are to be others, so is the process. */
  readonly words: readonly string[];
  /** Its socket's number: Deno asks for the name of each beforehand. */
  readonly slot: number;
  /** The process. */
  readonly pid: number;
  /** When that began: a later process can have the pid. */
  readonly startNs: string;
}

/**
 * Starts `shmim WORDS` in a session of its own; settles with its pid when it
 * has said that it stands, and rejects with what it said where it does not.
 */
export type StartDuty = (words: readonly string[]) => Promise<number>;

/** Longest path of a Unix socket, bytes. */
const MAX_SOCKET_PATH = 107;
/** A process of this host that is well answers at once. */
const ANSWER_S = 2;

/**
 * Where a duty is spoken to.
 *
 * @throws {PartitionError} where the path is too long for a socket.
 */
export function dutySocket(folder: string, unit: number, slot: number): string {
  const path = join(folder, `unit-${unit}-duty-${slot}.sock`);
  if (new TextEncoder().encode(path).length > MAX_SOCKET_PATH) {
    throw new PartitionError(
      `"${path}" is too long for a socket: name a shorter folder by --run`,
    );
  }
  return path;
}

/** Waits for the end of a process that was told to end, but not for ever. */
async function ended(duty: ProcessId): Promise<void> {
  const limit = performance.now() + ANSWER_S * 1000;
  while (runs(duty) && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, at) => word === b[at]);
}

/** The processes of one daemon. */
export class Duties {
  readonly #book: Book;
  readonly #start: StartDuty;
  readonly #backOff: BackOff;
  readonly #starting = new Map<string, Promise<Duty>>();
  readonly #taking = new Set<number>();
  /** Settles when nothing runs but what is remembered. */
  readonly #alone: Promise<void>;
  #ended = false;

  /**
   * Takes over what runs.
   *
   * @param book What the daemon remembers.
   * @param start Starts a process.
   * @param backOff When one that died may be started again.
   */
  constructor(book: Book, start: StartDuty, backOff: BackOff = new BackOff()) {
    this.#book = book;
    this.#backOff = backOff;
    this.#start = start;
    this.#alone = this.#endStrangers();
    this.#alone.catch(() => {}); // told by the first who needs a process
  }

  #socket({ slot }: { readonly slot: number }): string {
    return dutySocket(this.#book.folder, this.#book.state.unit, slot);
  }

  /** A number that no process has, and none is about to have. */
  #freeSlot(): number {
    const taken = new Set(this.all.map(({ slot }) => slot));
    for (let slot = 0; slot < MAX_DUTIES; slot++) {
      if (!taken.has(slot) && !this.#taking.has(slot)) return slot;
    }
    throw new PartitionError(`The daemon has ${MAX_DUTIES} processes already`);
  }

  /**
   * Ends processes of this unit that it knows nothing of: a daemon before it
   * was killed before it noted them, or what it noted is lost.
   */
  async #endStrangers(): Promise<void> {
    const known = new Set(this.all.map(({ slot }) => slot));
    const { folder } = this.#book;
    const { unit } = this.#book.state;
    const there = new Set(
      [...Deno.readDirSync(folder)].map(({ name }) => name),
    );
    for (let slot = 0; slot < MAX_DUTIES; slot++) {
      const path = this.#socket({ slot });
      if (known.has(slot) || !there.has(basename(path))) continue;
      const ping = { do: "ping" };
      const answer = await askSocket(path, "It", ping, ANSWER_S)
        .catch(() => undefined) as { pid?: unknown } | undefined;
      const pid = typeof answer?.pid === "number" ? answer.pid : 0;
      const start = processStartNs(pid);
      if (start !== undefined) {
        this.#book.tell(
          `ends process ${pid}, of which unit ${unit} lost track`,
        );
        endProcess(pid, start);
        await ended({ pid, startNs: `${start}` });
      }
      this.#removeSocket({ slot });
    }
  }

  /** The duty of that name, where its process runs. */
  find(name: string): Duty | undefined {
    return this.#book.state.duties.find((duty) =>
      duty.name === name && runs(duty)
    );
  }

  /**
   * The same.
   *
   * @throws {PartitionError} where it does not run.
   */
  require(name: string): Duty {
    const duty = this.find(name);
    if (duty !== undefined) return duty;
    throw new PartitionError(`The process of ${name} does not run`);
  }

  /** All that are remembered, running or not. */
  get all(): readonly Duty[] {
    return this.#book.state.duties;
  }

  /**
   * The process of a duty: the one that runs, or a new one. One that was
   * started otherwise than it is to be now is ended first.
   *
   * @param words As which it is started; `--control SOCKET` is added.
   * @throws {PartitionError} where it died so often that it has to wait, or
   * does not come up.
   */
  async ensure(name: string, words: readonly string[]): Promise<Duty> {
    const there = this.find(name);
    if (there !== undefined && same(there.words, words)) return there;
    const begun = this.#starting.get(name);
    if (begun !== undefined) return await begun;
    if (!this.#backOff.may(name)) {
      throw new PartitionError(
        `Its process (${name}) died, and is started again in ` +
          `${Math.ceil(this.#backOff.waitMs(name) / 1000)} s`,
      );
    }
    if (there !== undefined) this.end(name);
    const starting = this.#begin(name, words);
    this.#starting.set(name, starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(name);
    }
  }

  async #begin(name: string, words: readonly string[]): Promise<Duty> {
    this.#forget(name);
    await this.#alone;
    const slot = this.#freeSlot();
    this.#taking.add(slot);
    let pid: number;
    try {
      pid = await this.#start([...words, "--control", this.#socket({ slot })]);
    } catch (error) {
      this.#backOff.failed(name);
      throw error;
    } finally {
      this.#taking.delete(slot);
    }
    const duty = { name, words, slot, ...processId(pid) };
    if (this.#ended) { // shut down meanwhile
      endProcess(duty.pid, BigInt(duty.startNs));
      throw new PartitionError("The daemon was shut down");
    }
    this.#book.change({ duties: [...this.all, duty] });
    return duty;
  }

  #forget(name: string): void {
    const { duties } = this.#book.state;
    if (!duties.some((duty) => duty.name === name)) return;
    this.#book.change({ duties: duties.filter((duty) => duty.name !== name) });
  }

  /**
   * Asks the process of a duty.
   *
   * @throws {PartitionError} where it does not answer, or refuses.
   */
  async ask(name: string, request: Request): Promise<unknown> {
    const duty = this.require(name);
    return await askSocket(this.#socket(duty), name, request, ANSWER_S);
  }

  /**
   * Looks which have died since.
   *
   * @returns Their names; they are forgotten, and wait before they are started
   * again.
   */
  sweep(): string[] {
    const dead = this.all.filter((duty) => !runs(duty));
    for (const duty of dead) {
      const { name, pid } = duty;
      this.#backOff.failed(name);
      this.#forget(name);
      this.#removeSocket(duty);
      this.#book.tell(`the process ${pid} of ${name} died`, "warning");
    }
    return dead.map(({ name }) => name);
  }

  /** Well done: should it die, it is started again at once. */
  well(name: string): void {
    this.#backOff.done(name);
  }

  /** Ends one. */
  end(name: string): void {
    for (const duty of this.all) {
      if (duty.name !== name) continue;
      endProcess(duty.pid, BigInt(duty.startNs));
      this.#removeSocket(duty);
    }
    this.#forget(name);
  }

  #removeSocket(duty: { readonly slot: number }): void {
    try {
      Deno.removeSync(this.#socket(duty));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Ends all, for good, and waits for their last words. */
  async endAll(): Promise<void> {
    this.#ended = true;
    const all = [...this.all];
    for (const { name } of all) this.end(name);
    await Promise.all(all.map(ended));
  }
}
