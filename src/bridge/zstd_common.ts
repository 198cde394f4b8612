/**
 * What both ends of a compressed connection share. Frames pass through
 * TypeScript then, one by one: for lines so thin that this is no matter.
 * @module
 */

import { CLOCK, clockNs } from "../../ffi/clock.ts";
import { isSystemError } from "../../ffi/errno.ts";
import { END } from "../../ffi/pump.ts";
import { WireControl, WirePump } from "../../ffi/wire_pump.ts";
import type { Stream } from "../stream/stream.ts";
import { closeOnce, every } from "./session.ts";

/** Bytes of messages and their parts. */
export const BYTES = {
  frame: 96,
  mark: 8,
  keywords: 16,
  ping: 56,
  pong: 56,
} as const;
/** Types of messages. */
export const TYPE = { frame: 1, keywords: 2, ping: 3, pong: 4 } as const;
/** Marks behind a piece. */
export const MARK = { more: 0, end: 1, abort: 2 } as const;
/** The frame is no single slice. */
export const WHOLE = 0xffff_ffff;
/** Flag of a frame that is compressed. */
export const COMPRESSED = 1;
/** A time or an error that is not known. */
export const UNKNOWN = 0xffff_ffff_ffff_ffffn;

const CHECK_MS = 50;
const FINISH_MS = 120;

/** The library, loaded by whoever compresses. */
async function zlib(): Promise<typeof import("node:zlib")> {
  return await import("node:zlib");
}

/** Compresses, on a thread of its own. */
export async function compress(bytes: Uint8Array): Promise<Uint8Array> {
  const { zstdCompress } = await zlib();
  return await new Promise((resolve, reject) =>
    zstdCompress(
      bytes,
      (error, packed) => error ? reject(error) : resolve(packed),
    )
  );
}

/**
 * Takes what was compressed apart.
 *
 * @param bytes One zstd frame.
 * @param size What must come out, bytes.
 * @returns `undefined` where something else does.
 */
export async function decompress(
  bytes: Uint8Array,
  size: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { zstdDecompress } = await zlib();
  return await new Promise((resolve) =>
    zstdDecompress(
      bytes,
      { maxOutputLength: size }, // what wants to be more is damaged
      (error, pixels) =>
        resolve(error || pixels.length !== size ? undefined : pixels.slice()),
    )
  );
}

/** A peer that breaks the rules. */
export class Breach extends Error {}
/** The other end closed; `inside` a message. */
export class Closed extends Error {
  /** @param inside Whether a message was under way. */
  constructor(readonly inside: boolean) {
    super("closed");
  }
}

/** This end's clock as the peer is told, ns. */
export function wireClock(shiftNs: bigint): bigint {
  return clockNs(CLOCK.REALTIME) + shiftNs;
}

/** Reads messages off a connection. */
export class Incoming {
  readonly #connection: Deno.TcpConn;
  readonly #control: WireControl;

  /** @param connection What to read. */
  constructor(connection: Deno.TcpConn, control: WireControl) {
    this.#connection = connection;
    this.#control = control;
  }

  /**
   * Fills a block.
   *
   * @throws {Closed} where the other end closes before.
   */
  async take(
    block: Uint8Array<ArrayBuffer>,
    inside: boolean,
  ): Promise<DataView<ArrayBuffer>> {
    for (let at = 0; at < block.length;) {
      const n = await this.#connection.read(block.subarray(at));
      if (n === null) throw new Closed(inside || at > 0);
      at += n;
      this.#control.add("bytes", n);
      this.#control.set("active", clockNs(CLOCK.MONOTONIC));
    }
    return new DataView(block.buffer, block.byteOffset, block.byteLength);
  }
}

/** What both ends are told. */
export interface ZstdSettings {
  /** Frames up to this source counter are known already. */
  readonly last: bigint;
  /** Keyword records announced. */
  readonly keywords: number;
  /** Bytes of a piece, as announced. */
  readonly pieceBytes: number;
  /** Give up where the peer is silent for so long. */
  readonly silenceMs: number;
  /** Added to the clock that the peer is told, ns: for tests. */
  readonly shiftNs: bigint;
}

/** One end of a connection at work. */
export abstract class ZstdSession<
  Settings extends ZstdSettings = ZstdSettings,
> {
  /** Source counter of the last frame. */
  protected last: bigint;

  /**
   * @param stream Where frames come from, or go to.
   * @param connection The connection.
   * @param settings What it is told.
   * @param control How it does.
   */
  constructor(
    protected readonly stream: Stream,
    protected readonly connection: Deno.TcpConn,
    protected readonly settings: Settings,
    protected readonly control: WireControl,
  ) {
    this.last = settings.last;
  }

  /** Goes on until it throws or is asked to end. */
  abstract work(): Promise<void>;

  /** Writes all of it. */
  protected async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const n = await this.connection.write(bytes.subarray(at));
      at += n;
      this.control.add("bytes", n);
      this.control.set("active", clockNs(CLOCK.MONOTONIC));
    }
  }
}

/**
 * Starts a session as a pump: its control block tells how it does, and when
 * it is asked to end the connection is closed under it.
 */
export function startSession<Settings extends ZstdSettings>(
  Session: new (
    stream: Stream,
    connection: Deno.TcpConn,
    settings: Settings,
    control: WireControl,
  ) => ZstdSession<Settings>,
  stream: Stream,
  connection: Deno.TcpConn,
  settings: Settings,
): WirePump {
  return new WirePump((words) => {
    const control = new WireControl(words);
    control.put("errorNs", undefined);
    control.put("oneWayNs", undefined);
    const session = new Session(stream, connection, settings, control);
    return runSession(connection, control, settings.silenceMs, session);
  });
}

/** @returns The negative errno of a pump. */
async function runSession(
  connection: Deno.TcpConn,
  control: WireControl,
  silenceMs: number,
  session: ZstdSession,
): Promise<number> {
  let asked: number | undefined;
  let silent = false;
  control.set("active", clockNs(CLOCK.MONOTONIC));
  const unwatch = every(CHECK_MS, () => {
    const now = clockNs(CLOCK.MONOTONIC);
    if (control.stopped) asked ??= performance.now() + FINISH_MS;
    silent = now - control.get("active") > BigInt(silenceMs) * 1_000_000n;
    if (silent || (asked !== undefined && performance.now() > asked)) {
      closeOnce(connection);
    }
  });
  let end: number = END.stopped;
  let result = 0;
  try {
    await session.work();
  } catch (error) {
    if (control.stopped) end = END.stopped;
    else if (silent) end = END.idle;
    else if (error instanceof Breach) end = END.breach;
    else if (error instanceof Closed) end = error.inside ? END.cut : END.closed;
    else if (isLost(error)) end = END.closed;
    else {
      end = END.error;
      result = isSystemError(error, "EBADFD") ? -77 : -5;
    }
  } finally {
    unwatch();
    closeOnce(connection);
  }
  control.set("error", BigInt(-result));
  control.set("end", BigInt(end));
  return result;
}

function isLost(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.TimedOut;
}
