/**
 * What goes on beside a test, again and again.
 * @module
 */

/**
 * Does something every so many milliseconds until it is told to end, or its
 * block is left. Where that fails, the end tells, or the disposal: never a
 * rejection that nobody waits for, which would hide why the test failed.
 */
export class Meanwhile implements AsyncDisposable {
  #running = true;
  #failed: { readonly error: unknown } | undefined;
  readonly #loop: Promise<void>;

  /**
   * @param ms Pause between two rounds.
   * @param act A round; false ends it.
   */
  constructor(ms: number, act: () => unknown) {
    this.#loop = this.#go(ms, act).catch((error) => {
      this.#failed = { error };
    });
  }

  async #go(ms: number, act: () => unknown): Promise<void> {
    while (this.#running) {
      if (await act() === false) break;
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }

  /** Ends it, and throws what it failed with. */
  async end(): Promise<void> {
    this.#running = false;
    await this.#loop;
    const failed = this.#failed;
    this.#failed = undefined;
    if (failed !== undefined) throw failed.error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}
