/** Typed door to `@std/path/resolve`. @module */
// @ts-types="../types/path.d.ts"
export { resolve } from "npm:deno-std@1.4.0/path/posix/resolve.js";
