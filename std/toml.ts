/** Typed door to `@std/toml`: npm's `deno-std` ships no types. @module */
// @ts-types="./types/toml.d.ts"
export { parse } from "npm:deno-std@1.4.0/toml/parse.js";
