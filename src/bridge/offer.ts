/**
 * A transmitter's first words over our own wire: who is there, what the
 * stream is, and where both stand.
 * @module
 */

import {
  IMAGETYPE_CIRCULAR,
  IMAGETYPE_PLAIN,
} from "../stream/imagestreamio.ts";
import type { Stream } from "../stream/stream.ts";
import { HandshakeError, initiate, SERVICE } from "./handshake.ts";
import { readKey } from "./key.ts";
import { WireError } from "./milk_wire.ts";
import { closeOnce } from "./session.ts";
import {
  CAPABILITY,
  PIECE_BYTES,
  type Policy,
  type Progress,
  readAnswer,
  writeOffer,
} from "./wire.ts";

/** What to offer beside the stream itself. */
export interface OfferOptions {
  /** The key's file, read anew each time. */
  key?: string;
  /** Which frames cross when the line is slow. */
  policy: Policy;
  /** Compress frames. */
  zstd: boolean;
  /** Keyword records. */
  keywords: number;
  /** Time between two heartbeats, ms. */
  pingMs: number;
  /** Frames behind this counter are to come, or count as missed. */
  base: bigint;
  /** A number that this transmitter made for itself. */
  instance: bigint;
  /** How long the receiver may take, ms. */
  limitMs: number;
  /** Gives up. */
  signal: AbortSignal;
}

/** What both ends agreed on. */
export interface Agreement {
  /** How far the receiver has come with this source. */
  readonly progress: Progress | undefined;
  /** Whether both have proved that they know the key. */
  readonly authenticated: boolean;
  /** Whether frames are compressed. */
  readonly zstd: boolean;
}

function imageTypeOf(stream: Stream): bigint {
  const { milkMetadata, rolling } = stream.layout;
  if (milkMetadata) return BigInt(stream.fields().other.imageType ?? 0);
  return rolling ? IMAGETYPE_CIRCULAR : IMAGETYPE_PLAIN;
}

async function talk(
  connection: Deno.TcpConn,
  stream: Stream,
  options: OfferOptions,
): Promise<Agreement> {
  const channel = await initiate(connection, {
    service: SERVICE.frames,
    ...options.key === undefined ? {} : { key: readKey(options.key) },
  });
  const capabilities = options.zstd ? CAPABILITY.zstd : 0;
  await channel.send(writeOffer({
    capabilities,
    policy: options.policy,
    pieceBytes: PIECE_BYTES,
    pingMs: options.pingMs,
    keywords: options.keywords,
    imageType: imageTypeOf(stream),
    source: { inode: stream.inode, creationNs: stream.fields().creationNs },
    base: options.base,
    instance: options.instance,
    type: stream.type,
    size: stream.size,
    name: stream.name,
  }));
  const answer = readAnswer(await channel.receive(), capabilities);
  if (answer.refusal !== "") {
    throw new WireError(`it refuses: ${answer.refusal}`);
  }
  return {
    progress: answer.progress,
    authenticated: channel.authenticated,
    zstd: (answer.capabilities & CAPABILITY.zstd) !== 0,
  };
}

/**
 * Offers a stream to a receiver.
 *
 * @throws {HandshakeError | WireError} saying why nothing comes of it.
 */
export async function offerStream(
  connection: Deno.TcpConn,
  stream: Stream,
  options: OfferOptions,
): Promise<Agreement> {
  let late = false;
  const end = (): void => closeOnce(connection);
  const timer = setTimeout(() => {
    late = true;
    end();
  }, options.limitMs);
  options.signal.addEventListener("abort", end);
  try {
    return await talk(connection, stream, options);
  } catch (error) {
    if (late) {
      throw new HandshakeError(
        `it did not finish its greeting in ${options.limitMs / 1000} s`,
      );
    }
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", end);
  }
}
