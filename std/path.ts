/** Typed door to `@std/path`: npm's `deno-std` ships no types. @module */
// @ts-types="./types/path.d.ts"
export {
  basename,
  dirname,
  extname,
  fromFileUrl,
  globToRegExp,
  isAbsolute,
  join,
  normalize,
  relative,
  resolve,
} from "npm:deno-std@1.4.0/path/mod.js";
