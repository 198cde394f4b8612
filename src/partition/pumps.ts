/**
 * The streams that cross between hosts: each is carried by a process of ours
 * together with others of the same peer and direction, up to 16 in each.
 * @module
 */

import { dirname } from "@std/path";
import { realPath, statFile } from "../../ffi/files.ts";
import { semaphoreFiles } from "../stream/semaphore_files.ts";
import type { Book } from "./book.ts";
import { type Carried, type CarrierStatus, MAX_PUMPS } from "./carrier.ts";
import type { Duties, Duty } from "./duties.ts";
import { HeardEvents } from "./kept_events.ts";
import { runs } from "./process.ts";
import type { CarriedPump } from "./metrics_pumps.ts";
import type { Mount } from "./unit.ts";

/** What a pump is to do. */
export interface PumpTask {
  /** Which way it carries. */
  readonly kind: "receive" | "transmit";
  /** Whether it serves a mount of ours, or a mount of our share. */
  readonly of: "mount" | "share";
  /** The other partition. */
  readonly partition: number;
  /** The stream's name at its owner's. */
  readonly stream: string;
  /** The stream's file here. */
  readonly path: string;
  /** Where it sends to, or the own address that it listens on. */
  readonly host: string;
  /** And the port; 0 takes a free one. */
  readonly port: number;
  /** To transmit: the counter of the last frame that is none of ours. */
  readonly after?: string;
}

/** A stream that is carried. */
export interface Pump extends PumpTask {
  /** The duty that carries it. */
  readonly duty: string;
  /** Its process. */
  readonly pid: number;
  /** When that began. */
  readonly startNs: string;
}

/** What a process is started with beside its direction and place. */
export interface CarrierFacts {
  /** The key's file. */
  readonly key: string | undefined;
  /** The only address that may connect; `undefined`: any that has the key. */
  readonly allow: string | undefined;
}

/** The reading or writing end of a mount. */
export function ofMount(mount: Mount, pump: Pump): boolean {
  return pump.of === "mount" && pump.path === mount.path &&
    pump.partition === mount.partition && pump.stream === mount.stream;
}

/** What a pump is called between the daemon and its process. */
function idOf({ of, stream }: PumpTask): string {
  return `${of}:${stream}`;
}

/** Files of a stream that lie elsewhere: behind a link, and semaphores. */
function liesElsewhere(path: string): boolean {
  if (statFile(path) === undefined) return false; // refused where it is opened
  return realPath(path) !== path || semaphoreFiles(path).length > 0;
}

/** All streams that cross, and the processes that carry them. */
export class Pumps {
  readonly #book: Book;
  readonly #duties: Duties;
  readonly #statuses = new Map<string, CarrierStatus>();
  readonly #heard = new HeardEvents();
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Takes over those that are remembered.
   *
   * @param duties Starts and knows the processes.
   */
  constructor(book: Book, duties: Duties) {
    this.#book = book;
    this.#duties = duties;
  }

  /** All that are remembered. */
  get all(): readonly Pump[] {
    return this.#book.state.pumps;
  }

