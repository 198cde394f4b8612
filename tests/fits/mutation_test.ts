import { assert } from "@std/assert";
import { gzipSync } from "node:zlib";
import { FitsError } from "../../src/fits/mod.ts";
import { mutate, readAll, SEEDS } from "./_mutations.ts";
import { seeded } from "./fits_bytes.ts";

const MUTATIONS = 20_000;

for (const packed of [false, true]) {
  const share = packed ? MUTATIONS / 4 : MUTATIONS * 3 / 4;
  const kind = packed ? "gzip" : "plain";
  Deno.test(`FitsFile survives ${share} mutations of ${kind} files`, async () => {
    const random = seeded(packed ? 20260101 : 4711);
    const outcomes = { read: 0, refused: 0 };
    const messages = new Set<string>();
    for (let i = 0; i < share; i++) {
      const seed = SEEDS[i % SEEDS.length] ?? new Uint8Array(1);
      // Damage in the gzip data, and in the file that was packed.
      const bytes = !packed
        ? mutate(seed, random)
        : i % 2 === 0
        ? mutate(gzipSync(seed), random)
        : gzipSync(mutate(seed, random));
      try {
        const stored = await readAll(bytes, Math.floor(i / SEEDS.length));
        assert(stored <= bytes.length * (packed ? 1032 : 1), `mutation ${i}`);
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof FitsError)) {
          throw new Error(`Mutation ${i} failed`, { cause: error });
        }
        assert(!error.message.includes("\n"), `mutation ${i}`);
        messages.add(error.problem.replace(/[\d"].*/, ""));
        outcomes.refused++;
      }
    }
    // The mutations would be worth little if all went one way.
    assert(outcomes.read > share / 20, JSON.stringify(outcomes));
    assert(outcomes.refused > share / 20, JSON.stringify(outcomes));
    assert(messages.size > (packed ? 3 : 20), [...messages].join("\n"));
  });
}
