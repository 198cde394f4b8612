/**
 * Processes that a daemon has for what must go on without it: each is
 * `shmim WORDS` in a session of its own, with the permissions of its duty,
 * and listens on a socket in the run folder. Killing the daemon leaves them;
 * the next one knows them by pid and start, adopts those that run, and starts
 * what has died, ever later where it dies again and again.
 * @module
 */

import { join } from "@std/path";
import { endProcess, processStartNs } from "../../ffi/segment.ts";
import { BackOff } from "./back_off.ts";
import type { Book } from "./book.ts";
import { askSocket, type Request } from "./control.ts";
import { PartitionError } from "./errors.ts";

/** A process with a duty. */
export interface Duty {
  /** What it does, once in each unit, such as `receive-2-0`. */
  readonly name: string;
  /** How it was started: where these are to be others, so is the process. */
  readonly words: readonly string[];
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

/** Whether a process that is remembered runs. */
export function runs(
  { pid, startNs }: { readonly pid: number; readonly startNs: string },
): boolean {
  return processStartNs(pid)?.toString() === startNs;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, at) => word === b[at]);
}

/** The processes of one daemon. */
export class Duties {
  readonly #book: Book;
  readonly #start: StartDuty;
  readonly #backOff = new BackOff();
  readonly #starting = new Map<string, Promise<Duty>>();
  #ended = false;

  /**
   * Takes over what runs.
   *
   * @param book What the daemon remembers.
   * @param start Starts a process.
   */
  constructor(book: Book, start: StartDuty) {
    this.#book = book;
    this.#start = start;
  }

  /** The socket of a duty. */
  socket(name: string): string {
    const { unit } = this.#book.state;
    const path = join(this.#book.folder, `unit-${unit}-${name}.sock`);
    if (new TextEncoder().encode(path).length > MAX_SOCKET_PATH) {
      throw new PartitionError(
        `"${path}" is too long for a socket: name a shorter folder by --run`,
      );
    }
    return path;
  }

  /** The duty of that name, where its process runs. */
  find(name: string): Duty | undefined {
    return this.#book.state.duties.find((duty) =>
      duty.name === name && runs(duty)
    );
  }

  /** All that are remembered, running or not. */
  get all(): readonly Duty[] {
    return this.#book.state.duties;
  }

  /**
   * The process of a duty: the one that runs, or a new one. One that was
   * started otherwise than it is to be now is ended first.
   *
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
    let pid: number;
    try {
      pid = await this.#start(words);
    } catch (error) {
      this.#backOff.failed(name);
      throw error;
    }
    const duty = { name, words, pid, startNs: `${processStartNs(pid) ?? 0n}` };
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
    return await askSocket(this.socket(name), name, request, ANSWER_S);
  }

  /**
   * Looks which have died since.
   *
   * @returns Their names; they are forgotten, and wait before they are started
   * again.
   */
  sweep(): string[] {
    const dead = this.all.filter((duty) => !runs(duty));
    for (const { name, pid } of dead) {
      this.#backOff.failed(name);
      this.#forget(name);
      this.#removeSocket(name);
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
      if (duty.name === name) endProcess(duty.pid, BigInt(duty.startNs));
    }
    this.#forget(name);
    this.#removeSocket(name);
  }

  #removeSocket(name: string): void {
    try {
      Deno.removeSync(this.socket(name));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Ends all, for good. */
  endAll(): void {
    this.#ended = true;
    for (const { name } of this.all) this.end(name);
  }
}
