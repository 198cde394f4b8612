/**
 * Compiles the C tests, with what they test, under AddressSanitizer and
 * UndefinedBehaviorSanitizer, and runs them.
 * @module
 */

import { compile, helperSources } from "./build.ts";

const NATIVE = new URL("../native/", import.meta.url).pathname;
const FLAGS = [
  "-std=c11",
  "-O1",
  "-g",
  "-fno-omit-frame-pointer",
  "-fsanitize=address,undefined",
  "-fno-sanitize-recover=all",
  "-Wall",
  "-Wextra",
  "-Wpedantic",
  "-Werror",
];

/** The sources of the helper's own tests, with the helper's. */
export function helperTests(): string[] {
  const folder = `${NATIVE}test/`;
  const tests = [...Deno.readDirSync(folder)]
    .map(({ name }) => name)
    .filter((name) => /^(support|test_.*)\.c$/.test(name))
    .filter((name) => name !== "test_portable.c") // a program of its own
    .map((name) => folder + name)
    .sort();
  return [...helperSources(), ...tests];
}

/** Each program of tests, with the sources that it is made of. */
function programs(): Record<string, string[]> {
  return {
    test_helper: helperTests(),
    test_portable: [
      `${NATIVE}portable/inflate.c`,
      `${NATIVE}test/test_portable.c`,
    ],
  };
}

/** Runs one; returns how many of its tests passed and failed. */
function run(name: string, sources: readonly string[]): [number, number] {
  const program = `${NATIVE}build/${name}`;
  compile([
    ...FLAGS,
    "-o",
    program,
    ...sources,
    "-lpthread",
  ]);
  const { code, stdout } = new Deno.Command(program, {
    // The helper's own handler is what is tested.
    env: { ASAN_OPTIONS: "handle_sigbus=0:detect_leaks=1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).outputSync();
  Deno.stdout.writeSync(stdout);
  const counts = /^(\d+) passed, (\d+) failed$/m.exec(
    new TextDecoder().decode(stdout),
  );
  const [passed, failed] = [Number(counts?.[1] ?? 0), Number(counts?.[2] ?? 1)];
  return [passed, code === 0 ? failed : Math.max(failed, 1)];
}

function test(): number {
  Deno.mkdirSync(`${NATIVE}build`, { recursive: true });
  let passed = 0, failed = 0;
  for (const [name, sources] of Object.entries(programs())) {
    const [well, badly] = run(name, sources);
    passed += well;
    failed += badly;
  }
  const sum = `${passed} passed, ${failed} failed\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(sum));
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exitCode = test();
  } catch (error) {
    // deno-lint-ignore no-console
    console.error(`shmim: ${(error as Error).message}`);
    Deno.exitCode = 1;
  }
}
