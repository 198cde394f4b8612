/**
 * Compiles the C helper into `native/build/libshmim.so`, or with
 * `--target NAME` for another machine into `native/build/NAME/libshmim.so`.
 *
 * `CC` names the compiler (default `cc`, for another machine Debian's cross
 * compiler), `CFLAGS` is added at the end.
 * @module
 */

import { findTarget, isForeign, type Target } from "./compile/targets.ts";

const NATIVE = new URL("../native/", import.meta.url).pathname;
const FLAGS = [
  "-std=c11",
  "-O2",
  "-g",
  "-fPIC",
  "-fvisibility=hidden",
  "-Wall",
  "-Wextra",
  "-Wpedantic",
  "-Werror",
];

/** The helper's own sources, in the order of their names. */
export function helperSources(): string[] {
  return [...Deno.readDirSync(NATIVE)]
    .filter((entry) => entry.isFile && entry.name.endsWith(".c"))
    .map((entry) => NATIVE + entry.name)
    .sort();
}

/** Words of a variable such as `CFLAGS`. */
export function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

/**
 * Runs the C compiler.
 *
 * @param args What to compile.
 * @param target The machine to compile for; default: this one.
 * @throws {Error} in one line, where there is no compiler, no C library to
 * compile against, or an error in the sources.
 */
export function compile(args: string[], target = findTarget()): void {
  const foreign = isForeign(target);
  const [compiler = foreign ? target.compiler : "cc", ...first] = words(
    Deno.env.get("CC"),
  );
  const brings = foreign ? target.debian : "gcc libc6-dev";
  let result: Deno.CommandOutput;
  try {
    result = new Deno.Command(compiler, {
      args: [...first, ...args, ...words(Deno.env.get("CFLAGS"))],
      stdout: "piped",
      stderr: "piped",
    }).outputSync();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(
        `No C compiler: "${compiler}" is not on the PATH; install the ` +
          `packages ${brings} (Debian: apt-get install ${brings})`,
      );
    }
    throw error;
  }
  if (result.success) return;
  const text = new TextDecoder().decode(result.stderr);
  if (
    /fatal error: \w+\.h: No such file|cannot find (-lc|Scrt1\.o)/.test(text)
  ) {
    const last = brings.split(" ").at(-1);
    throw new Error(
      `The C library's headers are missing; install the package ${last} ` +
        `(Debian: apt-get install ${last})`,
    );
  }
  throw new Error(`"${compiler}" failed:\n${text}`);
}

/** Where the helper for a machine lies. */
export function helperPath(target: Target): string {
  const folder = isForeign(target) ? `${target.triple}/` : "";
  return `${NATIVE}build/${folder}libshmim.so`;
}

/**
 * Compiles the helper for a machine.
 *
 * @returns Its path.
 */
export function build(target = findTarget()): string {
  const path = helperPath(target);
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  const fresh = path.replace(/so$/, `${Deno.pid}.so`);
  compile([
    ...FLAGS,
    "-shared",
    "-o",
    fresh,
    ...helperSources(),
    "-lpthread",
  ], target);
  // Never overwrite a library that a running program has mapped.
  Deno.renameSync(fresh, path);
  return path;
}

if (import.meta.main) {
  try {
    const [option, name] = Deno.args;
    if (option !== undefined && (option !== "--target" || name === undefined)) {
      throw new Error("usage: build [--target NAME]");
    }
    build(findTarget(name));
  } catch (error) {
    // deno-lint-ignore no-console -- a build script has no Output
    console.error(`shmim: ${(error as Error).message}`);
    Deno.exitCode = 1;
  }
}
