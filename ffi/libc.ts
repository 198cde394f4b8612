/**
 * The C library itself: synchronous calls of fixed layout. errno is read in
 * the same step, before anything else can run.
 * @module
 */

const LIBC_SYMBOLS = {
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },
  // void *memcpy(void *, const void *, size_t): reads errno, since a scoped
  // ffi permission forbids Deno.UnsafePointerView
  memcpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" },
  // pid_t getpgid(pid_t)
  getpgid: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Where the C library lies, by machine and distribution. A scoped ffi
 * permission needs the absolute path as `dlopen` gets it.
 */
export const LIBC_PATHS: readonly string[] = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
];

type Libc = Deno.DynamicLibrary<typeof LIBC_SYMBOLS>["symbols"];
let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded !== undefined) return loaded;
  let refusal: unknown;
  for (const path of LIBC_PATHS) {
    try {
      loaded = Deno.dlopen(path, LIBC_SYMBOLS).symbols;
      return loaded;
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) refusal ??= error;
    }
  }
  throw refusal ?? new Deno.errors.NotFound(
    `Cannot load the C library: tried ${LIBC_PATHS.join(", ")}`,
  );
}

const errnoValue = new Int32Array(1);

function errno(symbols: Libc): number {
  symbols.memcpy(errnoValue, symbols.__errno_location(), 4n);
  return errnoValue[0] ?? 0;
}

const ESRCH = 3;

/**
 * Whether a process of this pid exists, as ImageStreamIO asks: `getpgid`
 * fails with nothing but "no such process". A process in another pid
 * namespace looks dead.
 *
 * @param pid The process id; 0 and less are nobody.
 */
export function processExists(pid: number): boolean {
  if (pid <= 0) return false;
  const symbols = libc();
  return symbols.getpgid(pid) !== -1 || errno(symbols) !== ESRCH;
}
