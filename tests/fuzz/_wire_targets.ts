/** What is fuzzed of our own wire: greeting, offer and answer. */

import { assert, assertEquals } from "@std/assert";
import {
  HandshakeError,
  HELLO_BYTES,
  MAGIC,
  MAX_SEALED,
  readHello,
  SealedChannel,
} from "../../src/bridge/handshake.ts";
import { WireError } from "../../src/bridge/milk_wire.ts";
import {
  announced,
  OFFER_BYTES,
  readAnswer,
  readOffer,
  writeAnswer,
  writeOffer,
} from "../../src/bridge/wire.ts";
import { requireName } from "../../src/stream/names.ts";
import { TYPES } from "../../src/stream/types.ts";
import type { SparseFile } from "./_fields.ts";
import { type Field, mutate, type Random } from "./_random.ts";
import type { Outcome, Target } from "./_target.ts";

const MAX_BYTES = 1 << 20;

const OFFER = {
  capabilities: 0,
  policy: "latest",
  pieceBytes: 65_536,
  pingMs: 1000,
  keywords: 5,
  imageType: 2n,
  source: { inode: 9n, creationNs: 7n },
  base: 3n,
  instance: 4n,
  type: "f32",
  size: [6, 4],
  name: "cam",
} as const;

const OFFERS = [
  writeOffer(OFFER),
  writeOffer({ ...OFFER, policy: "every", size: [4, 3, 5], imageType: 1n }),
  writeOffer({ ...OFFER, type: "c128", size: [7], name: "n".repeat(60) }),
];

const WORDS: readonly Field[] = [0, 4, 8, 12, 56, 60, 72, 76, 80]
  .map((at) => ({ at, bytes: 4 }))
  .concat([16, 24, 32, 40, 48, 64, 96].map((at) => ({ at, bytes: 8 })));

/** An error that is one clean line, of a class that is documented. */
function refusedBy(error: unknown): Outcome {
  if (!(error instanceof WireError || error instanceof HandshakeError)) {
    throw error;
  }
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f\x7f-\x9f]/.test(error.message), error.message);
  assert(error.message.length < 500);
  return "refused";
}

function sized(
  seed: Uint8Array<ArrayBuffer>,
  random: Random,
  fields: readonly Field[],
): Uint8Array<ArrayBuffer> {
  const bytes = mutate(seed, random, fields, seed);
  if (random.once(8)) return bytes;
  const same = new Uint8Array(seed.length);
  same.set(bytes.subarray(0, seed.length));
  return same;
}

const offer: Target = {
  name: "offer",
  share: 100,
  make(random): SparseFile {
    const bytes = sized(random.pick(OFFERS), random, WORDS);
    if (random.once(20) && bytes.length === OFFER_BYTES) {
      const name = random.pick(["../x", "..", ".", "a/b", "a\nb", "/x"]);
      bytes.fill(0, 96);
      bytes.set(new TextEncoder().encode(name), 96);
    }
    return { bytes, length: bytes.length };
  },
  run({ bytes }): Outcome {
    let peer;
    try {
      peer = readOffer(bytes, MAX_BYTES);
    } catch (error) {
      return refusedBy(error);
    }
    assertEquals(requireName(peer.name), peer.name);
    assert(peer.pieceBytes >= 4096 && peer.pieceBytes <= 2 ** 24);
    const { pixelBytes, slices } = announced(peer);
    const pixels = peer.size.reduce((product, axis) => product * axis, 1);
    assertEquals(pixelBytes * slices, pixels * TYPES[peer.type].bytes);
    assert(pixelBytes * slices + 128 * peer.keywords <= MAX_BYTES);
    assertEquals(readOffer(writeOffer(peer), MAX_BYTES), peer);
    return "taken";
  },
};

const ANSWERS = [
  writeAnswer({ refusal: "", capabilities: 0, progress: undefined }),
  writeAnswer({ refusal: "no\x1b[2J", capabilities: 0, progress: undefined }),
  writeAnswer({
    refusal: "",
    capabilities: 1,
    progress: { last: 7n, frames: 5n, skipped: 2n },
  }),
];

const answer: Target = {
  name: "answer",
  share: 30,
  make(random): SparseFile {
    const bytes = sized(random.pick(ANSWERS), random, WORDS.slice(0, 4));
    return { bytes, length: bytes.length };
  },
  run({ bytes }): Outcome {
    try {
      const { refusal, capabilities } = readAnswer(bytes, 1);
      assert(capabilities <= 1);
      // deno-lint-ignore no-control-regex
      assert(!/[\x00-\x1f\x7f-\x9f]/.test(refusal));
      return "taken";
    } catch (error) {
      return refusedBy(error);
    }
  },
};

const SEEDED_KEY = crypto.subtle.importKey(
  "raw",
  new Uint8Array(32),
  { name: "HMAC", hash: "SHA-256" },
  false,
  ["sign", "verify"],
);

const greeting: Target = {
  name: "greeting",
  share: 20,
  make(random): SparseFile {
    const seed = new Uint8Array(HELLO_BYTES + 8);
    seed.set(MAGIC);
    seed.set([1, 0, 1, 0, 0, 1, 1, 0], 8);
    const fields = [8, 10, 12, 13, 14, 48].map((at) => ({ at, bytes: 2 }));
    const bytes = mutate(seed, random, fields, seed);
    return { bytes, length: bytes.length };
  },
  async run({ bytes }): Promise<Outcome> {
    // The same bytes as a greeting, and as a sealed message.
    let outcome: Outcome = "taken";
    try {
      const { lowest, highest } = readHello(bytes.slice(0, HELLO_BYTES), 1);
      assert(lowest <= highest);
    } catch (error) {
      outcome = refusedBy(error);
    }
    let at = 0;
    const channel = new SealedChannel(
      {
        read(into): Promise<number | null> {
          const n = Math.min(into.length, bytes.length - at);
          into.set(bytes.subarray(at, at + n));
          at += n;
          return Promise.resolve(n === 0 ? null : n);
        },
        write: (part) => Promise.resolve(part.length),
      },
      await SEEDED_KEY,
      2,
      { version: 1, authenticated: false },
    );
    try {
      await channel.receive();
      throw new Error(`taken for sealed: ${bytes.length} <= ${MAX_SEALED}`);
    } catch (error) {
      refusedBy(error);
    }
    return outcome;
  },
};

/** The targets of our own wire. */
export const WIRE_TARGETS: readonly Target[] = [offer, answer, greeting];
