/**
 * Who is at the other end: mutual authentication by a key that both have, on
 * any connection. HMAC-SHA-256 over both sides' fresh nonces, versions and
 * roles, so that nothing can be replayed, reflected or talked down; a peer
 * without the key learns the versions spoken and nothing else. What follows
 * is sealed: authenticated and numbered, not encrypted. docs/wire.md has the
 * bytes.
 * @module
 */

import { writeAll } from "./connect.ts";

/** The first bytes of a connection in our own way. */
export const MAGIC: Uint8Array<ArrayBuffer> = new Uint8Array(
  [0x89, 0x73, 0x68, 0x6d, 0x69, 0x6d, 0x0d, 0x0a],
);
/** Bytes of the first message of either side. */
export const HELLO_BYTES = 48;
const PROOF_BYTES = 32;
const NONCE_BYTES = 32;
/** Versions of the wire that are spoken here. */
export const VERSIONS = { lowest: 1, highest: 1 } as const;
/** What a connection is for. */
export const SERVICE = { frames: 1, control: 2, segments: 3 } as const;
/** Largest sealed message, bytes. */
export const MAX_SEALED = 65_536;

const INITIATOR = 1;
const RESPONDER = 2;
const NO_KEY = new Uint8Array(32);

/** A peer that is not who it must be, or does not speak as agreed. */
export class HandshakeError extends Error {
  /** Name of the class. */
  override name = "HandshakeError";
  /** What it was to say when it closed the connection instead. */
  readonly unsaid: "greeting" | "proof" | undefined;

  /**
   * Says what is wrong.
   *
   * @param message In words.
   * @param unsaid What did not come before the end.
   */
  constructor(message: string, unsaid?: "greeting" | "proof") {
    super(message);
    this.unsaid = unsaid;
  }
}

/** What both ends need of a connection. */
export interface Duplex {
  /** Reads some bytes; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some bytes. */
  write(bytes: Uint8Array): Promise<number>;
}

/** How to greet. */
export interface HandshakeOptions {
  /** The key, of at least 16 bytes; without one nobody is asked. */
  key?: Uint8Array<ArrayBuffer>;
  /** Keys any of which will do, for the end that listens. */
  keys?: readonly Uint8Array<ArrayBuffer>[];
  /** One of {@linkcode SERVICE}. */
  service: number;
}

/** The first message of either side. */
interface Hello {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lowest: number;
  readonly highest: number;
  readonly keyed: boolean;
  readonly role: number;
  readonly service: number;
}

/**
 * Reads exactly so many bytes, never more.
 *
 * @param what Named where the peer leaves too early.
 * @throws {HandshakeError} where it does.
 */
export async function readExactly(
  connection: Duplex,
  into: Uint8Array<ArrayBuffer>,
  what: "greeting" | "proof" | "message",
): Promise<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < into.length;) {
    const n = await connection.read(into.subarray(at));
    if (n === null) {
      throw new HandshakeError(
        `it closed after ${at} of ${into.length} bytes of its ${what}`,
        at === 0 && what !== "message" ? what : undefined,
      );
    }
    at += n;
  }
  return into;
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

function importKey(key: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key, HMAC, false, ["sign", "verify"]);
}

async function sign(
  key: CryptoKey,
  ...parts: readonly Uint8Array[]
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign(HMAC, key, join(...parts)));
}

/** In constant time. */
async function agrees(
  key: CryptoKey,
  tag: Uint8Array<ArrayBuffer>,
  ...parts: readonly Uint8Array[]
): Promise<boolean> {
  return await crypto.subtle.verify(HMAC, key, tag, join(...parts));
}

function isKeyed({ key, keys = [] }: HandshakeOptions): boolean {
  return key !== undefined || keys.length > 0;
}

function hello(
  role: number,
  versions: { lowest: number; highest: number },
  options: HandshakeOptions,
): Hello {
  const bytes = new Uint8Array(HELLO_BYTES);
  const view = new DataView(bytes.buffer);
  const keyed = isKeyed(options);
  bytes.set(MAGIC);
  view.setUint16(8, versions.lowest, true);
  view.setUint16(10, versions.highest, true);
  view.setUint8(12, keyed ? 1 : 0);
  view.setUint8(13, role);
  view.setUint16(14, options.service, true);
  crypto.getRandomValues(bytes.subarray(16, 16 + NONCE_BYTES));
  const { service } = options;
  return { bytes, ...versions, keyed, role, service };
}

