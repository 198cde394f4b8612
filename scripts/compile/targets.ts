/**
 * The machines that a program is made for.
 * @module
 */

/** A machine, as Deno names it. */
export interface Target {
  /** Deno's name. */
  readonly triple: string;
  /** Debian's cross compiler. */
  readonly compiler: string;
  /** The package that brings it. */
  readonly debian: string;
  /** The machine's number in an ELF header (`e_machine`). */
  readonly elfMachine: number;
}

const TARGETS: Readonly<Record<string, Target>> = {
  // deno-lint-ignore camelcase -- the machine's name
  x86_64: {
    triple: "x86_64-unknown-linux-gnu",
    compiler: "x86_64-linux-gnu-gcc",
    debian: "gcc-x86-64-linux-gnu libc6-dev-amd64-cross",
    elfMachine: 62,
  },
  aarch64: {
    triple: "aarch64-unknown-linux-gnu",
    compiler: "aarch64-linux-gnu-gcc",
    debian: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    elfMachine: 183,
  },
};

/** The newest symbol version of glibc that Rocky 9 has (Ubuntu 22.04: 2.35). */
export const GLIBC_LIMIT = "2.34";

/**
 * A target by Deno's name, or by the machine's alone.
 *
 * @param name Default: this machine.
 * @throws {RangeError} where there is none of this name.
 */
export function findTarget(name = Deno.build.target): Target {
  const short = name === "arm64" ? "aarch64" : name.split("-")[0] ?? "";
  const target = TARGETS[short];
  if (target !== undefined && (name === target.triple || !name.includes("-"))) {
    return target;
  }
  const known = Object.values(TARGETS).map(({ triple }) => triple);
  throw new RangeError(
    `There is no target "${name}": there are ${known.join(" and ")}`,
  );
}

/** Whether a target is another machine than this one. */
export function isForeign(target: Target): boolean {
  return target.triple !== Deno.build.target;
}
