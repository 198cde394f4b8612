/**
 * Fuzzes the C helper under AddressSanitizer and UndefinedBehaviorSanitizer:
 * with clang's libFuzzer, guided by coverage; without clang with gcc and a
 * seeded generator (native/fuzz/driver.c). Earlier findings are run first.
 *
 * ```sh
 * deno run -q -P=test scripts/fuzz_native.ts --seconds 60 --seed 7
 * ```
 * @module
 */

import { parseArgs } from "@std/cli";
import { helperSources } from "./build.ts";

const NATIVE = new URL("../native/", import.meta.url).pathname;
const FIXTURES = new URL("../tests/fixtures/fuzz/native/", import.meta.url)
  .pathname;
const BUILD = `${NATIVE}build/fuzz/`;
const FLAGS = [
  "-std=c11",
  "-O1",
  "-g",
  "-fno-omit-frame-pointer",
  "-fno-sanitize-recover=all",
  "-Wall",
  "-Wextra",
  "-Wpedantic",
  "-Werror",
];

/** What is fuzzed: native/fuzz/NAME.c. */
export const NATIVE_TARGETS: readonly string[] = [
  "stream",
  "receive",
  "transmit",
  "tiles",
  "wire_receive",
  "wire_transmit",
];

/** A way to build and drive the targets. */
export interface Engine {
  readonly name: string;
  readonly compiler: string;
  readonly flags: readonly string[];
  readonly driver: readonly string[];
}

const LIBFUZZER: Engine = {
  name: "clang's libFuzzer, guided by coverage",
  compiler: "clang",
  // gcc's pragmas for speed mean nothing to clang.
  flags: ["-fsanitize=fuzzer,address,undefined", "-Wno-unknown-pragmas"],
  driver: [],
};

const RANDOM: Engine = {
  name: "gcc and a seeded generator, not guided",
  compiler: "gcc",
  flags: ["-fsanitize=address,undefined"],
  driver: [`${NATIVE}fuzz/driver.c`],
};

function compile(engine: Engine, target: string): string | undefined {
  const program = `${BUILD}${target}`;
  try {
    const { success, stderr } = new Deno.Command(engine.compiler, {
      args: [
        ...FLAGS,
        "-DWAITING_MIN=16", // as large frames come, so do small ones here
        ...engine.flags,
        "-o",
        program,
        ...helperSources(),
        `${NATIVE}fuzz/common.c`,
        ...engine.driver,
        `${NATIVE}fuzz/${target}.c`,
        "-lpthread",
        "-lm",
      ],
      stdout: "null",
      stderr: "piped",
    }).outputSync();
    return success ? undefined : new TextDecoder().decode(stderr);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "it is not installed";
    throw error;
  }
}

/** Where CI=true a missing package is a failure. */
function guidedOnly(): boolean {
  return Deno.env.get("CI") === "true";
}

/**
 * Builds all targets with the best engine there is.
 *
 * @param only The name of a compiler, where one is wanted.
 */
export function buildFuzzers(only?: string): Engine {
  Deno.mkdirSync(BUILD, { recursive: true });
  const reasons: string[] = [];
  for (const engine of [LIBFUZZER, RANDOM]) {
    if (only !== undefined && engine.compiler !== only) continue;
    if (engine === RANDOM && only === undefined && guidedOnly()) break;
    const problem = NATIVE_TARGETS.map((target) => compile(engine, target))
      .find((text) => text !== undefined);
    if (problem === undefined) return engine;
    reasons.push(`${engine.compiler}: ${problem.trim()}`);
  }
  throw new Error(`Cannot build the fuzz targets:\n${reasons.join("\n")}`);
}

function findings(target: string): string[] {
  const folder = `${FIXTURES}${target}`;
  return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`)
    .sort();
}

const ENV = {
  // The helper's own handler for SIGBUS is what is tested.
  ASAN_OPTIONS: "handle_sigbus=0:handle_abort=1:detect_leaks=1",
};

async function runProgram(target: string, args: string[]): Promise<boolean> {
  const { success, stdout, stderr } = await new Deno.Command(
    `${BUILD}${target}`,
    { args, cwd: BUILD, env: ENV, stdin: "null" },
  ).output();
  const lines = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  const last = /^Done .*$/m.exec(lines)?.[0] ?? "";
  // deno-lint-ignore no-console
  console.log(`${target}: ${success ? last : `FAILED\n${lines.slice(-6000)}`}`);
  return success;
}

/** Runs one target: the earlier findings, then for so many seconds. */
export async function runFuzzer(
  engine: Engine,
  target: string,
  seconds: number,
  seed: number,
): Promise<boolean> {
  const common = [`-max_total_time=${seconds}`, `-seed=${seed}`];
  if (engine === RANDOM) {
    return await runProgram(target, [...common, ...findings(target)]);
  }
  // libFuzzer runs files or fuzzes: files first, then from a corpus.
  const corpus = `${BUILD}${target}.corpus`;
  Deno.mkdirSync(corpus, { recursive: true });
  return await runProgram(target, findings(target)) &&
    await runProgram(target, [
      ...common,
      "-timeout=20",
      "-rss_limit_mb=2048",
      "-max_len=4096",
      `-artifact_prefix=${target}-`,
      corpus,
      `${FIXTURES}${target}`,
    ]);
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, { string: ["seconds", "seed", "cc"] });
  const seconds = Number(args.seconds ?? 60);
  const seed = Number(args.seed ?? 1);
  const engine = buildFuzzers(
    args.cc === undefined ? undefined : String(args.cc),
  );
  // deno-lint-ignore no-console
  console.log(`${engine.name}; ${seconds} s each, seed ${seed}`);
  let failed = 0;
  for (const target of NATIVE_TARGETS) {
    if (!await runFuzzer(engine, target, seconds, seed)) failed++;
  }
  // deno-lint-ignore no-console
  console.log(`${NATIVE_TARGETS.length - failed} passed, ${failed} failed`);
  Deno.exitCode = failed === 0 ? 0 : 1;
}
