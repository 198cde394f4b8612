/**
 * Compiles the C helper into `native/build/libshmim.so`.
 *
 * `CC` names the compiler (default `cc`), `CFLAGS` is added at the end.
 * @module
 */

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
 * @throws {Error} in one line, where there is no compiler, no C library to
 * compile against, or an error in the sources.
 */
export function compile(args: string[]): void {
  const [compiler = "cc", ...first] = words(Deno.env.get("CC"));
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
          `package gcc with libc6-dev (Debian: apt-get install gcc libc6-dev)`,
      );
    }
    throw error;
  }
  if (result.success) return;
  const text = new TextDecoder().decode(result.stderr);
  if (
    /fatal error: \w+\.h: No such file|cannot find (-lc|Scrt1\.o)/.test(text)
  ) {
    throw new Error(
      "The C library's headers are missing; install the package libc6-dev " +
        "(Debian: apt-get install libc6-dev)",
    );
  }
  throw new Error(`"${compiler}" failed:\n${text}`);
}

function build(): void {
  Deno.mkdirSync(`${NATIVE}build`, { recursive: true });
  const target = `${NATIVE}build/libshmim.so`;
  const fresh = `${NATIVE}build/libshmim.${Deno.pid}.so`;
  compile([
    ...FLAGS,
    "-shared",
    "-o",
    fresh,
    ...helperSources(),
    "-lpthread",
  ]);
  // Never overwrite a library that a running program has mapped.
  Deno.renameSync(fresh, target);
}

if (import.meta.main) {
  try {
    build();
  } catch (error) {
    // deno-lint-ignore no-console -- a build script has no Output
    console.error(`shmim: ${(error as Error).message}`);
    Deno.exitCode = 1;
  }
}
