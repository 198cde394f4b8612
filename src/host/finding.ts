/** What `doctor` finds. @module */

/** How grave: `broken` keeps something from working. */
export const GRAVITIES = ["ok", "note", "warning", "broken"] as const;

/** One of {@linkcode GRAVITIES}. */
export type Gravity = typeof GRAVITIES[number];

/** A finding. */
export interface Finding {
  /** Which check. */
  readonly check: string;
  /** How grave. */
  readonly gravity: Gravity;
  /** What was found. */
  readonly found: string;
  /** What it means; empty where all is well. */
  readonly means: string;
  /** The command that mends it; empty where there is none. */
  readonly mend: string;
}

/** All is well. */
export function well(check: string, found: string): Finding {
  return { check, gravity: "ok", found, means: "", mend: "" };
}

/** Something is not. */
export function ill(
  check: string,
  gravity: Exclude<Gravity, "ok">,
  facts: { found: string; means: string; mend?: string },
): Finding {
  return { check, gravity, mend: "", ...facts };
}
