/**
 * A relay between two ends on this host that a test can slow down, cut, or
 * let change what passes.
 * @module
 */

/** How a relay treats what comes from the end that connects to it. */
export interface RelayOptions {
  /** Bytes a second, at most. Default: no limit. */
  bytesPerSecond?: number;
  /** Changes a chunk on its way; `at` is its offset in the connection. */
  change?: (chunk: Uint8Array, at: number) => void;
}

/** Listens, and passes everything on to another port. */
export class Relay implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #to: number;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #tasks: Promise<void>[] = [];
  /** How it treats what comes; may be changed at any time. */
  options: RelayOptions;
  /** All that came from the end that connects, over all connections. */
  readonly seen: Uint8Array[] = [];
  /** Connections so far. */
  connections = 0;

  constructor(to: number, options: RelayOptions = {}) {
    this.#to = to;
    this.options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#tasks.push(this.#run());
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async #run(): Promise<void> {
    for await (const from of this.#listener) {
      this.connections++;
      this.#open.add(from);
      let to: Deno.TcpConn;
      try {
        to = await Deno.connect({ hostname: "127.0.0.1", port: this.#to });
      } catch {
        from.close();
        continue;
      }
      this.#open.add(to);
      this.#tasks.push(this.#pass(from, to, true), this.#pass(to, from, false));
    }
  }

  async #pass(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    forward: boolean,
  ): Promise<void> {
    const buffer = new Uint8Array(16_384);
    let at = 0;
    try {
      for (;;) {
        const n = await from.read(buffer);
        if (n === null) break;
        const chunk = buffer.subarray(0, n);
        if (forward) {
          const { bytesPerSecond, change } = this.options;
          change?.(chunk, at);
          if (this.seen.length < 64) this.seen.push(chunk.slice());
          at += n;
          if (bytesPerSecond !== undefined) {
            await new Promise((resolve) =>
              setTimeout(resolve, n * 1000 / bytesPerSecond)
            );
          }
        }
        for (let sent = 0; sent < n;) {
          sent += await to.write(chunk.subarray(sent));
        }
      }
    } catch {
      // one of the two ends is gone
    }
    this.#close(from);
    this.#close(to);
  }

  #close(connection: Deno.TcpConn): void {
    if (this.#open.delete(connection)) connection.close();
  }

  /** Cuts every connection that is open. */
  cut(): void {
    for (const connection of [...this.#open]) this.#close(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await Promise.all(this.#tasks);
  }
}
