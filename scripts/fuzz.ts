/**
 * Throws mutated headers, files and captures at the parsers and the receiver.
 *
 * ```sh
 * deno run -q -P=test scripts/fuzz.ts --cases 1000000 --seed 7
 * ```
 *
 * A failing input is written to `--out` (default: `native/build/findings`)
 * and printed with its seed. docs/hardening.md says how it becomes a fixture.
 * @module
 */

import { parseArgs } from "@std/cli";
import "../tests/_support/load.ts";
import { findingName, fuzz, type Report } from "../tests/fuzz/_run.ts";

const DEFAULT_OUT =
  new URL("../native/build/findings", import.meta.url).pathname;

function print(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}

function report({ summaries, findings }: Report, out: string): void {
  for (const { target, taken, refused } of summaries) {
    print(`${target}: ${taken + refused} cases, ${refused} refused`);
  }
  if (findings.length > 0) Deno.mkdirSync(out, { recursive: true });
  for (const finding of findings) {
    const path = `${out}/${findingName(finding)}`;
    Deno.writeFileSync(path, finding.input.bytes);
    const { error } = finding;
    const text = error instanceof Error ? error.stack ?? error.message : error;
    print(
      `FOUND by "${finding.target}" (seed ${finding.seed}, case ` +
        `${finding.index}), kept as ${path}\n${text}`,
    );
  }
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, {
    string: ["cases", "seed", "out", "target"],
  });
  const out = String(args.out ?? DEFAULT_OUT);
  const cases = Number(args.cases ?? 20_000);
  const seed = Number(args.seed ?? Date.now() % 1_000_000);
  print(`${cases} cases, seed ${seed}`);
  const before = performance.now();
  const result = await fuzz({
    cases,
    seed,
    ...args.target === undefined ? {} : { only: [String(args.target)] },
    onProgress: (target, done) => {
      if (done % 50_000 === 0) print(`${target}: ${done}`);
    },
  });
  report(result, out);
  const seconds = Math.round((performance.now() - before) / 1000);
  const rss = Math.round(Deno.memoryUsage().rss / 2 ** 20);
  print(`${seconds} s, ${rss} MiB at the end`);
  const { summaries, findings } = result;
  const ran = summaries.reduce((sum, one) => sum + one.taken + one.refused, 0);
  print(`${ran} passed, ${findings.length} failed`);
  Deno.exitCode = findings.length === 0 ? 0 : 1;
}
