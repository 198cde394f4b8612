/**
 * Tests that need something of the machine: where it is missing they are
 * skipped with a reason, and where CI=true its absence is a failure.
 * @module
 */

/** What a test needs: a reason why it cannot run, or `undefined`. */
export type Need = () => string | undefined;

/**
 * A test that runs only where the machine has what it needs.
 *
 * @param name The test's name.
 * @param need Says what is missing.
 * @param run The test.
 * @param options `optional`: a skip even in CI, since no package brings it.
 */
export function testWhere(
  name: string,
  need: Need,
  run: () => void | Promise<void>,
  options: { optional?: boolean } = {},
): void {
  Deno.test(name, async () => {
    if (has(need, name, options)) await run();
  });
}

/**
 * Whether the machine has what a test, or a part of one, needs; else that is
 * said, or is a failure.
 *
 * @param need Says what is missing.
 * @param name What does not run without.
 * @param options As for {@linkcode testWhere}.
 */
export function has(
  need: Need,
  name: string,
  options: { optional?: boolean } = {},
): boolean {
  const missing = need();
  if (missing === undefined) return true;
  if (Deno.env.get("CI") === "true" && !options.optional) {
    throw new Error(`CI lacks what this test needs: ${missing}`);
  }
  reportSkip(name, missing);
  return false;
}

/** Says that a test did not run, and why. */
export function reportSkip(name: string, reason: string): void {
  // deno-lint-ignore no-console
  console.log(`skipped "${name}": ${reason}`);
}

/** Needs a program on the PATH, which a Debian package brings. */
export function program(name: string, debian: string): Need {
  return () => {
    for (const dir of (Deno.env.get("PATH") ?? "").split(":")) {
      try {
        if (Deno.statSync(`${dir}/${name}`).isFile) return undefined;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return `no program "${name}" (Debian package ${debian})`;
  };
}

/** Needs the rights of root. */
export function root(): string | undefined {
  return Deno.uid() === 0 ? undefined : "only root may do this";
}

/** Needs all of them. */
export function all(...needs: Need[]): Need {
  return () => {
    for (const need of needs) {
      const missing = need();
      if (missing !== undefined) return missing;
    }
    return undefined;
  };
}
