/** Typed door to `@std/fmt`: npm's `deno-std` ships no types. @module */
// @ts-types="./types/bytes.d.ts"
export { format as formatBytes } from "npm:deno-std@1.4.0/fmt/bytes.js";
// @ts-types="./types/colors.d.ts"
export {
  bold,
  dim,
  green,
  red,
  yellow,
} from "npm:deno-std@1.4.0/fmt/colors.js";
