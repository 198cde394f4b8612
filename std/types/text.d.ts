export declare function closestString(
  word: string,
  candidates: readonly string[],
): string;
export declare function levenshteinDistance(a: string, b: string): number;