/** Whether a connection begins in our own way, by its first 8 bytes. */
export function isHello(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/**
 * Takes the first message of a peer apart.
 *
 * @param bytes Exactly {@linkcode HELLO_BYTES}.
 * @throws {HandshakeError} where it is none.
 */
export function readHello(
  bytes: Uint8Array<ArrayBuffer>,
  role: number,
): Hello {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length !== HELLO_BYTES || !isHello(bytes)) {
    throw new HandshakeError("it does not speak shmim's wire");
  }
  const found = view.getUint8(13);
  const mode = view.getUint8(12);
  const lowest = view.getUint16(8, true);
  const highest = view.getUint16(10, true);
  if (found !== role || mode > 1 || lowest > highest) {
    throw new HandshakeError("its greeting breaks the rules of the wire");
  }
  return {
    bytes,
    lowest,
    highest,
    keyed: mode === 1,
    role,
    service: view.getUint16(14, true),
  };
}

function requireCommon(peer: Hello): number {
  const version = Math.min(peer.highest, VERSIONS.highest);
  if (version < Math.max(peer.lowest, VERSIONS.lowest)) {
    throw new HandshakeError(
      `it speaks versions ${peer.lowest} to ${peer.highest} of the wire, we ` +
        `${VERSIONS.lowest} to ${VERSIONS.highest}`,
    );
  }
  return version;
}

/** Both sides must want the same: a key is never left out to please. */
function requireSameMode(ours: boolean, theirs: boolean): void {
  if (ours && !theirs) {
    throw new HandshakeError("it has no key, we ask for one (--key)");
  }
  if (!ours && theirs) {
    throw new HandshakeError("it asks for a key (--key FILE)");
  }
}

const WRONG_KEY = "its key is not ours";

/** Messages that carry a tag each, numbered in both directions. */
export class SealedChannel {
  readonly #connection: Duplex;
  readonly #key: CryptoKey;
  readonly #role: number;
  #sent = 0n;
  #received = 0n;
  /** Version agreed on. */
  readonly version: number;
  /** Whether both sides have proved that they know the key. */
  readonly authenticated: boolean;
  /** Which of `keys` the peer has (the end that listens). */
  readonly which: number;

  /** @ignore */
  constructor(
    connection: Duplex,
    key: CryptoKey,
    role: number,
    facts: { version: number; authenticated: boolean; which?: number },
  ) {
    this.#connection = connection;
    this.#key = key;
    this.#role = role;
    this.version = facts.version;
    this.authenticated = facts.authenticated;
    this.which = facts.which ?? 0;
  }