  /** One after another: what a process has and what is remembered agree. */
  #inTurn<T>(what: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(what);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** How every process of a peer and direction is started. */
  #common(task: PumpTask, facts: CarrierFacts): string[] {
    return [
      "carry",
      task.kind,
      task.host,
      "--dir",
      dirname(task.path),
      ...facts.key === undefined ? [] : ["--key", facts.key],
      ...facts.allow === undefined || task.kind === "transmit"
        ? []
        : ["--allow", facts.allow],
    ];
  }

  /** How one is started that can carry this stream. */
  #words(task: PumpTask, facts: CarrierFacts): string[] {
    const common = this.#common(task, facts);
    return task.kind === "transmit" && liesElsewhere(task.path)
      ? [...common, "--stream", task.path]
      : common;
  }

  /** A process with room, or the name of a new one. */
  #place(task: PumpTask, words: readonly string[]): string {
    for (let n = 0;; n++) {
      const name = `${task.kind}-${task.partition}-${n}`;
      const pumps = this.all.filter(({ duty }) => duty === name);
      const duty = this.#duties.find(name);
      const fits = duty?.words.join("\0") === words.join("\0");
      if (pumps.length === 0 || fits && pumps.length < MAX_PUMPS) return name;
    }
  }

  /**
   * Whether a pump runs, and as it would be started now: with this key, at
   * this address.
   */
  stands(pump: Pump, facts: CarrierFacts): boolean {
    const duty = this.#duties.find(pump.duty);
    if (duty === undefined || duty.pid !== pump.pid) return false;
    return this.#common(pump, facts).every((word, at) =>
      duty.words[at] === word
    );
  }

  /**
   * Has a stream carried, by a process of its peer and direction.
   *
   * @throws {PartitionError} where that process does not come up, or refuses.
   */
  start(task: PumpTask, facts: CarrierFacts): Promise<Pump> {
    return this.#inTurn(async () => {
      this.#book.requireStaying();
      const words = this.#words(task, facts);
      const name = this.#place(task, words);
      const duty: Duty = await this.#duties.ensure(name, words);
      this.#book.requireStaying();
      const { path, port, after = "0" } = task;
      let taken: { port: number };
      try {
        taken = await this.#duties.ask(name, {
          do: "add",
          id: idOf(task),
          path,
          port,
          after,
        }) as { port: number };
      } catch (error) {
        this.#endUnused(name);
        throw error;
      }
      const { pid, startNs } = duty;
      const pump: Pump = {
        ...task,
        port: taken.port,
        duty: name,
        pid,
        startNs,
      };
      this.#book.change({ pumps: [...this.all, pump] });
      return pump;
    });
  }

  #forget(pump: Pump): void {
    this.#book.change({ pumps: this.all.filter((one) => one !== pump) });
  }

  #endUnused(name: string): void {
    if (this.all.some(({ duty }) => duty === name)) return;
    this.#duties.end(name);
    this.#statuses.delete(name);
  }

  /** Has a stream no longer carried; settles when nothing touches it. */
  stop(pump: Pump): Promise<void> {
    this.#forget(pump);
    return this.#inTurn(async () => {
      const { duty: name } = pump;
      if (runs(pump)) {
        await this.#duties.ask(name, { do: "drop", id: idOf(pump) })
          .catch((error: Error) => this.#book.tell(error.message, "warning"));
      }
      this.#endUnused(name);
    });
  }

  /** All, with how they do. */
  get carried(): CarriedPump[] {
    return this.all.map((pump) => ({
      pump,
      running: runs(pump),
      status: this.status(pump),
    }));
  }

  /** How a stream does, as far as its process has said. */
  status(pump: Pump): Carried | undefined {
    return this.#statuses.get(pump.duty)?.streams
      .find(({ id }) => id === idOf(pump));
  }

  /** Looks at every process: what has died, what happened in it. */
  look(): Promise<void> {
    return this.#inTurn(async () => {
      for (const name of this.#duties.sweep()) this.#statuses.delete(name);
      for (const pump of this.all) {
        const duty = this.#duties.find(pump.duty);
        if (duty?.pid !== pump.pid) this.#forget(pump);
      }
      const names = new Set(this.all.map(({ duty }) => duty));
      await Promise.all([...names].map((name) => this.#hear(name)));
    });
  }

  async #hear(name: string): Promise<void> {
    let status: CarrierStatus;
    const duty = this.#duties.find(name);
    if (duty === undefined) return; // it died just now
    const after = this.#heard.after(duty);
    try {
      status = await this.#duties.ask(name, {
        do: "status",
        after,
      }) as CarrierStatus;
    } catch (error) {
      this.#book.tell((error as Error).message, "warning");
      return;
    }
    this.#statuses.set(name, status);
    this.#heard.take(
      duty,
      status.events,
      (message, level) => this.#book.tell(message, level),
    );
    const own = this.all.filter(({ duty }) => duty === name);
    const carried = new Set(status.streams.map(({ id }) => id));
    for (const pump of own) {
      if (carried.delete(idOf(pump))) continue;
      this.#forget(pump); // its process knows nothing of it
    }
    for (const id of carried) { // a daemon was killed before it noted that
      await this.#duties.ask(name, { do: "drop", id });
    }
  }

  /** Ends every process that carries. */
  async endAll(): Promise<void> {
    const ended = this.#duties.endAll();
    this.#book.change({ pumps: [] });
    await ended;
  }
}
