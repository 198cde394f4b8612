/**
 * The part of `@std/testing/bdd` that shmim uses: `deno-std` leaves that
 * package out, and Deno's `node:test` has the same names.
 * @module
 */
export { after, afterEach, before, beforeEach, describe, it } from "node:test";
