/**
 * Compiles the helper with its C tests under AddressSanitizer and
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

function test(): number {
  Deno.mkdirSync(`${NATIVE}build`, { recursive: true });
  const program = `${NATIVE}build/test_helper`;
  compile([
    ...FLAGS,
    "-o",
    program,
    ...helperSources(),
    `${NATIVE}test/test_helper.c`,
    `${NATIVE}test/test_tiles.c`,
    "-lpthread",
  ]);
  const { code } = new Deno.Command(program, {
    // The helper's own handler is what is tested.
    env: { ASAN_OPTIONS: "handle_sigbus=0:detect_leaks=1" },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).outputSync();
  return code === 0 ? 0 : 1;
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
