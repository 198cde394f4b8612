/**
 * Typed door to `@std/path`: npm's `deno-std` ships no types. The POSIX files
 * one by one, because the whole package costs 30 ms at every start; those that
 * few commands use have doors of their own in `path/`.
 *
 * @module
 */
// @ts-types="./types/path.d.ts"
export { basename } from "npm:deno-std@1.4.0/path/posix/basename.js";
// @ts-types="./types/path.d.ts"
export { dirname } from "npm:deno-std@1.4.0/path/posix/dirname.js";
// @ts-types="./types/path.d.ts"
export { isAbsolute } from "npm:deno-std@1.4.0/path/posix/is_absolute.js";
// @ts-types="./types/path.d.ts"
export { join } from "npm:deno-std@1.4.0/path/posix/join.js";
// @ts-types="./types/path.d.ts"
export { normalize } from "npm:deno-std@1.4.0/path/posix/normalize.js";
// @ts-types="./types/path.d.ts"
export { resolve } from "npm:deno-std@1.4.0/path/posix/resolve.js";
