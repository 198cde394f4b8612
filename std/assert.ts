/** Typed door to `@std/assert`: npm's `deno-std` ships no types. @module */
// @ts-types="./types/assert.d.ts"
export {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "npm:deno-std@1.4.0/assert/mod.js";
