/**
 * Whole captures against a receiver that runs: several peers at once, again
 * and again, and an honest one in between.
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  fixture,
  flat,
  handshake,
  join,
  keywordRecord,
  Receiving,
  Sender,
  wireFrame,
} from "../_support/bridge.ts";
import { Folder, until } from "../_support/cli.ts";
import { METADATA_FIELDS } from "./_fields.ts";
import { type Field, mutate, type Random } from "./_random.ts";

const CAPTURES = [
  join(
    handshake({ keywords: 1 }),
    ...[1n, 2n, 3n].map((n) =>
      wireFrame(flat(Number(n)), n, 0n, keywordRecord("GAIN", n))
    ),
  ),
  join(
    handshake({ size: [4, 3, 3] }),
    ...[0n, 1n, 2n, 0n].map((slice, i) =>
      wireFrame(flat(i), BigInt(i) + 1n, slice)
    ),
  ),
  fixture("shmimtcp/tcp_f32_8x6.bin"),
  fixture("shmimtcp/tcp_u16_4x4x3.bin"),
  fixture("shmimtcp/tcp_u8_7.bin"),
  fixture("shmimtcp/udp_f32_8x6.bin"),
];

/** The metadata, and counters and indices of the first frames. */
const FIELDS: readonly Field[] = [
  ...METADATA_FIELDS,
  ...[408, 416, 448, 456, 432, 440, 560, 576, 584].map((at) => ({
    at,
    bytes: 8,
  })),
];

/** Makes a capture; whoever comes at the same time has another name. */
export function makeCapture(
  random: Random,
  place: number,
): Uint8Array<ArrayBuffer> {
  const seed = random.pick(CAPTURES).slice();
  seed.fill(0, 32, 112);
  seed.set(new TextEncoder().encode(`fuzz${place}`), 32);
  if (random.once(40)) {
    const name = random.pick(["../outside", "../../x", "/tmp/x", "a/b", ".."]);
    seed.set(new TextEncoder().encode(`${name}\0`), 32);
  }
  return mutate(seed, random, FIELDS, random.pick(CAPTURES));
}

const PATIENCE_MS = 20_000;

async function within<T>(what: () => string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what()} hangs for ${PATIENCE_MS / 1000} s`)),
      PATIENCE_MS,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A receiver in a folder inside a folder, with something to lose beside. */
export class FuzzedReceiver implements AsyncDisposable {
  readonly #outer = new Folder();
  readonly #inner = this.#outer.file("streams");
  readonly #receiving: Receiving;
  #honest = 0;

  constructor() {
    Deno.mkdirSync(this.#inner);
    Deno.writeTextFileSync(this.#outer.file("x.im.shm"), "not yours");
    this.#receiving = new Receiving(this.#outer, {
      dir: this.#inner,
      maxBytes: 1 << 20,
      replace: true,
      handshakeTimeoutMs: 5000,
    });
  }

  /** Sends captures, each on a connection of its own, all at once. */
  async send(captures: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    await within(
      () =>
        `the receiver, feeding ${this.#receiving.receiver.streams.join(" ")}` +
        ` and having said ${this.#receiving.events.text.slice(-2000)},`,
      Promise.all(captures.map((bytes) => this.#sendOne(bytes))),
    );
    // What they made is in the folder, and nowhere else.
    assertEquals(this.#outer.names(), ["streams", "x.im.shm"]);
    const made = [...Deno.readDirSync(this.#inner)].map(({ name }) => name);
    assert(made.every((name) => name.endsWith(".im.shm")), made.join(" "));
    if (made.length > 100) {
      for (const name of made) Deno.removeSync(`${this.#inner}/${name}`);
    }
  }

  async #sendOne(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.#receiving.port,
    });
    try {
      for (let at = 0; at < bytes.length;) {
        at += await connection.write(bytes.subarray(at));
      }
      await connection.closeWrite();
      while (await connection.read(new Uint8Array(64)) !== null);
    } catch (error) {
      // Refused, with bytes that were not read.
      const gone = error instanceof Deno.errors.ConnectionReset ||
        error instanceof Deno.errors.BrokenPipe ||
        error instanceof Deno.errors.NotConnected;
      if (!gone) throw error;
    } finally {
      connection.close();
    }
  }

  /** An honest peer is served; what was said is clean. */
  async check(): Promise<void> {
    const { receiver, events } = this.#receiving;
    const before = receiver.status().frames;
    const name = `honest${this.#honest++ % 2}`;
    {
      using sender = await Sender.connect(this.#receiving.port);
      await sender.send(join(handshake({ name }), wireFrame(flat(1), 1n)));
      await until(
        () => `an honest frame; the receiver said: ${events.text.slice(-2000)}`,
        () => receiver.status().frames > before,
      );
    }
    await until("no feed", () => receiver.streams.length === 0);
    // deno-lint-ignore no-control-regex
    const raw = /[\x00-\x09\x0b-\x1f\x7f-\x9f]/.exec(events.text);
    assertEquals(raw, null, "nothing raw is echoed");
    events.clear();
    assertEquals(
      Deno.readTextFileSync(this.#outer.file("x.im.shm")),
      "not yours",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#receiving[Symbol.asyncDispose]();
    this.#outer[Symbol.dispose]();
  }
}
