/** 20,000 mutated inputs; a million of them are in `deno task soak`. */

import { assert, assertEquals } from "@std/assert";
import "../_support/load.ts";
import { CAPTURE, fuzz, replay } from "./_run.ts";
import { TARGETS } from "./_targets.ts";

const CASES = 20_000;
const SEED = 20260101;
const GROWTH_BYTES = 600 * 2 ** 20;

Deno.test(`parsers and receiver survive ${CASES} mutated inputs`, async () => {
  const before = Deno.memoryUsage().rss;
  const { summaries, findings } = await fuzz({ cases: CASES, seed: SEED });
  assertEquals(
    findings.map(({ target, index, error }) => `${target} ${index}: ${error}`),
    [],
  );
  const ran = summaries.reduce((sum, one) => sum + one.taken + one.refused, 0);
  assertEquals(ran, CASES);
  for (const { target, taken, refused } of summaries) {
    if (target === CAPTURE) continue;
    // The mutations would be worth little if all went one way.
    assert(taken > (taken + refused) / 50, `${target}: ${taken} taken`);
    assert(refused > (taken + refused) / 50, `${target}: ${refused} refused`);
  }
  const growth = Deno.memoryUsage().rss - before;
  assert(growth < GROWTH_BYTES, `grew by ${growth} bytes`);
});

const FOUND = new URL("../fixtures/fuzz/", import.meta.url);

for (const target of [...TARGETS.map(({ name }) => name), CAPTURE]) {
  let names: string[];
  try {
    names = [...Deno.readDirSync(new URL(target, FOUND))]
      .map(({ name }) => name).sort();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    continue;
  }
  for (const name of names) {
    Deno.test(`finding ${target}/${name} stays mended`, async () => {
      const bytes = Deno.readFileSync(new URL(`${target}/${name}`, FOUND));
      await replay(target, name, bytes);
    });
  }
}
