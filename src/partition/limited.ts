/** Connections that end when their time is up. @module */

/** Closes a connection when it is disposed of, or its time is up. */
export class Limited implements Disposable {
  readonly #connection: Deno.Conn;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #late = false;

  /**
   * Begins to count.
   *
   * @param connection Whose calls fail when the time is up.
   */
  constructor(connection: Deno.Conn, ms: number) {
    this.#connection = connection;
    this.again(ms);
  }

  /** Whether the time was up. */
  get late(): boolean {
    return this.#late;
  }

  /** Counts anew, from now on. */
  again(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#late = true;
      this.#close();
    }, ms);
  }

  #close(): void {
    try {
      this.#connection.close();
    } catch {
      // closed already
    }
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#close();
  }
}
