/**
 * A segment that both partitions of the demonstration update: each through its
 * own copy, and both must come to the same bytes.
 * @module
 */

import type { XpMemory } from "../partition/memory.ts";
import { IPC_AUTORMID, IPC_CREAT, Xp } from "../partition/xp.ts";

const BYTES = 4096;
const KEY = 7;

/** The segment, at both ends. */
export class DemoSegment implements Disposable {
  readonly #ends: readonly [XpMemory, XpMemory];
  #made = 0;

  /**
   * Makes it in partition 1; partition 2 finds it by its key.
   *
   * @param owner Run folder of partition 1.
   * @param other Run folder of partition 2.
   */
  constructor(owner: string, other: string) {
    const one = new Xp({ run: owner });
    const two = new Xp({ run: other });
    const id = one.shmget(one.ftok(null, KEY), BYTES, IPC_CREAT);
    const own = one.shmat(id);
    one.shmctl(id, IPC_AUTORMID);
    try {
      const far = two.shmat(two.shmget(two.ftok("/partition/1", KEY), BYTES));
      this.#ends = [own, far];
    } catch (error) {
      own.close();
      throw error;
    }
  }

  /** How many updates were made. */
  get made(): number {
    return this.#made;
  }

  /** Updates random places from both ends in turn, so often from each. */
  update(times: number): void {
    for (let n = 0; n < times; n++) {
      for (const memory of this.#ends) {
        const bytes = crypto.getRandomValues(
          new Uint8Array(1 + Math.floor(Math.random() * 500)),
        );
        const room = BYTES - bytes.length;
        memory.update(Math.floor(Math.random() * room), bytes);
        this.#made++;
      }
    }
  }

  /** Whether both ends have every update, and the same bytes. */
  get same(): boolean {
    const [own, far] = this.#ends;
    if (Number(own.updates) !== this.#made) return false;
    if (Number(far.updates) !== this.#made) return false;
    const theirs = far.read();
    return own.read().every((byte, at) => byte === theirs[at]);
  }

  [Symbol.dispose](): void {
    for (const memory of this.#ends.toReversed()) memory.close();
  }
}
