/** What was perhaps meant by an unknown word. @module */

import { closestString, levenshteinDistance } from "../../std/text.ts";

/** Says what was perhaps meant, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const best = closestString(word, known);
  const near = levenshteinDistance(word, best) <= Math.max(1, best.length / 3);
  return near ? `; did you mean "${best}"?` : "";
}
