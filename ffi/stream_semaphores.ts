/**
 * The semaphores of a mapped stream: in the file itself, or files of their
 * own.
 * @module
 */

import type { Helper } from "./helper.ts";
import type { NamedSemaphores } from "./named_semaphores.ts";

const EBUSY = -16;
const ENOENT = -2;

/** What they need of their mapping. */
interface Mapped {
  readonly closed: boolean;
  readonly writable: boolean;
  check(result: number, what: string): number;
}

/** All of one stream; inside `ffi/` only. */
export class StreamSemaphores {
  readonly #mapped: Mapped;
  readonly #helper: Helper;
  readonly #table: BigUint64Array<ArrayBuffer>;
  #named: NamedSemaphores | undefined;

  /** @param mapped The mapping that has them. */
  constructor(
    mapped: Mapped,
    helper: Helper,
    table: BigUint64Array<ArrayBuffer>,
  ) {
    this.#mapped = mapped;
    this.#helper = helper;
    this.#table = table;
  }

  /** Takes those that are files, as far as they are there and may be used. */
  use(named: NamedSemaphores): void {
    this.#named = named;
    named.attach(this.#mapped.writable, (index, file) => {
      const result = file.use((fd) =>
        this.#helper.shmim_sem_attach(this.#table, BigInt(index), fd)
      );
      return result === 0;
    });
  }

  /** Whether semaphore `index` is there and may be used. */
  has(index: number): boolean {
    return this.#named?.attached(index) ?? true;
  }

  /** Prepares those of a stream that is being created. */
  init(): void {
    this.#mapped.check(this.#helper.shmim_sem_init(this.#table), "prepare");
  }

  /** Their values; one more than there are adds the log's. */
  values(count: number): Int32Array {
    const values = new Int32Array(new ArrayBuffer(Math.max(4, count * 4)));
    this.#mapped.check(
      this.#helper.shmim_sem_values(this.#table, values, BigInt(count)),
      "read",
    );
    return values.subarray(0, count);
  }

  /**
   * Claims one and empties it.
   *
   * @param preferred The index wanted, -1 = any.
   * @returns The index, `undefined` where all are taken.
   */
  claim(preferred: number): number | undefined {
    if (this.#named !== undefined) {
      const claimed = this.#named.claim(preferred);
      if (claimed !== undefined) {
        this.#mapped.check(
          this.#helper.shmim_sem_flush(this.#table, claimed),
          "claim a semaphore of",
        );
      }
      return claimed;
    }
    const result = this.#helper.shmim_sem_claim(this.#table, preferred);
    if (result === EBUSY) return undefined;
    return this.#mapped.check(result, "claim a semaphore of");
  }

  /**
   * Frees the claim that a process left behind.
   *
   * @returns False where it is not its claim any more, or the process lives.
   */
  forget(index: number, pid: number): boolean {
    const result = this.#helper.shmim_sem_forget(this.#table, index, pid);
    if (result === ENOENT || result === EBUSY) return false;
    this.#mapped.check(result, "free a semaphore of");
    return true;
  }

  /** Gives one back. */
  release(index: number): void {
    if (this.#named !== undefined) this.#named.release(index);
    else if (!this.#mapped.closed) {
      this.#helper.shmim_sem_release(this.#table, index);
    }
  }

  /** Closes those that are files. */
  close(): void {
    this.#named?.close();
  }
}