  #label(role: number, number: bigint): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(9);
    bytes[0] = role;
    new DataView(bytes.buffer).setBigUint64(1, number, true);
    return join(ascii("shmim sealed"), bytes);
  }

  /** Sends a message. */
  async send(payload: Uint8Array): Promise<void> {
    if (payload.length > MAX_SEALED) {
      throw new RangeError(
        `A sealed message holds up to ${MAX_SEALED} bytes, not ${payload.length}`,
      );
    }
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, payload.length, true);
    const label = this.#label(this.#role, this.#sent++);
    const tag = await sign(this.#key, label, length, payload);
    await writeAll(this.#connection, join(length, payload, tag));
  }

  /**
   * Takes the next message of the peer.
   *
   * @throws {HandshakeError} where it is too long, cut, or not the peer's.
   */
  async receive(): Promise<Uint8Array<ArrayBuffer>> {
    const length = new Uint8Array(4);
    await readExactly(this.#connection, length, "message");
    const bytes = new DataView(length.buffer).getUint32(0, true);
    if (bytes > MAX_SEALED) {
      throw new HandshakeError(`its message claims ${bytes} bytes`);
    }
    const rest = await readExactly(
      this.#connection,
      new Uint8Array(bytes + PROOF_BYTES),
      "message",
    );
    const payload = rest.slice(0, bytes);
    const peer = this.#role === INITIATOR ? RESPONDER : INITIATOR;
    const label = this.#label(peer, this.#received++);
    if (!await agrees(this.#key, rest.slice(bytes), label, length, payload)) {
      throw new HandshakeError("its message was changed on the way");
    }
    return payload;
  }
}

async function session(
  key: CryptoKey,
  first: Hello,
  second: Hello,
): Promise<CryptoKey> {
  return await importKey(
    await sign(key, ascii("shmim session"), first.bytes, second.bytes),
  );
}

/**
 * Greets as the end that connected.
 *
 * @throws {HandshakeError} where the peer is not who it must be.
 */
export async function initiate(
  connection: Duplex,
  options: HandshakeOptions,
): Promise<SealedChannel> {
  const key = await importKey(options.key ?? NO_KEY);
  const mine = hello(INITIATOR, VERSIONS, options);
  await writeAll(connection, mine.bytes);
  const theirs = readHello(
    await readExactly(connection, new Uint8Array(HELLO_BYTES), "greeting"),
    RESPONDER,
  );
  const version = requireCommon(theirs);
  requireSameMode(mine.keyed, theirs.keyed);
  if (theirs.service !== options.service) {
    throw new HandshakeError("it serves something else at this port");
  }
  const proof = await sign(
    key,
    ascii("shmim initiator"),
    mine.bytes,
    theirs.bytes,
  );
  await writeAll(connection, proof);
  let answer: Uint8Array<ArrayBuffer>;
  try {
    answer = await readExactly(
      connection,
      new Uint8Array(PROOF_BYTES),
      "proof",
    );
  } catch (error) {
    const hangsUp = error instanceof HandshakeError ||
      error instanceof Deno.errors.ConnectionReset;
    if (!hangsUp || !mine.keyed) throw error;
    throw new HandshakeError("it does not accept our key (--key)", "proof");
  }
  const good = await agrees(
    key,
    answer,
    ascii("shmim responder"),
    mine.bytes,
    theirs.bytes,
    proof,
  );
  if (!good) throw new HandshakeError(WRONG_KEY);
  return new SealedChannel(
    connection,
    await session(key, mine, theirs),
    INITIATOR,
    { version, authenticated: mine.keyed },
  );
}

/** The key that an initiator's proof was made with. */
async function keyBehind(
  proof: Uint8Array<ArrayBuffer>,
  theirs: Hello,
  mine: Hello,
  { key, keys }: HandshakeOptions,
): Promise<{ key: CryptoKey; which: number }> {
  const label = ascii("shmim initiator");
  for (
    const [which, one] of (keys?.length ? keys : [key ?? NO_KEY]).entries()
  ) {
    const key = await importKey(one);
    if (await agrees(key, proof, label, theirs.bytes, mine.bytes)) {
      return { key, which };
    }
  }
  throw new HandshakeError(WRONG_KEY);
}

/**
 * Answers a greeting as the end that listened.
 *
 * @param first What has been read of it already.
 * @throws {HandshakeError} where the peer is not who it must be.
 */
export async function respond(
  connection: Duplex,
  first: Uint8Array,
  options: HandshakeOptions,
): Promise<SealedChannel> {
  const bytes = new Uint8Array(HELLO_BYTES);
  bytes.set(first);
  await readExactly(connection, bytes.subarray(first.length), "greeting");
  const theirs = readHello(bytes, INITIATOR);
  let version: number;
  try {
    version = requireCommon(theirs);
  } catch (error) { // it is told what we speak
    await writeAll(connection, hello(RESPONDER, VERSIONS, options).bytes);
    throw error;
  }
  const mine = hello(
    RESPONDER,
    { lowest: version, highest: version },
    options,
  );
  await writeAll(connection, mine.bytes);
  requireSameMode(mine.keyed, theirs.keyed);
  if (theirs.service !== options.service) {
    throw new HandshakeError("it asks for something else than is served here");
  }
  const proof = await readExactly(
    connection,
    new Uint8Array(PROOF_BYTES),
    "proof",
  );
  const { key, which } = await keyBehind(proof, theirs, mine, options);
  await writeAll(
    connection,
    await sign(
      key,
      ascii("shmim responder"),
      theirs.bytes,
      mine.bytes,
      proof,
    ),
  );
  return new SealedChannel(
    connection,
    await session(key, theirs, mine),
    RESPONDER,
    { version, authenticated: mine.keyed, which },
  );
}
