/** Typed door to `@std/text`: npm's `deno-std` ships no types. @module */
// @ts-types="./types/text.d.ts"
export { closestString } from "npm:deno-std@1.4.0/text/closest_string.js";
// @ts-types="./types/text.d.ts"
export { levenshteinDistance } from "npm:deno-std@1.4.0/text/levenshtein_distance.js";
