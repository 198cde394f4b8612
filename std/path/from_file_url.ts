/** Typed door to `@std/path/from-file-url`. @module */
// @ts-types="../types/path.d.ts"
export { fromFileUrl } from "npm:deno-std@1.4.0/path/posix/from_file_url.js";
