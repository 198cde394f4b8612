/** Typed door to `@std/path/glob-to-regexp`. @module */
// @ts-types="../types/path.d.ts"
export { globToRegExp } from "npm:deno-std@1.4.0/path/posix/glob_to_regexp.js";
